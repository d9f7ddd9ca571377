"""Going on with a training that the machine failed: who may, which ones, what the page says."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.engine.faults import DISK_FULL
from rftstudio.runs import actions, queue
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.runs.settle import keep_checkpoint
from rftstudio.runs.tasks import reconcile
from tests.runs.made import run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(workspace, bob):
    """After ten minutes of work the disk was full, an hour ago."""
    run = run_at(7, workspace=workspace, by=bob)
    ago = timezone.now() - timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(
        status=Status.FAILED, culprit="system", error=DISK_FULL.sentence, handle={"starts": 3, "at": 7, "nonce": "x"},
        started_at=ago - timedelta(minutes=10), finished_at=ago, offsets={"events": 4321}, heartbeat_at=None,
    )  # fmt: skip
    run.refresh_from_db()
    return run


def test_the_page_says_what_to_do_and_has_the_button(failed, as_bob, as_vera):
    text = as_bob.get(f"/runs/{failed.pk}/").text
    assert "The disk is full" in text
    assert "Free some space" in text
    assert "goes on from what was saved last" in text
    assert f'action="/runs/{failed.pk}/continue/"' in text
    assert "/continue/" not in as_vera.get(f"/runs/{failed.pk}/").text


def test_continued_it_waits_and_starts_afresh(failed, as_bob):
    assert as_bob.post(f"/runs/{failed.pk}/continue/")["Location"] == f"/runs/{failed.pk}/"
    failed.refresh_from_db()
    assert (failed.status, failed.error, failed.culprit) == (Status.QUEUED, "", "")
    assert failed.handle == {"log": 4321}, "how often it broke off before is over"
    text = as_bob.get(f"/runs/{failed.pk}/").text
    assert "The disk is full" not in text
    assert f'action="/runs/{failed.pk}/continue/"' not in text
    claimed = queue._claim_next()
    assert claimed == failed
    assert claimed.seconds_spent == pytest.approx(600, abs=2), "the hour in between does not count"


def test_twice_is_once(failed, as_bob):
    as_bob.post(f"/runs/{failed.pk}/continue/")
    assert "was not ended by the machine" in as_bob.post(f"/runs/{failed.pk}/continue/", follow=True).text
    failed.refresh_from_db()
    assert failed.status == Status.QUEUED


def test_who_may(failed, as_vera, as_rita, as_charlie, as_bob):
    url = f"/runs/{failed.pk}/continue/"
    assert [one.post(url).status_code for one in (as_vera, as_rita, as_charlie)] == [403, 403, 404]
    assert as_bob.get(url).status_code == 405
    assert as_bob.post("/runs/99999/continue/").status_code == 404
    failed.refresh_from_db()
    assert failed.status == Status.FAILED


@pytest.mark.parametrize("culprit", ["author", "grader"])
def test_what_would_fail_again_is_not_continued(failed, culprit, as_bob):
    Run.objects.filter(pk=failed.pk).update(culprit=culprit)
    assert "/continue/" not in as_bob.get(f"/runs/{failed.pk}/").text
    with pytest.raises(SpecError, match="not ended by the machine"):
        actions.continue_run(run=failed, by=None)
    failed.refresh_from_db()
    assert (failed.status, failed.culprit) == (Status.FAILED, culprit)


@pytest.mark.parametrize("status", [one for one in Status if one != Status.FAILED])
def test_what_did_not_fail_is_not_continued(failed, status):
    Run.objects.filter(pk=failed.pk).update(status=status)
    with pytest.raises(SpecError, match="not ended by the machine"):
        actions.continue_run(run=failed, by=None)
    failed.refresh_from_db()
    assert failed.status == status


def test_one_of_which_a_model_was_kept_is_over(failed, as_bob):
    folder = failed.directory / "checkpoints" / "step-5"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    keep_checkpoint(checkpoint=failed.checkpoints.get(step=5), by=None)
    assert "/continue/" not in as_bob.get(f"/runs/{failed.pk}/").text
    assert "was kept as a model" in as_bob.post(f"/runs/{failed.pk}/continue/", follow=True).text
    failed.refresh_from_db()
    assert failed.status == Status.FAILED


@pytest.fixture
def mark():
    """The mark of the last periodic look, as old as one says; gone at first."""
    path = Path(settings.JOBS_DIR) / queue.LOOKED
    path.unlink(missing_ok=True)

    def at(seconds_ago: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - seconds_ago,) * 2)

    yield at
    path.unlink(missing_ok=True)


def test_the_page_says_when_nobody_looks_at_the_line(failed, as_bob, mark):
    actions.continue_run(run=failed, by=None)
    soon, never = "Next in line", "the worker or its broker is not running"
    assert soon in as_bob.get(f"/runs/{failed.pk}/").text, "it has not waited long"
    Run.objects.filter(pk=failed.pk).update(created_at=timezone.now() - timedelta(hours=2))
    assert never in as_bob.get(f"/runs/{failed.pk}/").text
    mark(20)
    assert soon in as_bob.get(f"/runs/{failed.pk}/").text
    mark(200)
    assert never in as_bob.get(f"/runs/{failed.pk}/status/").text
    Run.objects.filter(pk=failed.pk).update(status=Status.RUNNING, heartbeat_at=timezone.now())
    assert reconcile() == {"taken_over": 0, "started": 0}
    Run.objects.filter(pk=failed.pk).update(status=Status.QUEUED)
    assert soon in as_bob.get(f"/runs/{failed.pk}/").text, "the look left its mark"
