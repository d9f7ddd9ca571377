"""Work that a worker does for a row: claimed once, taken over from the dead, never written by two."""

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from rftstudio.graders.evidence import Marking
from rftstudio.lib import errand as errands
from rftstudio.lib.errand import STALE, Superseded, look_after
from tests.factories import make_grader, make_taskset


@pytest.fixture
def errand(workspace, bob) -> Marking:
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob)
    return Marking.objects.create(grader=grader, content_hash="0" * 64, spec=grader.spec, total=4)


def silent(errand: Marking) -> None:
    Marking.objects.filter(pk=errand.pk).update(updated_at=timezone.now() - 2 * STALE)
    errand.refresh_from_db()


def test_it_is_claimed_once(errand):
    mine = Marking.claim(errand.pk)
    assert mine.status == "running"
    assert Marking.claim(errand.pk) is None
    assert Marking.claim(10**9) is None


def test_progress_and_the_end(errand):
    mine = Marking.claim(errand.pk)
    mine.step(done=2)
    assert (mine.share, mine.is_open) == (50, True)
    mine.step(status=Marking.Status.DONE, done=4)
    errand.refresh_from_db()
    assert (errand.status, errand.done, errand.is_open) == ("done", 4, False)
    with pytest.raises(Superseded):
        mine.step(done=5)


def test_a_dead_workers_errand_is_taken_over_and_the_dead_writes_no_more(errand):
    first = Marking.claim(errand.pk)
    silent(errand)
    assert errand.is_stale
    second = Marking.claim(errand.pk)
    assert second.worker != first.worker
    with pytest.raises(Superseded):
        first.step(done=1)
    first.fail("too late")
    errand.refresh_from_db()
    assert (errand.status, errand.error) == ("running", "")
    second.fail("The judge is away.")
    errand.refresh_from_db()
    assert (errand.status, errand.error, errand.is_stale) == ("failed", "The judge is away.", False)


def test_a_waiting_one_is_stale_only_after_a_while(errand):
    assert not errand.is_stale
    silent(errand)
    assert errand.is_stale
    assert timedelta(seconds=30) < STALE


def test_it_is_sent_off_only_once_the_row_is_there(errand, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as sent, transaction.atomic():
        errand.submit()
        errand.refresh_from_db()
        assert errand.status == "waiting"
    errand.refresh_from_db()
    assert (len(sent), errand.status) == (1, "done")


def test_a_lost_one_is_sent_off_once_more_and_then_it_is_stopped(errand):
    Marking.claim(errand.pk)
    assert look_after() == {"again": 0, "stopped": 0}  # it has just begun
    silent(errand)
    assert look_after() == {"again": 1, "stopped": 0}
    errand.refresh_from_db()
    assert errand.status == "waiting"
    assert "started once more" in errand.error
    second = Marking.claim(errand.pk)
    silent(errand)
    assert look_after() == {"again": 0, "stopped": 1}
    errand.refresh_from_db()
    assert errand.status == "failed"
    assert "tried twice" in errand.error
    with pytest.raises(Superseded):
        second.step(done=1)


def test_one_that_nobody_took_up_waits_on_however_often(errand, django_capture_on_commit_callbacks):
    for _ in range(3):
        silent(errand)
        with django_capture_on_commit_callbacks() as sent:
            assert look_after() == {"again": 1, "stopped": 0}
        assert len(sent) == 1
        assert look_after() == {"again": 0, "stopped": 0}
        errand.refresh_from_db()
        assert (errand.status, errand.error) == ("waiting", "")


def test_a_sign_of_life_at_the_last_moment_counts(errand):
    mine = Marking.claim(errand.pk)
    silent(errand)
    found = Marking.objects.get()
    mine.step(done=1)
    assert found.revive() == ""
    errand.refresh_from_db()
    assert (errand.status, errand.done) == ("running", 1)


@pytest.mark.django_db(transaction=True)
def test_its_heart_beats_while_one_step_takes_long(errand, monkeypatch):
    monkeypatch.setattr(errands, "BEAT", 0.05)
    mine = Marking.claim(errand.pk)
    silent(errand)
    with mine.beating():
        end = time.monotonic() + 10
        while Marking.objects.get().is_stale and time.monotonic() < end:
            time.sleep(0.05)
        assert look_after() == {"again": 0, "stopped": 0}
    silent(errand)
    time.sleep(0.2)
    assert look_after() == {"again": 1, "stopped": 0}  # it beats no more
