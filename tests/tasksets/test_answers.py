"""Reference answers: read, checked and written back, by answer type."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.answers import (
    answer_limit,
    answer_line,
    answer_text,
    check_answer,
    check_options,
    read_answer,
)

DESKS = {"choices": [{"label": "emergency"}, {"label": "billing"}]}
SCHEMA = {"schema": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}}}


@pytest.mark.parametrize(
    ("raw", "kind", "options", "value"),
    [
        ("  ", "text", {}, None),
        ("Asthma", "text", {}, "Asthma"),
        (7, "text", {}, "7"),
        ("12", "number", {}, 12),
        ("12.50 mg", "number", {"unit": "mg"}, 12.5),
        ("−3", "number", {}, -3),
        ("1e-3", "number", {}, 0.001),
        ("Emergency.", "choice", DESKS, "emergency"),
        (["billing"], "choice", DESKS, "billing"),
        ("1. BRCA1\n2. TP53", "ranking", {}, ["BRCA1", "TP53"]),
        ('["a, b", "c"]', "set", {}, ["a, b", "c"]),
        ("a; b", "set", {}, ["a", "b"]),
        ("one", "ranking", {}, ["one"]),
        ('{"code": "J45"}', "json", SCHEMA, {"code": "J45"}),
    ],
)
def test_answers_are_read_as_typed(raw, kind, options, value):
    assert read_answer(raw, kind, options) == value


@pytest.mark.parametrize(
    ("raw", "kind", "options", "message"),
    [
        ("urgent", "choice", DESKS, "Allowed: emergency, billing"),
        ("about 12", "number", {}, "is not a number"),
        ("1,234", "number", {}, "comma is unclear"),
        ("5 g", "number", {"unit": "mg"}, "the unit (mg) may follow"),
        (float("nan"), "number", {}, "not finite"),
        (True, "number", {}, "is not a number"),
        ("a\nA", "set", {}, "stands twice"),
        (["a", ""], "ranking", {}, "Entry 2"),
        ([], "set", {}, "is empty"),
        ({"a": 1}, "ranking", {}, "must be a ranked list"),
        ("{", "json", {}, "line 1, column 2"),
        ('{"code": 5}', "json", SCHEMA, "At code"),
        ("{}", "json", SCHEMA, "'code' is a required property"),
        ('{"a": 1, "a": 2}', "json", {}, "stands twice"),
        ('{"a": NaN}', "json", {}, "NaN is not JSON"),
        ("[" * 5000, "json", {}, "JSON"),
        ('{"a": "\\ud800"}', "json", {}, "half of a character"),
        ("3", "json", {}, "object or array"),
        ("a\0b", "text", {}, "NUL byte"),
        ("a\u202eb", "text", {}, "reading direction"),
        ("x" * 1_000_000, "text", {}, "1,000,000 characters"),
        ({"a": {"b": 1}}, "text", {}, "must be text"),
    ],
)
def test_a_wrong_answer_says_what_to_do(raw, kind, options, message):
    with pytest.raises(SpecError) as caught:
        read_answer(raw, kind, options)
    assert message in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("choice", {"choices": [{"label": "a"}]}, "fewer than two"),
        ("choice", {"choices": [{"label": "A b"}, {"label": "a  B"}]}, "the same choice"),
        ("choice", {"choices": [{"label": "a"}, {"label": " "}]}, "empty"),
        ("json", {"schema": {"type": "nonsense"}}, "schema is not valid"),
        ("json", {"schema": {"$ref": "https://example.org/schema.json"}}, "outside itself"),
        ("json", {"schema": []}, None),
        ("json", {"schema": [1]}, "must be a JSON object"),
    ],
)
def test_options_are_checked(kind, options, message):
    if message is None:
        check_options(kind, options)
        return
    with pytest.raises(SpecError, match=message):
        check_options(kind, options)


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "#/$defs/none"}, {"properties": {"a": {"pattern": "("}}}])
def test_a_schema_that_cannot_be_applied_is_the_authors_mistake(schema):
    with pytest.raises(SpecError, match="schema"):
        check_answer({"a": "x"}, "json", {"schema": schema})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("line one\nline two", "text"),
        (12.5, "number"),
        (3.0, "number"),
        ("emergency", "choice"),
        (["a", "b; c"], "ranking"),
        (["a, b"], "set"),
        (["a", "b"], "set"),
        ({"code": "J45"}, "json"),
    ],
)
def test_what_is_written_is_read_back(value, kind):
    options = DESKS if kind == "choice" else {}
    assert read_answer(answer_text(value, kind), kind, options) == value or kind == "set"
    assert read_answer(answer_line(value, kind), kind, options) == value


def test_only_the_answers_of_a_choice_have_a_known_length():
    assert answer_limit("choice", DESKS) == 16
    assert answer_limit("choice", {"choices": [{"label": "diffuse large B-cell lymphoma"}, {"label": "é" * 40}]}) == 84
    assert answer_limit("choice", {}) is None
    assert answer_limit("json", SCHEMA) is None
    assert answer_limit("text", {}) is None
