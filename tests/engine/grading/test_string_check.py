import pytest

from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.marking import check, mark


@pytest.mark.parametrize(
    ("operation", "text", "score"),
    [
        ("eq", "Yes", 1),
        ("eq", "yes", 0),
        ("eq", "Yes ", 0),
        ("ne", "Yes", 0),
        ("ne", "No", 1),
        ("neq", "No", 1),
        ("neq", "Yes", 0),
        ("like", "Well, Yes.", 1),
        ("like", "Well, yes.", 0),
        ("ilike", "WELL, YES.", 1),
        ("ilike", "No", 0),
        ("ilike", "", 0),
    ],
)
def test_operations(operation, text, score):
    assert mark(check(operation, "Yes"), text).score == score


def test_like_asks_whether_the_input_contains_the_reference_not_the_reverse():
    assert mark(check("like", "a long reference"), "long").score == 0


def test_neq_is_stored_as_ne():
    assert parse_spec(check("neq", "x")).model_dump(exclude_none=True)["operation"] == "ne"


def test_pass_threshold_is_tolerated_and_changes_nothing():
    assert mark(check("eq", "Yes", pass_threshold=0.5), "Yes").score == 1


def test_reference_may_be_a_number_or_an_object():
    assert mark(check("eq", "{{ item.n }}"), "3", n=3).score == 1
    assert mark(check("eq", "{{ item.o }}"), '{"a": [1, true]}', o={"a": [1, True]}).score == 1


def test_reason_shows_both_sides():
    assert (
        mark(check("eq", "emergency"), "appointment").reason == "Expected “emergency”, the answer says “appointment”."
    )


@pytest.mark.parametrize("operation", ["like", "ilike"])
def test_looking_for_nothing_gives_no_score_since_every_answer_contains_it(operation):
    spec = parse_spec({"type": "string_check", "input": "x", "reference": "{{ item.code }}", "operation": operation})
    for nothing in ("", " "):
        found = grade(spec, Item("1", (), {"code": nothing}), Sample("x"))
        assert found.score is None
        assert "nothing to look for" in found.error.message


def test_an_answer_may_have_to_be_empty():
    spec = parse_spec({"type": "string_check", "input": "{{ sample.output_text }}", "reference": "", "operation": "eq"})
    assert [grade(spec, Item("1", ()), Sample(text)).score for text in ("", "x")] == [1, 0]
