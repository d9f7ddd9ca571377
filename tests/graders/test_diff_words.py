"""Changes between two versions as sentences, in the words of the form."""

import copy

from rftstudio.graders.diff_words import sentences
from tests.graders.specs import NESTED, PLAIN


def said(before: dict, after: dict) -> list[str]:
    return [str(sentence) for sentence in sentences(before, after)]


def test_nothing_changed_is_nothing_said():
    assert said(NESTED, NESTED) == []


def test_fields_are_named_as_on_the_form():
    changes = {"partial": 0.35, "choices": ["emergency", "appointment"], "synonyms": {"emergency": ["urgent", "999"]}}
    after = {**PLAIN["exact_choice"], **changes}
    assert said(PLAIN["exact_choice"], after) == [
        "Allowed labels is new: “appointment”.",
        "Allowed labels is gone: “billing”.",
        "Other accepted names of “emergency” is new: “999”.",
        "Other accepted names of “emergency” is gone: “A&E”.",
        "Credit for a mention was 0.2, is now 0.35.",
    ]


def test_a_choice_is_told_in_its_words():
    [one] = said(PLAIN["ranking"], {**PLAIN["ranking"], "credit": "reciprocal"})
    assert one == "Credit by place was my own numbers, is now 1, then 1/2, 1/3, 1/4 … (reciprocal rank)."
    [one] = said(PLAIN["ranking"], {**PLAIN["ranking"], "ladder": [1, 0.5]})
    assert one == "My own numbers was 1, 0.5, 0.25, is now 1, 0.5."


def test_criteria_come_go_move_and_weigh_otherwise():
    before = PLAIN["rubric"]
    after = copy.deepcopy(before)
    after["criteria"][0]["weight"] = 1
    after["criteria"][1]["weight"] = 1
    after["criteria"][1]["applies_if"]["negate"] = False
    after["criteria"][1]["check"] = PLAIN["number"]
    after["criteria"].insert(0, {"name": "dose", "sentence": "Gives the dose.", "weight": 2, "check": PLAIN["number"]})
    after["criteria"].reverse()
    assert said(before, after) == [
        "“blame”: Weight was 0 (0 %), is now 1 (25 % of the whole).",
        "“blame”: Turned round: where it is not was yes, is now no.",
        "“blame”: The way of marking was “Free text, scored by how close its wording is to the reference” (likeness to "
        "the reference answer (bleu)), is now “The answer is a number, right within a tolerance” (within 5\xa0% of the "
        "right number).",
        "“drug”: Weight was 3 (100 %), is now 1 (25 % of the whole).",
        "Criterion “dose” is new: Gives the dose. within 5\xa0% of the right number, 50 % of the whole.",
        "The order is now blame, drug, dose.",
    ]
    assert "Criterion “dose” is gone: within 5\xa0% of the right number." in said(after, before)


def test_another_kind_is_one_sentence():
    [one] = said(PLAIN["number"], PLAIN["exact_choice"])
    assert one.startswith("The way of marking was “The answer is a number")


def test_what_is_nested_is_found_and_what_no_field_shows_is_told():
    after = copy.deepcopy(NESTED)
    after["criteria"][0]["check"]["graders"]["right"]["choices"] = ["a"]
    after["criteria"][1]["check"]["fields"][1]["required"] = True
    after["criteria"][1]["check"]["pass_threshold"] = 0.5
    assert said(NESTED, after) == [
        "“formula”, “right”: Allowed labels is gone: “b”.",
        "“fields”: “pass_threshold” was empty, is now 0.5.",
        "“fields”, “dose[0].mg”: Required was no, is now yes.",
    ]
    assert said({"type": "future", "x": 1}, {"type": "future", "x": 2}) == ["The grader's JSON changed."]
