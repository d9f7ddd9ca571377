"""What an answer says, as its task reads it: so that answers can be compared with each other and with the reference.

It does not grade. "" stands for an answer that is not in the form asked for.
"""

import json
from collections.abc import Mapping
from typing import Any

from rftstudio.engine.grading.answer_list import parse_list, without_comment
from rftstudio.engine.grading.json_text import parse_json
from rftstudio.engine.grading.number_text import find_numbers
from rftstudio.engine.grading.text import normalise
from rftstudio.tasksets.answers import choice_labels, shown_answer

LONGEST = 300  # characters of a meaning


def meaning_of(text: str, answer_type: str, options: Mapping[str, Any]) -> str:
    """A choice: the label it is. A number: its last number. A ranking: its first entry. A set: its entries in order of
    the alphabet. JSON: the value, written one way. Text: its words without case and outer punctuation."""
    match answer_type:
        case "choice":
            said = normalise(text)
            return next((label for label in choice_labels(options) if normalise(label) == said), "")
        case "number":
            return next((f"{found.value:g}" for found in reversed(list(find_numbers(text)))), "")
        case "ranking":
            return next((normalise(without_comment(entry)) for entry in parse_list(text)), "")[:LONGEST]
        case "set":
            return "; ".join(sorted({normalise(without_comment(entry)) for entry in parse_list(text)} - {""}))[:LONGEST]
        case "json":
            try:
                return json.dumps(parse_json(text), sort_keys=True, ensure_ascii=False)[:LONGEST]
            except ValueError:
                return ""
    return normalise(text)[:LONGEST]


def reference_meaning(value: Any, answer_type: str, options: Mapping[str, Any]) -> str:
    """The same of a stored reference answer."""
    return meaning_of(shown_answer(value, answer_type), answer_type, options)
