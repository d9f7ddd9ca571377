"""What differs between two specs, field by field, as a person reads it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

_ABSENT: Any = object()


@dataclass(frozen=True)
class Change:
    """One field. kind: added, removed or changed; before and after are "" where there is nothing."""

    path: str
    kind: str
    before: str
    after: str


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Fields that differ, in the order of the newer spec. Criteria are told apart by name, JSON fields by path."""
    old, new = dict(_flat(before)), dict(_flat(after))
    found = []
    for path in _merged(list(old), list(new)):
        was, now = old.get(path, _ABSENT), new.get(path, _ABSENT)
        if was != now:
            kind = "added" if was is _ABSENT else "removed" if now is _ABSENT else "changed"
            found.append(Change(path, kind, _text(was), _text(now)))
    return found


def _flat(spec: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(spec, Mapping) and spec:
        for key, value in spec.items():
            yield from _flat(value, f"{path} › {key}" if path else str(key))
    elif isinstance(spec, list) and spec and all(isinstance(each, Mapping) for each in spec):
        for index, each in enumerate(spec, 1):
            label = each.get("name") or each.get("path") or index
            yield from _flat(each, f"{path} › {label}")
        yield f"{path} › order", [each.get("name") or each.get("path") or index for index, each in enumerate(spec, 1)]
    else:
        yield path, spec


def _merged(old: list[str], new: list[str]) -> list[str]:
    """Both orders in one: what was removed stands where it stood."""
    merged: list[str] = []
    for verb, start, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if verb != "insert":
            merged += old[start:end]
        if verb in ("insert", "replace"):
            merged += new[first:last]
    return list(dict.fromkeys(merged))


def _text(value: Any) -> str:
    if value is _ABSENT:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
