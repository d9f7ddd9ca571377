import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from tests.engine.grading.marking import mark

REFERENCE = {"diagnosis": [{"code": "I21", "name": "Myocardial infarction"}], "dose": 5, "signs": ["pain", "sweat"]}
FIELDS = [
    {"path": "diagnosis[0].code", "weight": 2, "grader": {"type": "exact_choice"}},
    {"path": "dose", "grader": {"type": "number", "tolerance": 1}},
    {"path": "signs", "grader": {"type": "set_match"}},
]


def fields(*entries, **extra):
    return {"type": "json_fields", "fields": list(entries or FIELDS), **extra}


def answer(**changes):
    return json.dumps({**REFERENCE, **changes})


def test_weighted_mean_of_the_fields():
    grade = mark(fields(), answer(), REFERENCE)
    assert grade.score == 1
    assert [(child.name, child.type, child.weight) for child in grade.children] == [
        ("diagnosis[0].code", "exact_choice", 0.5),
        ("dose", "number", 0.25),
        ("signs", "set_match", 0.25),
    ]
    assert mark(fields(), answer(dose=9), REFERENCE).score == 0.75
    assert mark(fields(), answer(diagnosis=[{"code": "I20"}]), REFERENCE).score == 0.5
    assert mark(fields(), answer(signs=["sweat"]), REFERENCE).score == pytest.approx(0.75 + 0.25 * 2 / 3)


def test_reference_may_be_json_text_and_the_answer_fenced():
    assert mark(fields(), f"Here you are:\n```json\n{answer()}\n```", json.dumps(REFERENCE)).score == 1


def test_a_missing_required_field_scores_zero_an_optional_one_does_not_count():
    without = json.dumps({"diagnosis": REFERENCE["diagnosis"], "signs": ["pain", "sweat"]})
    assert mark(fields(), without, REFERENCE).score == 0.75
    optional = fields(FIELDS[0], {**FIELDS[1], "required": False}, FIELDS[2])
    grade = mark(optional, without, REFERENCE)
    assert grade.score == 1
    assert (grade.children[1].score, grade.children[1].weight) == (None, 0)


def test_leaving_everything_out_does_not_pay():
    assert mark(fields({**FIELDS[1], "required": False}), "{}", REFERENCE).score == 0


@pytest.mark.parametrize(
    ("required", "text", "score"),
    [(False, "{}", 1), (False, '{"dose": null}', 1), (False, '{"dose": 5}', 0), (True, "{}", 0)],
)
def test_where_the_reference_has_nothing(required, text, score):
    assert mark(fields({**FIELDS[1], "required": required}), text, {"other": 1}).score == score


def test_a_required_field_that_the_reference_lacks_gives_no_score():
    grade = mark(fields(FIELDS[1]), '{"dose": 5}', {"other": 1})
    assert (grade.score, grade.error.flag) == (None, "invalid_variable_error")
    assert "nothing at dose" in grade.error.message


@pytest.mark.parametrize(("text", "score"), [('{"dose": null}', 1), ("{}", 1), ('{"dose": 5}', 0)])
def test_null_in_the_reference_asks_for_nothing(text, score):
    assert mark(fields(FIELDS[1]), text, {"dose": None}).score == score


@pytest.mark.parametrize(
    "text", ["", "twelve", '{"dose": 5', "{'dose': 5}", '{"dose": NaN}', "[" * 5000, "```json\n{}"]
)
def test_an_answer_that_is_no_json_is_wrong_not_a_failure(text):
    grade = mark(fields(), text, REFERENCE)
    assert grade.score == 0
    assert "not valid JSON" in grade.reason
    assert [child.score for child in grade.children] == [0, 0, 0]


def test_unless_the_author_asked_for_output_json():
    assert mark(fields(input="{{ sample.output_json }}"), "twelve", REFERENCE).error.flag == "sample_parse_error"
    assert mark(fields(input="{{ sample.output_json }}"), answer(), REFERENCE).score == 1


def test_any_kind_may_check_a_field_even_a_nested_one():
    inner = fields(
        {"path": "code", "grader": {"type": "exact_choice"}}, {"path": "name", "grader": {"type": "exact_choice"}}
    )
    spec = fields({"path": "diagnosis[0]", "grader": inner}, FIELDS[1])
    assert mark(spec, answer(), REFERENCE).score == 1
    assert mark(spec, answer(diagnosis=[{"code": "I21", "name": "Angina"}]), REFERENCE).score == 0.75


def test_a_field_may_be_compared_with_a_column():
    spec = fields({"path": "gene", "grader": {"type": "exact_choice", "reference": "{{ item.gene }}"}})
    assert mark(spec, '{"gene": "FBN1"}', gene="fbn1").score == 1
    assert mark(spec, '{"gene": "SKI"}', gene="fbn1").score == 0


def test_without_fields_every_value_of_the_reference_is_compared():
    spec = {"type": "json_fields"}
    grade = mark(spec, answer(), REFERENCE)
    assert grade.score == 1
    assert [child.name for child in grade.children] == ["diagnosis[0].code", "diagnosis[0].name", "dose", "signs"]
    assert mark(spec, answer(dose="five"), REFERENCE).score == 0.75
    assert mark(spec, '{"a.b": {"c d": "x"}}', {"a.b": {"c d": "X"}}).score == 1
    assert mark(spec, "{}", {}).error.flag == "other_error"
    assert mark(spec, "{}", "no json").error.flag == "other_error"


SCHEMA = {
    "type": "object",
    "properties": {"dose": {"type": "number", "minimum": 0}, "signs": {"type": "array", "uniqueItems": True}},
    "required": ["dose"],
}


@pytest.mark.parametrize(
    ("text", "score", "says"),
    [
        ('{"dose": 1}', 1, "shape"),
        ('{"dose": -1}', 0, "dose: -1 is less than the minimum"),
        ("{}", 0, "'dose' is a required property"),
        ('{"dose": 1, "signs": ["a", "a"]}', 0, "signs: has an element twice"),
        ('{"dose": 1, "signs": [1, 1.0]}', 0, "twice"),
        ('{"dose": 1, "signs": [1, true, "1"]}', 1, "shape"),
        ("no", 0, "not valid JSON"),
    ],
)
def test_schema_alone(text, score, says):
    grade = mark({"type": "json_fields", "json_schema": SCHEMA}, text)
    assert grade.score == score
    assert says in grade.children[0].reason


def test_schema_counts_as_one_more_field():
    spec = fields(FIELDS[1], json_schema=SCHEMA, schema_weight=3)
    assert mark(spec, '{"dose": -1}', {"dose": 5}).score == 0
    assert mark(spec, '{"dose": 9}', {"dose": 5}).score == 0.75
    assert mark(spec, '{"dose": 5, "signs": "x"}', {"dose": 5}).score == 0.25


def test_schema_patterns_cannot_hang():
    spec = {"type": "json_fields", "json_schema": {"type": "string", "pattern": "^(a|a)*$"}}
    grade = mark(spec, json.dumps("a" * 60 + "b"))
    assert grade.score in (0, None)
    if grade.score is None:
        assert "takes too long" in grade.error.message


def test_a_schema_that_refers_to_itself_without_end_gives_no_score():
    assert mark({"type": "json_fields", "json_schema": {"$ref": "#"}}, "{}").error.flag == "other_error"
    assert "does not contain" in mark({"type": "json_fields", "json_schema": {"$ref": "#/$defs/x"}}, "{}").error.message


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        (fields({"path": "a..b", "grader": {"type": "number"}}), "fields[0].path", "not a path"),
        (fields({"path": "", "grader": {"type": "number"}}), "fields[0].path", "empty"),
        (fields(FIELDS[1], FIELDS[1]), "fields[1].path", "twice"),
        (fields({**FIELDS[1], "weight": 0}), "fields", "Every weight is 0"),
        (fields({"path": "a", "grader": {"type": "numbr"}}), "fields[0].grader.type", "Unknown grader type"),
        (fields({"path": "a", "grader": {"type": "number", "tolerance": "x"}}), "fields[0].grader.tolerance", "number"),
        (fields({"path": "a", "grader": {"type": "number", "number": 1}}), "fields[0].grader.number", "Unknown field"),
        ({"type": "json_fields", "json_schema": {"type": "objekt"}}, "json_schema.type", "objekt"),
        ({"type": "json_fields", "json_schema": {"$ref": "http://localhost/x"}}, "json_schema.$ref", "outside it"),
        (
            {"type": "json_fields", "json_schema": {"patternProperties": {"a": {}}}},
            "json_schema.patternProperties",
            "not supported",
        ),
    ],
)
def test_author_mistakes(spec, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec)
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix
