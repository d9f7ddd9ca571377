"""A job from the line to its end, under a supervisor that is a process of its own."""

import hashlib
import threading

import pytest
from django.db import connection

from rftstudio.engine.machine import cores
from rftstudio.runs import actions, queue
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.runs.standing import standing
from rftstudio.runs.tasks import start_job
from tests.runs.conftest import started
from tests.runs.counting_job import reward

pytestmark = pytest.mark.slow


def ended(run):
    run.refresh_from_db()
    return run.status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


def paused(run):
    run.refresh_from_db()
    return run.status == Status.PAUSED


def test_a_run_from_queue_to_end(launch, until):
    run = launch(steps=60)
    assert start_job("runs", "run", run.pk)
    until(lambda: ended(run))
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    metrics = run.events.filter(type="metrics")
    assert [event.step for event in metrics] == list(range(61))
    assert [event.data["train_reward_mean"] for event in metrics[1:]] == [reward(step) for step in range(1, 61)]
    assert run.rollouts.count() == 61 * 4
    assert run.progress == {"done": 60, "total": 60}
    assert run.heartbeat_at is None
    assert run.finished_at > run.started_at
    assert run.checkpoints.count() == 13
    until(lambda: not started("supervise"))


def test_started_once_however_often_it_is_asked_for(launch, until):
    run = launch(steps=30)
    results = []

    def ask():
        results.append(start_job("runs", "run", run.pk))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]
    until(lambda: ended(run))
    assert run.events.filter(type="started").count() == 1


def test_one_at_a_time_in_order(launch, until):
    first, second = launch(steps=20), launch(steps=1)
    assert standing(first).place == 1
    assert standing(second).place == 2
    start_job("runs", "run", second.pk)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.RUNNING, Status.QUEUED)
    assert queue.start_waiting() == []
    until(lambda: ended(second), looking_round=True)
    first.refresh_from_db()
    assert second.started_at >= first.finished_at


def test_two_at_once_where_the_machine_allows(launch, until, settings, monkeypatch):
    settings.MAX_RUNNING_JOBS = 2
    monkeypatch.setenv("MAX_RUNNING_JOBS", "2")  # for the supervisors
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    first, second, third = (launch(steps=200, hash_of="OMP_NUM_THREADS") for _ in range(3))
    assert queue.start_waiting() == [first, second]
    until(lambda: all(run.events.filter(type="metrics").exists() for run in (first, second)))
    assert Run.objects.filter(status=Status.RUNNING).count() == 2
    share = hashlib.sha256(str(max(1, cores() // 2)).encode()).hexdigest()
    assert {(run.directory / "hash").read_text() for run in (first, second)} == {share}, "each has half of the cores"
    until(lambda: ended(third), looking_round=True)
    first.refresh_from_db()
    second.refresh_from_db()
    assert third.started_at >= min(first.finished_at, second.finished_at)


def test_cancelled_while_running(launch, until):
    run = launch(steps=5000)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() > 2)
    actions.cancel_run(run=run, by=None)
    until(lambda: ended(run))
    assert (run.status, run.error, run.wish) == (Status.CANCELLED, "", "")
    assert not started("counting_job")


def test_cancelled_while_waiting_never_starts(launch):
    run = launch()
    actions.cancel_run(run=run, by=None)
    assert run.status == Status.CANCELLED
    assert not start_job("runs", "run", run.pk)


def test_paused_while_running_and_resumed(launch, until):
    run = launch(steps=150, checkpoint_every=50)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() > 2)
    actions.pause_run(run=run, by=None)
    until(lambda: paused(run))
    assert (run.error, run.wish, run.heartbeat_at) == ("", "", None)
    until(lambda: not started())
    done = run.progress["done"]
    assert 2 <= done < 150
    assert run.events.last().type == "paused"
    other = launch(steps=3)
    queue.start_waiting()
    until(lambda: ended(other))  # its place was free
    actions.resume_run(run=run, by=None)
    assert start_job("runs", "run", run.pk)
    until(lambda: ended(run))
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert [event.step for event in run.events.filter(type="metrics")] == list(range(151))
    assert f"counting from {done + 1}" in (run.directory / "log.txt").read_text()


def test_a_pause_that_nobody_saw_is_found(launch, until, kill):
    run = launch(steps=5000)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() > 2)
    kill(started("supervise")[0])
    (run.directory / "pause").touch()  # as the supervisor had asked, or a finding
    until(lambda: not started("counting_job"))
    until(lambda: paused(run), looking_round=True)
    assert run.events.filter(type="started").count() == 1, "it was not started again"


def test_a_deaf_job_pauses_where_it_had_saved(launch, until, monkeypatch):
    monkeypatch.setenv("JOB_STOP_SECONDS", "1")
    run = launch(steps=5000, deaf=True)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").exists())
    actions.pause_run(run=run, by=None)
    until(lambda: paused(run))
    assert not started("counting_job")


def test_a_deaf_job_is_ended_after_a_while(launch, until, monkeypatch):
    monkeypatch.setenv("JOB_STOP_SECONDS", "1")
    run = launch(steps=5000, deaf=True)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").exists())
    actions.cancel_run(run=run, by=None)
    until(lambda: ended(run))
    assert run.status == Status.CANCELLED
    assert not started("counting_job")


def test_a_failure_says_what_the_log_said(launch, until):
    run = launch(fail_at=3)
    start_job("runs", "run", run.pk)
    until(lambda: ended(run))
    assert (run.status, run.culprit) == (Status.FAILED, "system")
    assert "the tape is full" in run.error
    assert run.events.filter(type="metrics").count() == 4, "what was reported before is kept"


def test_a_deleted_run_takes_its_child_along(launch, until):
    run = launch(steps=5000)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").exists())
    Run.objects.filter(pk=run.pk).delete()
    until(lambda: not started())


def test_a_log_that_cannot_be_read_ends_the_run_with_a_sentence(launch, until):
    run = launch(steps=5000, garble_at=4)
    start_job("runs", "run", run.pk)
    until(lambda: ended(run))
    assert (run.status, run.culprit) == (Status.FAILED, "system")
    assert "cannot be read" in run.error
    until(lambda: not started())
