import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from tests.engine.grading.marking import mark

SIGNS = ["fever", "cough", "chest pain", "rash"]


def sets(**extra):
    return {"type": "set_match", **extra}


@pytest.mark.parametrize(
    ("measure", "score"),
    [("precision", 2 / 3), ("recall", 0.5), ("f1", 4 / 7), ("f_beta", 5 * (1 / 3) / (4 * 2 / 3 + 0.5))],
)
def test_measures(measure, score):
    # 2 of 3 listed are right, 2 of 4 expected are listed.
    grade = mark(sets(measure=measure), "cough, fever, headache", SIGNS)
    assert grade.score == pytest.approx(score)
    assert grade.metrics == pytest.approx({"precision": 2 / 3, "recall": 0.5, "f1": 4 / 7})


def test_order_and_repetition_do_not_count():
    assert mark(sets(), "- rash\n- Chest pain.\n- cough\n- fever\n- fever", SIGNS).score == 1


def test_reason_names_what_is_missing_and_what_is_too_much():
    reason = mark(sets(), "fever, headache", ["fever", "cough"]).reason
    assert reason == "1 of 2 expected items listed; missing “cough”; not expected “headache”."


def test_two_known_items_joined_by_and():
    assert mark(sets(), "fever and cough", ["fever", "cough"]).score == 1
    assert mark(sets(), "signs and symptoms", ["signs and symptoms"]).score == 1


def test_a_whole_known_label_with_a_comma_is_one_item():
    assert mark(sets(), "ataxia, cerebellar", ["ataxia, cerebellar"]).score == 1


def test_synonyms_count_once():
    spec = sets(synonyms={"fever": ["pyrexia", "high temperature"]})
    assert mark(spec, "pyrexia, high temperature, cough", ["fever", "cough"]).score == 1
    assert mark(sets(synonyms_from="{{ item.names }}"), "pyrexia", ["fever"], names={"fever": "pyrexia"}).score == 1


@pytest.mark.parametrize(
    ("text", "score"), [("", 1), ("none", 1), ("None.", 1), ("[]", 1), ("fever", 0), ("none, fever", 0)]
)
def test_nothing_expected(text, score):
    assert mark(sets(), text, []).score == score


def test_nothing_listed():
    assert mark(sets(), "", SIGNS).score == 0


def test_every_label_at_once_does_not_pay_in_full():
    everything = ", ".join([*SIGNS, *(f"sign {number}" for number in range(96))])
    assert mark(sets(), everything, SIGNS).score < 0.1


def test_reference_as_text():
    assert mark(sets(), "fever, cough", "cough; fever").score == 1


def test_missing_reference_gives_no_score():
    assert mark(sets(), "fever").error.flag == "invalid_variable_error"


@pytest.mark.parametrize(("extra", "path"), [({"beta": 0}, "beta"), ({"measure": "f2"}, "measure")])
def test_author_mistakes(extra, path):
    with pytest.raises(SpecError) as caught:
        parse_spec(sets(**extra))
    assert caught.value.path == path
