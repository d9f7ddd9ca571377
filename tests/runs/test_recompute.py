"""The reward that is displayed follows from the leaves that are stored, for every kind of grader."""

import pytest

from rftstudio.engine.grading import KINDS, grade, parse_spec, recompute
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.types import Grade, Item, Message, Sample
from rftstudio.runs.models import Rollout
from rftstudio.runs.replay import follows
from tests.factories import make_run
from tests.graders.specs import PLAIN
from tests.graders.test_manual import PAGES
from tests.graders.test_manual import examples as manual_examples

ANSWERS = (
    "a",
    "billing",
    "emergency",
    "",
    "12.5",
    "a, b",
    "1. CFTR\n2. BRCA1",
    '{"code": "I21", "dose": [{"mg": 5}]}',
    '{"code": "I20"}',
    "The drug is aspirin, 100 mg.",
    "\u0000 \udfff".encode("utf-8", "replace").decode(),
)
REFERENCES = ("billing", "a", 12.5, ["CFTR", "BRCA1"], {"code": "I21", "dose": [{"mg": 5}]}, "Take aspirin, 100 mg.")
DEEP = {
    "type": "rubric",
    "criteria": [
        {"name": "formula", "check": PLAIN["multi"]},
        {"name": "rubric", "weight": 0.123456789012, "polarity": "must_not", "check": PLAIN["rubric"]},
    ],
}
# Kinds that wait for somebody else are leaves, whose stored score is the score; they have tests of their own.
# That every kind has a manual page with an example is the manual's own test.
SHOWN = {
    kind: manual_examples(kind)[0]["grader"]
    for kind, spec in KINDS.items()
    if not spec.waits and (PAGES / f"{kind}.md").exists()
}
PLAIN_FREE = {kind: spec for kind, spec in PLAIN.items() if not KINDS[kind].waits}
LISTS = Tools(lists={"diagnoses@2": {"drug": ["medicine"]}})
SPECS = {**SHOWN, **PLAIN_FREE, "deep": DEEP}


@pytest.mark.parametrize("name", SPECS)
def test_a_stored_reward_is_recomputed_from_its_leaves(name, workspace, bob):
    spec = parse_spec(SPECS[name])
    run = make_run(workspace=workspace, by=bob)
    rows = []
    for reference in REFERENCES:
        fields = {"reference_answer": reference, "risk": "low", "synonyms": {"CFTR": ["ABCC7"]}, "findings": ["drug"]}
        item = Item("one", (Message("user", "?"),), fields)
        for text in ANSWERS:
            with using(LISTS):
                found = grade(spec, item, Sample.from_text(text))
            rows.append({"seq": len(rows), "step": 1, "phase": "train", "group": 0, "index": len(rows)})
            rows[-1] |= {"item_id": "one", "text": text, "reward": found.score, "grade": found.to_json()}
    run.ingest("rollouts", rows)
    stored = list(Rollout.objects.filter(run=run))
    assert len(stored) == len(rows)
    assert any(rollout.reward is not None for rollout in stored)
    for rollout in stored:
        again = recompute(spec, Grade.from_json(rollout.grade))
        assert follows(again, rollout.reward), (rollout.text, again, rollout.reward)


def test_the_leaves_decide_and_not_the_stored_top():
    spec = parse_spec(PLAIN["multi"])
    found = grade(spec, Item("one", (), {"reference_answer": "a"}), Sample.from_text("a")).to_json()
    assert found["score"] == 1
    found["children"][0]["score"] = 0.0
    assert recompute(spec, Grade.from_json(found)) == pytest.approx(0.3)


def test_following_means_the_same_number_or_none_twice():
    assert follows(0.5, 0.5 + 1e-9)
    assert follows(None, None)
    assert not follows(None, 0.0)
    assert not follows(0.0, None)
    assert not follows(0.5, 0.6)
