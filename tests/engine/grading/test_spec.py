import copy
import pickle

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import KINDS, check_variables, default_for, grade, parse_spec, spec_errors
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.marking import INPUT, REFERENCE, check

EVERY_KIND = {
    "string_check": check("eq", REFERENCE),
    "text_similarity": {"type": "text_similarity", "input": INPUT, "reference": REFERENCE, "evaluation_metric": "bleu"},
    "exact_choice": {"type": "exact_choice", "choices": ["a", "b"], "synonyms": {"a": ["first"]}},
    "number": {"type": "number", "tolerance": 1},
    "ranking": {"type": "ranking", "credit": "ladder", "ladder": [1, 0.5]},
    "set_match": {"type": "set_match", "measure": "f_beta", "beta": 0.5},
    "keywords": {"type": "keywords", "required": ["a"], "forbidden": ["b"], "inflections": "english"},
    "regex": {"type": "regex", "pattern": "(a)", "group": "1", "operation": "same"},
    "format": {"type": "format", "max_words": 5, "language": "en"},
    "json_fields": {"type": "json_fields", "fields": [{"path": "a", "grader": {"type": "number"}}], "json_schema": {}},
    "multi": {"type": "multi", "graders": {"x": check("eq", REFERENCE)}, "calculate_output": "x ^ 2"},
    "rubric": {"type": "rubric", "criteria": [{"name": "x", "check": check("eq", REFERENCE)}]},
    "score_model": {"type": "score_model", "model": "m", "input": [{"role": "user", "content": INPUT}]},
    "label_model": {
        "type": "label_model",
        "model": "m",
        "input": [{"role": "user", "content": INPUT}],
        "labels": ["a", "b"],
        "passing_labels": ["a"],
    },
    "judge": {"type": "judge", "model": "m", "instruction": "Is it so?"},
    "pairwise": {"type": "pairwise", "model": "m"},
    "endpoint": {"type": "endpoint", "url": "https://127.0.0.1/grade"},
    "python": {"type": "python", "source": "def grade(sample, item):\n    return 1.0\n"},
}


def test_every_kind_is_covered_here():
    assert EVERY_KIND.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_the_stored_form_reads_back_as_the_same_grader(kind):
    spec = parse_spec(EVERY_KIND[kind])
    stored = spec.model_dump(exclude_none=True)
    assert isinstance(spec, KINDS[kind])
    assert parse_spec(stored) == spec
    assert parse_spec(stored).model_dump(exclude_none=True) == stored


@pytest.mark.parametrize("kind", KINDS)
def test_a_grader_travels_to_another_process_even_after_use(kind):
    spec = parse_spec(EVERY_KIND[kind])
    item, sample = Item("1", (), {"reference_answer": "a"}), Sample.from_text("a")
    before = grade(spec, item, sample)
    after = grade(pickle.loads(pickle.dumps(spec)), item, sample)
    assert (after.score, after.error) == (before.score, before.error)


def test_a_changed_copy_grades_by_its_own_fields():
    spec = parse_spec(check("eq", "a"))
    sample = Sample.from_text("b")
    assert grade(spec, Item("1", ()), sample).score == 0
    assert grade(spec.model_copy(update={"reference": "b"}), Item("1", ()), sample).score == 1
    assert grade(copy.copy(spec), Item("1", ()), sample).score == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_explains_itself(kind):
    assert KINDS[kind].title
    assert KINDS[kind].summary.endswith(".")
    for name, field in KINDS[kind].model_fields.items():
        assert name == "type" or (field.title and field.description), name


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_is_refused_with_its_path(kind):
    with pytest.raises(SpecError) as caught:
        parse_spec({**EVERY_KIND[kind], "wheight": 1})
    assert caught.value.path == "wheight"


@pytest.mark.parametrize(
    ("data", "path", "says", "fix"),
    [
        ([], "", "must be a JSON object", "{"),
        (None, "", "must be a JSON object", "{"),
        ({}, "type", "`type` is missing", "string_check"),
        ({"type": "exact_choise"}, "type", "Unknown grader type", "Did you mean exact_choice?"),
        ({"type": 7}, "type", "Unknown grader type", "string_check"),
        ({"type": ["number"]}, "type", "", ""),
        (check("equals", "x"), "operation", "not known", "'eq', 'ne', 'like' or 'ilike'"),
        ({**check("eq", "x"), "refrence": "x"}, "refrence", "Unknown field", "Did you mean `reference`?"),
        ({**check("eq", "x"), "input": 5}, "input", "must be text", "quotation"),
        ({**check("eq", "x"), "input": "{{ sample.txt }}"}, "input", "Unknown variable", "output_text"),
        ({"type": "exact_choice", "choices": "a, b"}, "choices", "must be a list", "[…]"),
        ({"type": "exact_choice", "name": "x" * 201}, "name", "at most 200 characters", ""),
        (check("eq", "a\0b"), "reference", "cannot be stored", "NUL"),
        ({"type": "exact_choice", "choices": ["a", "\ud800"]}, "choices[1]", "cannot be stored", ""),
        ({"type": "exact_choice", "synonyms": {"\0": []}}, "synonyms", "cannot be stored", ""),
        ({"type": "exact_choice", 5: 1}, "", "not text", "Quote"),
    ],
)
def test_mistakes_name_path_and_fix(data, path, says, fix):
    with pytest.raises(SpecError) as caught:
        parse_spec(data)
    assert caught.value.path == path
    assert says in caught.value.message
    assert fix in caught.value.fix


def test_a_bottomless_grader_is_refused():
    spec = check("eq", "x")
    for _ in range(3000):
        spec = {"type": "multi", "graders": {"x": spec}, "calculate_output": "x"}
    with pytest.raises(SpecError) as caught:
        parse_spec(spec)
    assert "deeper than" in caught.value.message


def test_all_mistakes_at_once_for_a_form():
    errors = spec_errors({"type": "number", "tolerance": -1, "pick": "middle", "units": "mg"})
    assert sorted(error.path for error in errors) == ["pick", "tolerance", "units"]
    assert spec_errors({"type": "number"}) == []


def test_unknown_variables_are_found_with_their_place():
    spec = parse_spec(
        {
            "type": "rubric",
            "criteria": [
                {"name": "a", "check": check("eq", "{{ item.anser }}"), "applies_if": {"value": "{{ item.sex }}"}},
                {
                    "name": "b",
                    "check": {
                        "type": "multi",
                        "graders": [{**check("eq", "{{ item.zebra }}"), "name": "x"}],
                        "calculate_output": "x",
                    },
                },
                {"name": "c", "check": {"type": "exact_choice", "synonyms_from": "{{ item.names }}"}},
            ],
        }
    )
    errors = check_variables(spec, ["answer", "reference_answer"])
    assert [(error.path, error.message) for error in errors] == [
        ("criteria[0].applies_if.value", "The items have no field “sex”."),
        ("criteria[0].check.reference", "The items have no field “anser”."),
        ("criteria[1].check.graders.x.reference", "The items have no field “zebra”."),
        ("criteria[2].check.synonyms_from", "The items have no field “names”."),
    ]
    assert errors[1].fix == "Did you mean {{ item.answer }}?"
    assert errors[2].fix == "The fields are answer, reference_answer."


def test_a_json_field_brings_its_own_reference():
    spec = parse_spec(EVERY_KIND["json_fields"])
    assert [error.path for error in check_variables(spec, ["gold"])] == ["reference"]
    assert check_variables(parse_spec({**spec.model_dump(), "reference": "{{ item.gold }}"}), ["gold"]) == []


@pytest.mark.parametrize("answer_type", ["text", "number", "choice", "ranking", "set", "json"])
def test_defaults_are_valid_and_refer_to_known_fields(answer_type):
    spec = parse_spec(default_for(answer_type, choices=["a", "b"]))
    assert check_variables(spec, ["reference_answer"]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_who_calls_somebody_waits_and_who_names_a_judge_calls(kind):
    spec = parse_spec(EVERY_KIND[kind])
    assert spec.waits or not spec.calls
    assert spec.calls or not any(spec.models())


def test_calls_are_counted_through_the_tree():
    asked = {"name": "a", "check": EVERY_KIND["pairwise"]}
    whole = {"type": "rubric", "criteria": [asked, {"name": "b", "check": EVERY_KIND["endpoint"]}]}
    assert parse_spec(whole).calls_in_all() == 3
    assert parse_spec(EVERY_KIND["python"]).calls_in_all() == 0
