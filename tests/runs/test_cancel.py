"""Stopping a run, and keeping what one left behind."""

import pytest

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.runs import actions, settle
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.runs.made import run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(workspace, bob):
    return run_at(7, workspace=workspace, by=bob)


def test_a_running_run_gets_a_wish(run, as_bob):
    assert as_bob.post(f"/runs/{run.pk}/cancel/").status_code == 302
    run.refresh_from_db()
    assert (run.status, run.wish) == (Status.RUNNING, "cancel")
    assert "Stopping after the step" in as_bob.get(f"/runs/{run.pk}/").text


def test_a_waiting_run_ends_at_once(run, as_bob):
    Run.objects.filter(pk=run.pk).update(status=Status.QUEUED)
    as_bob.post(f"/runs/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    assert run.finished_at is not None


def test_who_may(run, as_vera, as_rita, as_charlie, as_bob):
    url = f"/runs/{run.pk}/cancel/"
    assert [one.post(url).status_code for one in (as_vera, as_rita, as_charlie)] == [403, 403, 404]
    assert as_bob.get(url).status_code == 405
    assert as_bob.post("/runs/99999/cancel/").status_code == 404
    run.refresh_from_db()
    assert run.wish == ""


def test_what_is_over_stays_as_it_is(run, as_bob):
    Run.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED)
    run.refresh_from_db()
    with pytest.raises(SpecError, match="over already"):
        actions.cancel_run(run=run, by=None)
    assert "over already" in as_bob.post(f"/runs/{run.pk}/cancel/", follow=True).text


def test_keep_a_checkpoint_of_a_stopped_run(run, as_bob, as_vera):
    Run.objects.filter(pk=run.pk).update(status=Status.CANCELLED)
    url = f"/runs/{run.pk}/checkpoints/5/keep/"
    assert as_vera.post(url).status_code == 403
    assert "not in" in as_bob.post(url, follow=True).text, "its files are missing: said, not hidden"
    folder = run.directory / "checkpoints" / "step-5"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    assert as_bob.post(url).status_code == 302
    run.refresh_from_db()
    assert run.tuned_model.lineage["step"] == 5
    assert run.tuned_model.lineage["taskset"]["content_hash"] == run.taskset_version.content_hash
    assert as_bob.post(f"/runs/{run.pk}/checkpoints/77/keep/").status_code == 404


def test_settling_keeps_the_best_checkpoint_as_a_model(run):
    folder = run.directory / "checkpoints" / "step-5"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (run.directory / "result.json").write_text('{"status": "succeeded", "base_valid_reward_mean": 0.1}')
    run.status = Status.SUCCEEDED
    settle.settle_run(run=run)
    run.refresh_from_db()
    assert run.tuned_model.adapter_hash == f"{5:064d}"
    assert run.tuned_model.lineage["base_valid_reward_mean"] == 0.1
    assert run.result["status"] == "succeeded"
    settle.settle_run(run=run)
    assert run.workspace.tuned_models.count() == 1


def test_settling_without_the_files_is_a_fault(run):
    run.status = Status.SUCCEEDED
    with pytest.raises(SystemFault):
        settle.settle_run(run=run)
