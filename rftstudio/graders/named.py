"""What a grader names outside itself: judges, by `model`, word lists, by `synonyms_list`, and secrets.

Works on the JSON form, so that drafts and stored versions are looked at alike, whatever kinds they hold.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from rftstudio.engine.grading.path import format_path

JUDGE = "model"
LIST = "synonyms_list"
SECRET = "secret"
_NOT_OURS = ("json_schema", "sampling_params", "input", "synonyms")  # an author's own content, whatever its keys are

Step = tuple[str | int, ...]


def named_judges(spec: Any) -> list[tuple[str, str]]:
    """(path of the field, the judge's name), in the order of the spec."""
    return [(format_path(path), name) for path, name in _walk(spec, JUDGE)]


def with_judges(spec: Any, change: Callable[[str], str]) -> Any:
    """The same spec with every judge named as `change` says."""
    copy = deepcopy(spec)
    for _, node in list(_nodes(copy)):
        name = node.get(JUDGE)
        if isinstance(name, str) and isinstance(node, dict):
            node[JUDGE] = change(name)
    return copy


def named_lists(spec: Any) -> list[tuple[str, str]]:
    """(path of the field, the list as it is named: `genes` or `genes@3`), in the order of the spec."""
    return [(format_path(path), name) for path, name in _walk(spec, LIST)]


def named_secrets(spec: Any) -> list[tuple[str, str, str]]:
    """(path of the field, the secret's name, the address that is sent it), in the order of the spec."""
    found = []
    for path, node in _nodes(spec):
        name, url = node.get(SECRET), node.get("url")
        if node.get("type") == "endpoint" and isinstance(name, str) and name.strip():
            found.append((format_path((*path, SECRET)), name.strip(), url if isinstance(url, str) else ""))
    return found


def with_lists(spec: Any, change: Callable[[str], str]) -> Any:
    """The same spec with every list named as `change` says."""
    if isinstance(spec, list):
        return [with_lists(each, change) for each in spec]
    if not isinstance(spec, Mapping):
        return spec
    changed: dict[str, Any] = {}
    for key, value in spec.items():
        if key == LIST and isinstance(value, str) and value.strip():
            changed[key] = change(value)
        elif key == "graders" and isinstance(value, Mapping):
            changed[key] = {name: with_lists(part, change) for name, part in value.items()}
        else:
            changed[key] = value if key in _NOT_OURS else with_lists(value, change)
    return changed


def _walk(spec: Any, wanted: str) -> Iterator[tuple[Step, str]]:
    for path, node in _nodes(spec):
        name = node.get(wanted)
        if isinstance(name, str) and name.strip():
            yield (*path, wanted), name.strip()


def _nodes(value: Any, path: Step = ()) -> Iterator[tuple[Step, Mapping[str, Any]]]:
    """Every object of a spec, outer ones first."""
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nodes(inner, (*path, index))
    elif isinstance(value, Mapping):
        yield path, value
        for key, inner in value.items():
            if key == "graders" and isinstance(inner, Mapping):
                for name, part in inner.items():  # their names may be any of ours
                    yield from _nodes(part, (*path, key, name))
            elif key not in _NOT_OURS:
                yield from _nodes(inner, (*path, key))
