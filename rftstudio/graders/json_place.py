"""Where in a JSON text a value stands, so that an error about `criteria[2].weight` can be shown beside its line."""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]

from rftstudio.engine.grading.path import Step, format_path

_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_LAST = re.compile(r"(?:\.[^.\[\]]*|\[[^\[\]]*\]|^[^.\[\]]*)$")
_NAMED = re.compile(r"\bline (\d{1,7})(?:,? column (\d{1,7}))?")

Place = tuple[int, int]  # line and column, from 1


def place_of(text: str, path: str) -> Place:
    """Line and column of the value at a path, or of the nearest thing around it that is there. The text is JSON."""
    places = _offsets(text)
    while path and path not in places:
        last = _LAST.search(path)
        path = path[: last.start()] if last else ""
    return _place(text, places.get(path, 0))


def named_place(message: str) -> Place | None:
    """The place that a message itself names, as in “line 3, column 7”."""
    found = _NAMED.search(message)
    return (int(found[1]), int(found[2] or 1)) if found else None


def _place(text: str, offset: int) -> Place:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _offsets(text: str) -> dict[str, int]:
    """Where each value begins, by path; a key's own place for what an object holds. {} for what is no JSON."""
    found: dict[str, int] = {}
    try:
        _walk(text, _space(text, 0), (), found)
    except (ValueError, IndexError, RecursionError):
        return found
    return found


def _walk(text: str, at: int, steps: tuple[Step, ...], found: dict[str, int]) -> int:
    found.setdefault(format_path(steps), at)
    if text[at] == "{":
        return _object(text, at, steps, found)
    if text[at] == "[":
        return _array(text, at, steps, found)
    if text[at] == '"':
        end: int = scanstring(text, at + 1)[1]
        return end
    scalar = _SCALAR.match(text, at)
    if scalar is None:
        raise ValueError(at)
    json.loads(scalar[0])
    return scalar.end()


def _object(text: str, at: int, steps: tuple[Step, ...], found: dict[str, int]) -> int:
    at = _space(text, at + 1)
    while text[at] != "}":
        key, end = scanstring(text, at + 1)
        found.setdefault(format_path((*steps, key)), at)
        colon = _space(text, end)
        at = _space(text, _walk(text, _space(text, colon + 1), (*steps, key), found))
        if text[at] == ",":
            at = _space(text, at + 1)
    return at + 1


def _array(text: str, at: int, steps: tuple[Step, ...], found: dict[str, int]) -> int:
    at, index = _space(text, at + 1), 0
    while text[at] != "]":
        at = _space(text, _walk(text, at, (*steps, index), found))
        index += 1
        if text[at] == ",":
            at = _space(text, at + 1)
    return at + 1


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
