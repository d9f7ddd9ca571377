"""Read the JSON in an answer: the whole text, or the one fenced block in it. Bounded depth, no NaN or infinities."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

MAX_DEPTH = 100

_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)


def parse_json(text: str) -> Any:
    """The value. Raises `ValueError` with a sentence that says what is wrong."""
    text = text.strip()
    if not text:
        raise ValueError("it is empty")
    if not text.startswith(("{", "[", '"')) and (fenced := _FENCE.search(text)):
        text = fenced[1].strip()
    elif text.startswith("```"):
        raise ValueError("a code block is opened and never closed")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as failure:
        raise ValueError(f"{failure.msg} at line {failure.lineno}, column {failure.colno}") from None
    # What opens no more brackets than that cannot be nested deeper, and needs no look at every value.
    if text.count("[") + text.count("{") > MAX_DEPTH and is_deeper_than(value, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    return value


def is_deeper_than(value: Any, limit: int) -> bool:
    """Whether lists and objects are nested deeper than `limit`. Not recursive."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for each in level
            if isinstance(each, list | Mapping)
            for child in (each.values() if isinstance(each, Mapping) else each)
        ]
        if not level:
            return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
