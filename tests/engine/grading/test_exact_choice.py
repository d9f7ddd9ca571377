import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from tests.engine.grading.marking import mark

CHOICES = ["emergency", "appointment", "follow-up", "urgent appointment"]


def choice(**extra):
    return {"type": "exact_choice", "choices": CHOICES, **extra}


@pytest.mark.parametrize(
    "text",
    [
        "appointment",
        " Appointment. ",
        "**APPOINTMENT**",
        "“appointment”",
        "[appointment]",
        "(appointment)",
        "- appointment",
        "appoint\u200bment",
        "ａｐｐｏｉｎｔｍｅｎｔ",
        "`appointment`\n",
        "appointment\0",
        "# Appointment!",
    ],
)
def test_ignores_what_is_no_difference(text):
    assert mark(choice(), text, "appointment").score == 1


@pytest.mark.parametrize(
    "text", ["", "emergency", "an appointment", "appointment, please", "appoint ment", "appointments"]
)
def test_the_rest_is_wrong(text):
    assert mark(choice(), text, "appointment").score == 0


def test_dashes_within_a_label():
    assert mark(choice(), "Follow up", "follow-up").score == 1
    assert mark(choice(), "follow_up", "follow-up").score == 1


@pytest.mark.parametrize(("text", "score"), [("A+", 1), ("a+.", 1), ("A-", 0), ("A", 0)])
def test_signs_are_not_punctuation(text, score):
    assert mark({"type": "exact_choice", "choices": ["A", "A+", "A-"]}, text, "A+").score == score


def test_synonyms_stand_for_their_label():
    spec = choice(synonyms={"emergency": ["999", "A&E", "red flag"]})
    assert mark(spec, "Red flag!", "emergency").score == 1
    assert mark(spec, "red flag", "appointment").reason == "Expected “appointment”, the answer says “emergency”."
    assert mark(spec, "emergency", "a&e").score == 1


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("This needs an appointment soon.", 0.2),
        ("appointment appointment", 0.2),
        ("emergency, appointment, follow-up", 0),
        ("An urgent appointment is best", 0),  # the longer label is what it mentions
        ("disappointment", 0),
        ("nothing of the kind", 0),
    ],
)
def test_partial_credit_for_the_one_right_mention(text, score):
    assert mark(choice(partial=0.2), text, "appointment").score == score


def test_partial_credit_counts_synonyms_of_other_labels_as_mentions():
    spec = choice(partial=0.5, synonyms={"emergency": ["ambulance"]})
    assert mark(spec, "appointment or ambulance", "appointment").score == 0


def test_without_choices_compares_with_the_reference():
    spec = {"type": "exact_choice", "partial": 0.3}
    assert mark(spec, "Paris", "paris").score == 1
    assert mark(spec, "It is Paris", "paris").score == 0.3
    assert mark(spec, "Rome", "paris").score == 0


def test_any_label_of_a_list_is_right():
    assert mark(choice(), "emergency", ["appointment", "emergency"]).score == 1


def test_booleans_and_numbers_as_references():
    assert mark({"type": "exact_choice"}, "True", True).score == 1
    assert mark({"type": "exact_choice"}, "7", 7).score == 1


@pytest.mark.parametrize(
    ("reference", "says"), [("billing", "not one of the choices"), ("", "empty"), ([], "empty list")]
)
def test_a_bad_reference_gives_no_score(reference, says):
    grade = mark(choice(), "emergency", reference)
    assert grade.score is None
    assert grade.error.flag == "other_error"
    assert says in grade.error.message


def test_synonyms_from_a_column():
    spec = {"type": "exact_choice", "synonyms_from": "{{ item.other_names }}"}
    assert mark(spec, "heart attack", "myocardial infarction", other_names=["heart attack", "MI"]).score == 1
    assert mark(spec, "MI", "myocardial infarction", other_names="heart attack; MI").score == 1
    assert mark(spec, "MI", "myocardial infarction", other_names="").score == 0
    assert mark(spec, "MI", "a", other_names={"b": ["MI"]}).score == 0


def test_a_contradicting_synonyms_column_gives_no_score():
    spec = choice(synonyms_from="{{ item.names }}")
    grade = mark(spec, "emergency", "appointment", names=["emergency"])
    assert grade.score is None
    assert "contradicts" in grade.error.message


@pytest.mark.parametrize(
    ("extra", "path", "says"),
    [
        ({"choices": ["Yes", "no", "YES."]}, "choices[2]", "the same choice"),
        ({"choices": ["yes", " "]}, "choices[1]", "empty"),
        ({"synonyms": {"emergancy": ["999"]}}, "synonyms.emergancy", "not one of the choices"),
        ({"synonyms": {"emergency": ["999"], "appointment": ["999"]}}, "synonyms.appointment", "stands for both"),
        ({"synonyms": {"emergency": ["appointment"]}}, "synonyms.emergency", "stands for both"),
        ({"partial": 1.5}, "partial", "is too large"),
    ],
)
def test_author_mistakes(extra, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(choice(**extra))
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix


def test_a_large_vocabulary_is_searched_quickly():
    labels = [f"gene {number} alpha" for number in range(40_000)]
    spec = {"type": "exact_choice", "choices": labels, "partial": 0.1}
    assert mark(spec, "probably gene 17 alpha " + "and so on " * 10_000, "gene 17 alpha").score == 0.1
