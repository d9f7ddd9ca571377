"""Attacks made from items, and graders that pay them."""

import json

import pytest

from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.redteam import KINDS, Target, attacks, is_paid, raid
from rftstudio.engine.types import Item, Message

LABELS = ("emergency", "appointment", "billing")
ANYWHERE = {
    "type": "string_check",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.reference_answer }}",
    "operation": "like",
}


def target(reference="billing", other="emergency", labels=LABELS, value=None) -> Target:
    messages = (Message("system", "Which desk? emergency or billing."), Message("user", "Why was I charged twice?"))
    item = Item("billing-1", messages, {"reference_answer": reference if value is None else value})
    return Target(item, reference, other, labels)


def paid(spec, *targets) -> set[str]:
    return {shot.kind for shot in raid(parse_spec(spec), targets or [target()]).shots if shot.paid}


def test_a_sound_grader_pays_nothing_that_should_score_low():
    found = paid({"type": "exact_choice", "choices": list(LABELS)})
    assert {kind for kind in found if KINDS[kind].low} == set()


def test_a_grader_that_looks_for_the_word_anywhere_pays_who_says_everything():
    found = paid(ANYWHERE)
    assert found >= {"instructions", "labels", "padded", "hedged"}
    assert not found & {"empty", "full_stop", "boast", "refusal", "numbers", "other", "order", "verdict", "long"}


def test_a_grader_that_pays_everything_is_caught_by_everything():
    spec = {"type": "string_check", "input": "a", "reference": "a", "operation": "eq"}
    assert paid(spec) == {kind for kind, _ in attacks(target())}


GENES = ("HTT", "FXN", "PAH", "GLA", "PHEX", "MECP2")


def ranked(gene: str) -> Target:
    return Target(Item(gene, (Message("user", "Which gene?"),), {"reference_answer": [gene]}), gene, "", GENES)


@pytest.mark.parametrize("gene", GENES)
def test_a_list_of_everything_has_the_right_answer_in_its_middle(gene):
    listed = dict(attacks(ranked(gene)))["labels"].splitlines()
    assert sorted(listed) == sorted(GENES)
    assert listed.index(gene) == 2


def test_a_ranking_that_pays_any_place_is_told_from_one_that_pays_the_first():
    by_place = {"type": "ranking", "credit": "reciprocal", "top_k": 5}
    any_place = {"type": "ranking", "credit": "ladder", "ladder": [1] * 6}
    targets = [ranked(gene) for gene in GENES]
    assert "labels" not in paid(by_place, *targets)
    assert "labels" in paid(any_place, *targets)


def test_a_number_in_a_fan_of_numbers_is_tried():
    texts = dict(attacks(target("12.5", "40", (), 12.5)))
    assert "12.5" in texts["numbers"].split(", ")
    assert len(texts["numbers"].split(", ")) == 11
    assert "numbers" in paid(ANYWHERE, target("12.5", "40", (), 12.5))


def test_json_keeps_its_keys_and_loses_its_values():
    value = {"code": "I21", "dose": {"mg": 5, "when": ["noon"]}}
    texts = dict(attacks(target(json.dumps(value), "", (), value)))
    assert json.loads(texts["keys"]) == {"code": "", "dose": {"mg": None, "when": []}}
    assert "other" not in texts
    assert "hedged" not in texts


def test_an_attack_that_is_the_right_answer_is_no_attack():
    assert "refusal" not in dict(attacks(target("I’m sorry, but I can’t help with that.")))


def test_paid_is_half_of_what_the_right_answer_gets():
    assert is_paid(0.2, 0.4)
    assert not is_paid(0.19, 0.4)
    assert not is_paid(0.4, 0.0)
    assert is_paid(0.5, None)
    assert not is_paid(None, 1.0)


def test_no_score_is_not_paid_and_is_kept_as_no_score():
    spec = {"type": "string_check", "input": "{{ sample.output_json.answer }}", "reference": "x", "operation": "eq"}
    shots = raid(parse_spec(spec), [target()]).shots
    assert all(shot.score is None and not shot.paid and shot.reason for shot in shots if shot.kind == "empty")


def test_every_kind_is_made_by_some_item():
    made = {kind for kind, _ in attacks(target("{}", "other", LABELS, {"a": 1}))}
    assert made == set(KINDS)
    assert len(KINDS) >= 11


@pytest.mark.parametrize("kind", ["long"])
def test_the_long_answer_is_long(kind):
    assert len(dict(attacks(target()))[kind].split()) >= 1500
