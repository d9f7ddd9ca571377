"""Whatever is wrong with a grader: the error names the place, what is wrong there, and what to do about it.

Every field of every kind is given every sort of wrong value, alone and inside other graders.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import KINDS, parse_spec, spec_errors
from rftstudio.engine.grading.path import follow, parse_path
from tests.engine.grading.marking import check
from tests.engine.grading.test_spec import EVERY_KIND

WRONG: dict[str, Any] = {
    "null": None,
    "a word": "nonsense ✗",
    "an empty text": "",
    "a number": 7.25,
    "a negative number": -3,
    "a huge number": 10**400,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "true": True,
    "a list": [1, "x", None],
    "an empty list": [],
    "an object": {"odd": 1},
    "an object in a list": [{"odd": [1]}],
    "an empty object": {},
    "a long text": "x" * 20_000,
    "a broken template": "{{ item.x",
    "an unknown variable": "{{ system.password }}",
    "bytes": b"\x00",
    "an unstorable text": "a\0b",
    "half a pair": "\ud800",
}

# Where graders stand inside others: how to wrap one, and the path that leads to it.
WRAPPED = {
    "alone": (lambda spec: spec, ""),
    "in a formula": (lambda spec: {"type": "multi", "graders": {"x": spec}, "calculate_output": "x"}, "graders.x"),
    "in a formula's array": (
        lambda spec: {"type": "multi", "graders": [{**spec, "name": "x"}], "calculate_output": "x"},
        "graders.x",
    ),
    "in a rubric": (lambda spec: {"type": "rubric", "criteria": [{"name": "c", "check": spec}]}, "criteria[0].check"),
    "in a field": (
        lambda spec: {"type": "json_fields", "fields": [{"path": "a.b", "grader": spec}]},
        "fields[0].grader",
    ),
    "deeper": (
        lambda spec: {
            "type": "rubric",
            "criteria": [
                {"name": "a", "check": check("eq", "x")},
                {
                    "name": "b",
                    "check": {"type": "multi", "graders": {"multi": spec}, "calculate_output": "multi"},
                },
            ],
        },
        "criteria[1].check.graders.multi",
    ),
}


def valid(data: Any) -> bool:
    try:
        parse_spec(data)
    except SpecError:
        return False
    return True


def assert_tells(data: Any, beginning: str = "") -> None:
    errors = spec_errors(data)
    assert errors
    for error in errors:
        assert error.path, error
        assert error.path.startswith(beginning), error
        assert error.message.strip()
        assert error.fix.strip(), error
        assert len(error.message) + len(error.fix) < 1500
        str(error).encode()
    with pytest.raises(SpecError) as caught:
        parse_spec(data)
    assert caught.value.path in {error.path for error in errors}


def fields_of(kind: str) -> list[str]:
    return [name for name in KINDS[kind].model_fields if name != "type"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_in_any_field(kind, wrong):
    found = 0
    for field in fields_of(kind):
        data = {**EVERY_KIND[kind], field: WRONG[wrong]}
        if not valid(data):
            found += 1
            assert_tells(data)
            assert any(field in error.path or error.path in fields_of(kind) for error in spec_errors(data))
    assert found, "at least one field refuses this"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", WRAPPED)
def test_the_path_leads_into_nested_graders(kind, where):
    wrap, path = WRAPPED[where]
    assert valid(wrap(EVERY_KIND[kind]))
    for field in fields_of(kind):
        if field == "name" and where == "in a formula's array":
            continue
        for wrong in ({"odd": object()}, 7.25, "{{ item.x"):
            data = wrap({**EVERY_KIND[kind], field: wrong})
            if not valid(data):
                assert_tells(data, f"{path}." if path else "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", WRAPPED)
def test_an_unknown_field_is_named_where_it_stands(kind, where):
    wrap, path = WRAPPED[where]
    data = wrap({**EVERY_KIND[kind], "colour": "red"})
    assert_tells(data, f"{path}.colour".lstrip("."))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", WRAPPED)
def test_a_missing_field_is_named_where_it_is_missing(kind, where):
    wrap, path = WRAPPED[where]
    for field in [name for name, about in KINDS[kind].model_fields.items() if about.is_required()]:
        data = wrap({name: value for name, value in EVERY_KIND[kind].items() if name != field})
        assert_tells(data, f"{path}.{field}".lstrip("."))


@pytest.mark.parametrize("where", WRAPPED)
@pytest.mark.parametrize("wrong", [None, 5, "text", [], "missing", "numbr"])
def test_a_wrong_type_is_named_where_it_stands(where, wrong):
    wrap, path = WRAPPED[where]
    inner = {"tolerance": 1} if wrong == "missing" else {"type": wrong, "tolerance": 1}
    assert_tells(wrap(inner), f"{path}.type".lstrip("."))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a spec, outermost first."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_at_any_depth(kind):
    """Each value of a whole spec in turn, however deep it stands, replaced by each wrong one."""
    for place in places(EVERY_KIND[kind]):
        for wrong in (None, 7.25, [None], {"odd": 1}, "✗"):
            data = copy.deepcopy(EVERY_KIND[kind])
            follow(data, place[:-1])[place[-1]] = wrong
            if not valid(data):
                assert_tells(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_can_be_followed(kind):
    """What an error names exists in what was written, but for fields that are missing there."""
    for field in fields_of(kind):
        data = {**EVERY_KIND[kind], field: {"odd": 1}}
        if valid(data):
            continue
        for error in spec_errors(data):
            steps = parse_path(error.path)
            assert follow(data, steps[:1]) is not None or steps[0] in KINDS[kind].model_fields


@pytest.mark.parametrize("whole", [None, 5, "text", [], True])
def test_what_is_no_object_is_said(whole):
    (error,) = spec_errors(whole)
    assert "JSON object" in error.message
    assert error.fix
