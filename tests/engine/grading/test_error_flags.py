"""Each error flag is reached by what it is named for, alone and through every composite; none of them becomes a 0."""

from typing import get_args

import pytest

from rftstudio.engine.grading import grade, parse_spec, recompute
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.types import ErrorFlag, Grade, Item, Sample
from tests.engine.grading.marking import INPUT, check

PART = {**check("eq", "x"), "input": "{{ sample.output_json.a[0].b }}"}
SLOW = {"type": "json_fields", "json_schema": {"pattern": "^(a|a)*$"}, "input": "{{ sample.output_json }}"}
# flag -> (grader, answer, whether it was cut off)
REACHED: dict[str, list[tuple[dict, str, bool]]] = {
    "sample_parse_error": [(PART, "no JSON", False), (PART, '{"a": [', False), (PART, "", False)],
    "truncated_observation_error": [(PART, '{"a": [', True)],
    "invalid_variable_error": [
        (PART, '{"a": []}', False),
        (check("eq", "{{ item.nothing }}"), "x", False),
        ({"type": "number", "reference": "{{ item.reference_answer.dose }}"}, "5", False),
        ({"type": "ranking", "synonyms_from": "{{ item.nothing }}"}, "x", False),
    ],
    "formula_parse_error": [
        ({"type": "multi", "graders": {"a": check("eq", "x")}, "calculate_output": "1 / a"}, "y", False),
        ({"type": "multi", "graders": {"a": check("eq", "x")}, "calculate_output": "log(a)"}, "y", False),
        ({"type": "multi", "graders": {"a": check("eq", "x")}, "calculate_output": "10 ^ (999 * a)"}, "x", False),
        ({"type": "multi", "graders": {"a": check("eq", "x")}, "calculate_output": "sqrt(0 - a)"}, "x", False),
    ],
    "unresponsive_reward_error": [
        ({"type": "regex", "pattern": "(?s)(a.*b|a)", "group": "1", "pick": "last"}, "a" * 300_000, False),
        (SLOW, '"' + "a" * 60 + 'b"', False),
    ],
    "other_error": [
        ({"type": "number", "reference": "not a number"}, "5", False),
        ({"type": "exact_choice", "choices": ["a"], "reference": "b"}, "a", False),
        ({"type": "ranking", "synonyms_list": "no such list"}, "x", False),
        ({"type": "keywords", "required_from": "{{ item.empty }}"}, "x", False),
        ({"type": "format", "language": "en"}, "ok", False),
        ({"type": "number", "unit": "mg", "reference": "5 mL"}, "5 mg", False),
    ],
}
# Reached by the kinds that ask somebody else: a sandbox, a judge.
ASKING = ("python_grader_", "model_grader_")
CASES = [(flag, *case) for flag, cases in REACHED.items() for case in cases]
ITEM = Item("1", (), {"reference_answer": "x", "empty": []})


def test_every_flag_of_this_sort_is_here():
    assert set(REACHED) == {flag for flag in get_args(ErrorFlag) if not flag.startswith(ASKING)}


def graded(spec: dict, answer: str, truncated: bool) -> Grade:
    parsed = parse_spec(spec)
    with using(Tools()):
        found = grade(parsed, ITEM, Sample.from_text(answer, truncated=truncated))
    if found.score is None:
        assert recompute(parsed, Grade.from_json(found.to_json())) is None
    return found


@pytest.mark.parametrize(("flag", "spec", "answer", "truncated"), CASES)
def test_a_failure_has_its_flag_and_no_score(flag, spec, answer, truncated):
    found = graded(spec, answer, truncated)
    assert (found.score, found.error.flag) == (None, flag)
    assert found.error.message.endswith(".")
    assert found.reason


@pytest.mark.parametrize(("flag", "spec", "answer", "truncated"), CASES)
@pytest.mark.parametrize("around", ["multi", "rubric"])
def test_a_failure_inside_another_grader_keeps_its_flag(around, flag, spec, answer, truncated):
    good = {**check("ne", "something else"), "input": INPUT}
    if around == "multi":
        whole = {"type": "multi", "graders": {"bad": spec, "good": good}, "calculate_output": "0.5 * bad + 0.5 * good"}
    else:
        whole = {"type": "rubric", "criteria": [{"name": "bad", "check": spec}, {"name": "good", "check": good}]}
    found = graded(whole, answer, truncated)
    assert (found.score, found.error.flag) == (None, flag)
    assert "bad" in found.error.message


def test_a_cut_off_answer_that_can_be_read_is_graded():
    assert graded(check("eq", "x"), "x", True).score == 1
    assert graded({**PART, "reference": "1"}, '{"a": [{"b": 1}]}', True).score == 1
