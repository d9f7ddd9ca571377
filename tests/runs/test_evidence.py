"""A training's answers as evidence: “the grader is wrong here” and “use for calibration”."""

import pytest
from django.urls import reverse

from rftstudio.graders.evidence import CalibrationSet, KeptAnswer, RegressionCase
from rftstudio.runs.views.evidence import MANY, spread_by_reward
from tests.factories import make_rollouts, make_run


@pytest.fixture
def rollout(workspace, bob):
    run = make_run(workspace=workspace, by=bob)
    return make_rollouts(run, [("billing-0", "Invoice desk"), ("billing-0", "billing")], step=7)[0]


def address(name: str, pk: int) -> str:
    return reverse(f"runs:{name}", args=[pk])


def test_the_answers_have_the_buttons_for_who_may(rollout, as_rita, as_vera):
    shown = reverse("runs:detail", args=[rollout.run_id]) + "?tab=answers&step=7"
    assert address("wrong", rollout.pk) in as_rita.get(shown).content.decode()
    assert address("wrong", rollout.pk) not in as_vera.get(shown).content.decode()


def test_objecting_keeps_the_answer_with_its_item_and_origin(rollout, rita, as_rita):
    url = address("wrong", rollout.pk)
    assert "Invoice desk" in as_rita.get(url).content.decode()
    back = f"/runs/{rollout.run_id}/?tab=answers"
    sent = {"rule": "at_least", "wanted": "0.8", "why": "the same desk"}
    assert as_rita.post(f"{url}?back={back}", sent)["Location"] == back
    case = RegressionCase.objects.get()
    assert case.grader == rollout.run.grader_version.grader
    assert (case.gave, case.created_by, case.asks) == (0.0, rita, "at least 0.80")
    assert case.answer.origin == f"training {rollout.run_id}, step 7"
    assert case.answer.as_item.fields["reference_answer"] == "billing"
    assert as_rita.post(f"{url}?back=//evil.example", sent)["Location"].startswith(f"/runs/{rollout.run_id}/")


def test_answers_go_to_the_newest_set_once(rollout, as_rita):
    for _ in range(2):
        answer = as_rita.post(address("calibrate", rollout.pk), follow=True)
    found = CalibrationSet.objects.get()
    assert found.cases.count() == 1
    assert "It is there already" in answer.content.decode()


def test_a_dozen_of_a_step_is_spread_over_the_rewards(rollout, as_rita):
    run = rollout.run
    make_rollouts(
        run, [("emergency-0", f"no {number}") for number in range(40)] + [("emergency-0", "emergency")], step=8
    )
    chosen = spread_by_reward(run, 8, "train")
    assert len(chosen) == MANY
    assert {each.reward for each in chosen} == {0.0, 1.0}
    as_rita.post(address("calibrate_step", run.pk), {"step": "8", "phase": "train"})
    assert CalibrationSet.objects.get().cases.count() == MANY
    as_rita.post(address("calibrate_step", run.pk), {"step": "eight"})
    assert KeptAnswer.objects.count() == MANY


def test_an_answer_whose_task_is_gone_is_not_found(rollout, as_rita):
    rollout.item_key = "gone"
    rollout.save()
    assert as_rita.get(address("wrong", rollout.pk)).status_code == 404
    assert as_rita.post(address("calibrate", rollout.pk)).status_code == 404


def test_for_others(rollout, as_vera, as_charlie, as_rita):
    for name, pk in (("wrong", rollout.pk), ("calibrate", rollout.pk), ("calibrate_step", rollout.run_id)):
        assert as_vera.post(address(name, pk)).status_code == 403
        assert as_charlie.post(address(name, pk)).status_code == 404
        assert as_rita.post(address(name, 10**9)).status_code == 404
    assert as_rita.get(address("calibrate", rollout.pk)).status_code == 405
    assert as_rita.get(address("calibrate_step", rollout.run_id)).status_code == 405
    assert as_rita.put(address("wrong", rollout.pk)).status_code == 405
