"""What each column of a file becomes: a field of the item, its answer, split, tags, notes, id, or nothing."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import normalise
from rftstudio.tasksets.answers import choice_labels
from rftstudio.tasksets.definition import MAX_FIELDS, Definition, field_name

IGNORE, NEW = "", "new"
PARTS = {
    "reference_answer": "Reference answer",
    "split": "Split",
    "tags": "Tags",
    "notes": "Notes",
    "key": "Id",
}
CONVERSATION = "messages"
CONVERSATION_IF_EMPTY = "messages_if_empty"
_WORDS = {
    "reference_answer": "reference_answer reference answer expected expected_answer target output gold correct_answer "
    "right_answer ground_truth solution label correct",
    "split": "split dataset_split subset partition",
    "tags": "tags tag keywords",
    "notes": "notes note comment comments remark remarks",
    "key": "id key item_id",
    CONVERSATION: "messages conversation",
}
_PART_OF_WORD = {word: part for part, words in _WORDS.items() for word in words.split()}


def choices(definition: Definition, column: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The options for one column, grouped for a select."""
    fields = [(f"field:{entry['name']}", entry["label"]) for entry in definition["input_fields"]]
    fields.append((NEW, f"A new field “{column['name'][:40]}”"))
    parts = list(PARTS.items())
    if column.get("is_list"):
        parts.append((CONVERSATION, "The whole conversation, as it is"))
        parts.append((CONVERSATION_IF_EMPTY, "The conversation, where the fields are empty"))
    return [("", [(IGNORE, "Leave out")]), ("What the model is asked", fields), ("About the item", parts)]


def guess(columns: Sequence[Mapping[str, Any]], definition: Definition) -> list[str]:
    """A target for each column, by its name; certain guesses only, except for the last column left."""
    by_name: dict[str, str] = {}
    for entry in definition["input_fields"]:
        for word in (entry["name"], entry["label"]):
            by_name.setdefault(_plain(word), f"field:{entry['name']}")
    targets = [IGNORE] * len(columns)
    used: set[str] = set()
    for index, column in enumerate(columns):
        target = by_name.get(_plain(column["name"])) or _PART_OF_WORD.get(_plain(column["name"]), IGNORE)
        if target == CONVERSATION and not column.get("is_list"):
            target = IGNORE
        if target and target not in used:
            targets[index] = target
            used.add(target)
    if "reference_answer" not in used and (place := _column_of_labels(columns, targets, definition)) is not None:
        targets[place] = "reference_answer"
        used.add("reference_answer")
    open_fields = [f"field:{entry['name']}" for entry in definition["input_fields"]]
    open_fields = [target for target in open_fields if target not in used]
    free = [index for index, target in enumerate(targets) if target == IGNORE and columns[index]["examples"]]
    if CONVERSATION in used:
        if not open_fields:  # our own export: the messages follow from the fields, but for imported conversations
            targets[targets.index(CONVERSATION)] = CONVERSATION_IF_EMPTY
    elif len(open_fields) == 1 and len(free) == 1:
        targets[free[0]] = open_fields[0]
    return targets


def _column_of_labels(
    columns: Sequence[Mapping[str, Any]], targets: Sequence[str], definition: Definition
) -> int | None:
    """The free column most of whose examples are this task's choices."""
    labels = {normalise(label) for label in choice_labels(definition["answer_options"])}
    for index, column in enumerate(columns):
        hits = sum(normalise(example) in labels for example in column["examples"])
        if targets[index] == IGNORE and hits and hits * 2 >= len(column["examples"]):
            return index
    return None


def check_targets(
    targets: Sequence[str], columns: Sequence[Mapping[str, Any]], definition: Definition
) -> list[SpecError]:
    """What is wrong with a mapping; path is the column's number, from 0, or empty."""
    allowed = {option for column in columns for _, group in choices(definition, column) for option, _ in group}
    errors = []
    seen: dict[str, int] = {}
    for index, target in enumerate(targets):
        if target not in allowed:
            errors.append(SpecError("This cannot be chosen.", path=str(index), fix="Choose again."))
        elif target not in (IGNORE, NEW) and target in seen:
            other = columns[seen[target]]["name"]
            message = f"“{other}” is already used for this."
            errors.append(SpecError(message, path=str(index), fix="Each field takes one column; leave the other out."))
        seen.setdefault(target, index)
    if not any(
        target in (CONVERSATION, CONVERSATION_IF_EMPTY, NEW) or target.startswith("field:") for target in targets
    ):
        message = "No column says what the model is asked."
        errors.append(SpecError(message, fix="Choose at least one field, or the conversation."))
    if len(definition["input_fields"]) + targets.count(NEW) > MAX_FIELDS:
        errors.append(SpecError(f"A task set has at most {MAX_FIELDS} fields.", fix="Leave some columns out."))
    return errors


def with_new_fields(
    definition: Definition, targets: Sequence[str], columns: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """The definition with a field for every `new` column, and the targets with those names filled in."""
    fields = [dict(entry) for entry in definition["input_fields"]]
    resolved = []
    for target, column in zip(targets, columns, strict=True):
        if target == NEW:
            name = field_name(column["name"], [entry["name"] for entry in fields])
            fields.append({"name": name, "label": column["name"][:80], "help": ""})
            target = f"field:{name}"
        resolved.append(target)
    return {**definition, "input_fields": fields}, resolved


def _plain(word: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", word.casefold()).strip("_")
