"""Paths into JSON values: `diagnosis[0].code`, `["odd key"].name`. No wildcards, no attributes, no code."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Step = str | int
MAX_STEPS = 32

_STEP = re.compile(
    r"""\s*(?:
        \[\s*(?P<index>\d{1,9})\s*\]
      | \[\s*"(?P<double>[^"]*)"\s*\]
      | \[\s*'(?P<single>[^']*)'\s*\]
      | (?P<dot>\.?)\s*(?P<key>[^\s.\[\]{}"'][^.\[\]{}"']*)
    )""",
    re.VERBOSE,
)


class PathError(ValueError):
    """The text is not a path."""


def parse_path(text: str) -> tuple[Step, ...]:
    """Split a path into keys (str) and list positions (int, from 0). Raises `PathError`."""
    steps: list[Step] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or len(steps) >= MAX_STEPS or (match["key"] and bool(match["dot"]) != bool(steps)):
            raise PathError(f"“{text[:80]}” is not a path such as diagnosis[0].code.")
        position = match.end()
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["key"] is not None:
            steps.append(match["key"].rstrip())
        else:
            steps.append(match["double"] if match["double"] is not None else match["single"])
    if not steps:
        raise PathError("The path is empty.")
    return tuple(steps)


def follow(value: Any, steps: Sequence[Step]) -> Any:
    """The value at the end of the path. Raises `LookupError` where a step leads nowhere."""
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list | tuple):
                raise LookupError(step)
            value = value[step]
        elif isinstance(value, Mapping):
            value = value[step]
        else:
            raise LookupError(step)
    return value


def format_path(steps: Sequence[Step]) -> str:
    """The path as a person writes it."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[^\s.\[\]{}\"'](?:[^.\[\]{}\"']*[^\s.\[\]{}\"'])?", step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
