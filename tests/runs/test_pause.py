"""Pausing and resuming on rows: who may, what the page says, what each state allows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.runs import actions, queue, settle
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.runs.made import event, run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(workspace, bob):
    return run_at(7, workspace=workspace, by=bob)


@pytest.fixture
def paused(run):
    """After ten minutes of work, an hour ago."""
    ago = timezone.now() - timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(
        status=Status.PAUSED, started_at=ago - timedelta(minutes=10), finished_at=ago, handle={"starts": 1, "at": 3},
        offsets={"events": 4321}, heartbeat_at=None,
    )  # fmt: skip
    run.refresh_from_db()
    return run


def test_a_running_run_gets_a_wish(run, as_bob):
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert f'action="/runs/{run.pk}/pause/"' in text
    assert f'action="/runs/{run.pk}/resume/"' not in text
    assert as_bob.post(f"/runs/{run.pk}/pause/")["Location"] == f"/runs/{run.pk}/"
    run.refresh_from_db()
    assert (run.status, run.wish) == (Status.RUNNING, "pause")
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert "Pausing after the step under way" in text
    assert f'action="/runs/{run.pk}/pause/"' not in text


def test_a_waiting_run_pauses_at_once_and_waits_again(run, as_bob):
    Run.objects.filter(pk=run.pk).update(status=Status.QUEUED, started_at=None)
    as_bob.post(f"/runs/{run.pk}/pause/")
    run.refresh_from_db()
    assert (run.status, run.finished_at) == (Status.PAUSED, None)
    assert "Paused before it started." in as_bob.get(f"/runs/{run.pk}/").text
    as_bob.post(f"/runs/{run.pk}/resume/")
    run.refresh_from_db()
    assert run.status == Status.QUEUED


def test_a_wish_to_stop_is_not_turned_into_a_pause(run, as_bob):
    as_bob.post(f"/runs/{run.pk}/pause/")
    as_bob.post(f"/runs/{run.pk}/cancel/")
    assert "is being stopped" in as_bob.post(f"/runs/{run.pk}/pause/", follow=True).text
    run.refresh_from_db()
    assert run.wish == "cancel"


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_who_may(run, what, as_vera, as_rita, as_charlie, as_bob):
    url = f"/runs/{run.pk}/{what}/"
    assert [one.post(url).status_code for one in (as_vera, as_rita, as_charlie)] == [403, 403, 404]
    assert as_bob.get(url).status_code == 405
    assert as_bob.post(f"/runs/99999/{what}/").status_code == 404
    run.refresh_from_db()
    assert (run.status, run.wish) == (Status.RUNNING, "")


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.PAUSED])
def test_what_does_not_run_cannot_be_paused(run, status):
    Run.objects.filter(pk=run.pk).update(status=status)
    with pytest.raises(SpecError, match="does not run"):
        actions.pause_run(run=run, by=None)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_what_is_not_paused_cannot_be_resumed(run, status):
    Run.objects.filter(pk=run.pk).update(status=status)
    with pytest.raises(SpecError, match="not paused"):
        actions.resume_run(run=run, by=None)
    run.refresh_from_db()
    assert run.status == status


def test_the_page_of_a_paused_run(paused, as_bob, as_vera):
    text = as_bob.get(f"/runs/{paused.pk}/").text
    assert "Paused after step 7 of 20. It goes on from there when it is resumed." in text
    assert f'action="/runs/{paused.pk}/resume/"' in text
    assert "Leave it paused" in text
    assert "studio:tick" not in text, "nothing to wait for"
    assert "Keep it as a model" not in text, "it may still get better"
    assert "10 min" in text, "the pause does not count"
    assert "/resume/" not in as_vera.get(f"/runs/{paused.pk}/").text
    listed = as_bob.get(f"/w/{paused.workspace.slug}/runs/?status=paused").text
    assert "step 7 of 20" in listed
    assert "Paused" in as_bob.get(f"/w/{paused.workspace.slug}/").text, "nobody forgets it"


def test_why_it_paused_by_itself(paused, as_bob):
    data = {"step": 7, "reason": "No answer has earned anything.", "finding": "all_zero"}
    paused.ingest("events", [event(50, "paused", data, "Paused after step 7.")])
    text = as_bob.get(f"/runs/{paused.pk}/").text
    assert "It paused by itself" in text
    assert "No answer has earned anything." in text


def test_resumed_it_waits_and_its_time_goes_on(paused, as_bob):
    as_bob.post(f"/runs/{paused.pk}/resume/")
    paused.refresh_from_db()
    assert (paused.status, paused.wish) == (Status.QUEUED, "")
    assert paused.handle == {"log": 4321}, "what its log says until then is over, and it may break off anew"
    assert paused.seconds_spent == pytest.approx(600, abs=1)
    claimed = queue._claim_next()
    assert claimed == paused
    assert (claimed.status, claimed.finished_at) == (Status.RUNNING, None)
    assert claimed.seconds_spent == pytest.approx(600, abs=2)


def test_a_paused_run_that_is_stopped_can_still_be_kept(paused, as_bob):
    folder = paused.directory / "checkpoints" / "step-5"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (paused.directory / "result.json").write_text('{"status": "paused", "base_valid_reward_mean": 0.1}')
    settle.settle_run(run=paused)
    assert paused.tuned_model is None
    url = f"/runs/{paused.pk}/checkpoints/5/keep/"
    assert "has not ended" in as_bob.post(url, follow=True).text
    as_bob.post(f"/runs/{paused.pk}/cancel/")
    paused.refresh_from_db()
    assert paused.status == Status.CANCELLED
    assert paused.seconds_spent == pytest.approx(600, abs=1)
    as_bob.post(url)
    paused.refresh_from_db()
    assert paused.tuned_model.lineage["base_valid_reward_mean"] == 0.1


def test_why_it_ended_early(run, as_bob):
    reason = "There was no new best validation reward in the last 3 evaluations."
    Run.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED, result={"ended_early": reason})
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert "Ended early, after step 7 of 20" in text
    assert reason in text
    assert f"ended early: {reason}" in as_bob.get(f"/w/{run.workspace.slug}/runs/").text
    Run.objects.filter(pk=run.pk).update(result={"ended_early": ""})
    assert "All 20 steps" in as_bob.get(f"/runs/{run.pk}/").text
