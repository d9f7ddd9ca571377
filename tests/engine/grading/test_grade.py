import json

import pytest

from rftstudio.engine.grading import grade, grade_many, parse_spec, recompute
from rftstudio.engine.grading.string_check import StringCheck
from rftstudio.engine.types import Grade, Item, Sample
from tests.engine.grading.marking import check, mark


def test_grade_many_keeps_the_order_and_equals_grade():
    spec = parse_spec({"type": "exact_choice", "partial": 0.2})
    pairs = [
        (Item(str(n), (), {"reference_answer": "abc"[n % 3]}), Sample.from_text(text))
        for n, text in enumerate(["a", "b", "x", "it is a", "", "c"])
    ]
    scores = [found.score for found in grade_many(spec, iter(pairs))]
    assert scores == [1, 1, 0, 0.2, 0, 1]
    assert scores == [grade(spec, item, sample).score for item, sample in pairs]


def test_one_failure_does_not_touch_the_others():
    spec = parse_spec(check("eq", "{{ item.x }}"))
    found = grade_many(spec, [(Item("1", ()), Sample("a")), (Item("2", (), {"x": "a"}), Sample("a"))])
    assert [each.score for each in found] == [None, 1]
    assert found[0].error.flag == "invalid_variable_error"
    assert found[0].reason == found[0].error.message


def test_a_grade_carries_name_type_and_time():
    found = mark(check("eq", "a", name="exactly a"), "a")
    assert (found.name, found.type) == ("exactly a", "string_check")
    assert 0 < found.latency_s < 1
    assert mark(check("eq", "a"), "a").name == "string_check"


class _Broken(StringCheck):
    outcome: float | None = None

    def evaluate(self, item, sample):
        if self.outcome is None:
            raise ZeroDivisionError("of its own")
        return super().evaluate(item, sample)._replace(score=self.outcome)


@pytest.mark.parametrize("outcome", [None, float("nan"), float("inf")])
def test_a_broken_kind_gives_no_score_and_stops_nothing(outcome):
    spec = _Broken.model_construct(**check("eq", "a"), name="", outcome=outcome)
    found = grade(spec, Item("1", ()), Sample("a"))
    assert (found.score, found.error.flag) == (None, "other_error")


def test_recompute_follows_the_leaves_not_the_stored_top():
    spec = parse_spec(
        {
            "type": "rubric",
            "criteria": [
                {
                    "name": "a",
                    "check": {
                        "type": "multi",
                        "graders": {"x": check("like", "a"), "y": check("like", "b")},
                        "calculate_output": "min(x, y)",
                    },
                },
                {"name": "b", "weight": 3, "polarity": "must_not", "check": check("like", "c")},
            ],
        }
    )
    row = grade(spec, Item("1", ()), Sample("a b")).to_json()
    assert recompute(spec, Grade.from_json(row)) == row["score"] == 1
    row["score"] = 0.123
    row["children"][0]["children"][0]["children"][1]["score"] = 0.5
    assert recompute(spec, Grade.from_json(row)) == pytest.approx(0.875)
    row["children"][1]["children"][0]["score"] = None
    assert recompute(spec, Grade.from_json(row)) is None


def test_the_json_form_reads_back():
    spec = parse_spec({"type": "json_fields", "fields": [{"path": "a", "grader": {"type": "ranking"}}]})
    found = grade(spec, Item("1", (), {"reference_answer": {"a": ["x"]}}), Sample.from_text('{"a": ["y", "x"]}'))
    assert Grade.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert found.children[0].metrics["top@5"] == 1


def test_a_grade_never_changes():
    found = grade(parse_spec({"type": "exact_choice"}), Item("1", (), {"reference_answer": "a"}), Sample("a"))
    with pytest.raises(AttributeError):
        found.score = 0.5  # type: ignore[misc]
    with pytest.raises(TypeError):
        found[2] = 0.5  # type: ignore[index]


@pytest.mark.parametrize("many", [99, 100, 101, 150])
def test_json_nested_too_deeply_is_a_wrong_answer_however_it_is_nested(many):
    spec = parse_spec({"type": "json_fields"})
    item = Item("1", (), {"reference_answer": {"b": "c"}})
    for opened, closed in (('{"a":', "}"), ("[", "]")):
        found = grade(spec, item, Sample(opened * many + "1" + closed * many))
        assert found.score == 0
        assert ("too deeply" in found.reason) == (many > 100)
