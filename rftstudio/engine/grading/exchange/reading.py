"""A pasted or uploaded file of graders: JSON or YAML, OpenAI's or promptfoo's, told apart by what stands in it.

Bounded in size, depth and number of values, since YAML's aliases can make a page of text into billions of values.
"""

import json
import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.exchange.openai_json import FIELDS, read_openai
from rftstudio.engine.grading.exchange.promptfoo import is_promptfoo, read_promptfoo
from rftstudio.engine.grading.exchange.report import Report

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 40


def read_graders(text: str, *, source: str = "") -> Report:
    """What became of the graders in a text. source: `openai` or `promptfoo`; "" finds out.

    Raises `SpecError` with line and column where the text cannot be read at all.
    """
    data = parse_text(text)
    if source == "promptfoo" or (not source and is_promptfoo(data)):
        return read_promptfoo(data)
    return read_openai(data)


def parse_text(text: str) -> Any:
    """JSON or YAML as plain values. Raises `SpecError`."""
    if len(text) > MAX_CHARACTERS:
        raise SpecError(f"The text is longer than {MAX_CHARACTERS:,} characters.", fix="Give one grader at a time.")
    if not text.strip():
        raise SpecError("There is nothing here.", fix="Paste a grader, or choose a file.")
    text = text.removeprefix("\ufeff")
    data = _json(text) if text.lstrip().startswith(("{", "[")) else _yaml(text)
    return _bounded(data)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise SpecError("This JSON is nested too deep.", fix="Flatten it.") from None
    except json.JSONDecodeError as error:
        try:
            return _yaml(text)  # YAML's own braces, which are no JSON
        except SpecError:
            place = f"line {error.lineno}, column {error.colno}"
            raise SpecError("This is not valid JSON.", path=place, fix=f"{error.msg}.") from None
    except ValueError as error:
        raise SpecError("This JSON cannot be read.", fix=str(error)[:200]) from None


def _yaml(text: str) -> Any:
    yaml = import_module("yaml")
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except RecursionError:
        raise SpecError("This YAML is nested too deep.", fix="Flatten it.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = str(getattr(error, "problem", "") or "it cannot be read")
        raise SpecError("This is not valid YAML.", path=place, fix=f"{problem[:1].upper()}{problem[1:200]}.") from None
    except ValueError as error:  # a date that is none
        raise SpecError("This YAML cannot be read.", fix=str(error)[:200]) from None


def _bounded(data: Any) -> Any:
    """The data as JSON has it: names as text, dates as text, nothing endless. Raises `SpecError`."""
    left = [MAX_VALUES]

    def plain(value: Any, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > MAX_DEPTH:
            raise SpecError(
                "The text holds too many values, or values nested too deep.", fix="Give one grader at a time."
            )
        if isinstance(value, Mapping):
            return {str(key): plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple | set):
            return [plain(each, depth + 1) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise SpecError(f"{value} is not a number that can be used.", fix="Write a finite one.")
        return value if isinstance(value, str | int | float | bool | None) else str(value)

    return plain(data, 0)


__all__ = ["FIELDS", "parse_text", "read_graders"]
