import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import default_for, parse_spec
from tests.engine.grading.marking import mark

SCHEMA = {
    "type": "object",
    "required": ["code", "dose"],
    "properties": {
        "code": {"type": "string", "enum": ["A", "B"]},
        "dose": {"type": "number"},
        "count": {"type": ["integer", "null"]},
        "signs": {"type": "array", "items": {"type": "string"}},
        "sure": {"type": "boolean"},
        "note": {"type": "string"},
        "who": {"type": "object", "properties": {"first name": {"type": "string"}, "age": {"type": "integer"}}},
    },
}
ANSWER = {
    "code": "A",
    "dose": 5.0,
    "count": 2,
    "signs": ["x", "y"],
    "sure": True,
    "note": "n",
    "who": {"first name": "Z", "age": 4},
}


@pytest.mark.parametrize(
    ("answer_type", "reference", "right", "wrong"),
    [
        ("text", "Take two tablets a day.", "Take two tablets a day.", "Nothing to be done"),
        ("number", 12.5, "So the dose is 12.5 mg.", "20"),
        ("choice", "emergency", "Emergency.", "billing"),
        ("ranking", ["FBN1"], "FBN1, SKI", "SKI, LOX"),
        ("set", ["fever", "cough"], "cough, fever", "rash"),
        ("json", {"a": 1, "b": "x"}, '{"b": "X", "a": 1}', "{}"),
    ],
)
def test_works_for_each_answer_type(answer_type, reference, right, wrong):
    spec = default_for(answer_type, choices=["emergency", "billing"] if answer_type == "choice" else ())
    json.dumps(spec)
    assert mark(spec, right, reference).score == 1
    assert mark(spec, wrong, reference).score < 0.5


def test_a_mention_of_the_right_label_is_worth_a_little():
    assert mark(default_for("choice", choices=["a1", "b1"]), "surely b1", "b1").score == 0.2


def test_json_by_schema_grades_each_property_in_its_own_way():
    spec = default_for("json", schema=SCHEMA)
    kinds = {each["path"]: (each["grader"]["type"], each["required"]) for each in spec["fields"]}
    assert kinds == {
        "code": ("exact_choice", True),
        "dose": ("number", True),
        "count": ("number", False),
        "signs": ("set_match", False),
        "sure": ("exact_choice", False),
        "note": ("text_similarity", False),
        "who.first name": ("text_similarity", True),
        "who.age": ("number", True),
    }
    assert mark(spec, json.dumps(ANSWER), ANSWER).score == 1
    assert mark(spec, json.dumps({**ANSWER, "sure": False}), ANSWER).score == pytest.approx(8 / 9)
    assert mark(spec, "no json", ANSWER).score == 0


@pytest.mark.parametrize("schema", [None, {}, {"type": "array"}, {"properties": 5}, {"properties": {"a": 5}}])
def test_odd_schemas_still_give_a_valid_grader(schema):
    parse_spec(default_for("json", schema=schema))


def test_uses_the_field_that_holds_the_answer():
    assert default_for("text", field_names=["question", "answer"])["reference"] == "{{ item.answer }}"
    assert default_for("text", field_names=["answer", "reference_answer"])["reference"] == "{{ item.reference_answer }}"
    assert default_for("text", field_names=["question"])["reference"] == "{{ item.reference_answer }}"


def test_unknown_answer_type():
    with pytest.raises(SpecError) as caught:
        default_for("essay")
    assert "ranking" in caught.value.fix
