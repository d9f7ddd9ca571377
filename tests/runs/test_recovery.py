"""Killed at any moment, a run is picked up: no event is lost, none is there twice, and nothing runs twice."""

import json
import time

import pytest

from rftstudio.runs import queue
from rftstudio.runs.intake import Intake
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.runs.tasks import reconcile, start_job
from tests.runs.conftest import started
from tests.runs.counting_job import reward
from tests.runs.test_supervisor import ended

pytestmark = pytest.mark.slow


def assert_whole(run, steps):
    """Every step once, in order, with its own reward; every rollout once."""
    metrics = list(run.events.filter(type="metrics").order_by("seq"))
    assert [event.step for event in metrics] == list(range(steps + 1))
    assert [event.data.get("train_reward_mean") for event in metrics[1:]] == [reward(s) for s in range(1, steps + 1)]
    events = list(run.events.order_by("seq").values_list("seq", flat=True))
    assert events == list(range(1, len(events) + 1))
    rollouts = list(run.rollouts.order_by("seq").values_list("seq", flat=True))
    assert rollouts == list(range(1, (steps + 1) * 4 + 1))


def begin(run, until, steps=3):
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() >= steps)
    run.refresh_from_db()


def test_supervisor_killed(launch, until, kill):
    run = launch(steps=300)
    begin(run, until)
    (child,) = started("counting_job")
    (supervisor,) = started("supervise")
    kill(supervisor)
    assert child.is_running(), "the child does not depend on its supervisor"
    until(lambda: ended(run), looking_round=True)
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 300)
    assert run.events.filter(type="started").count() == 1, "the child was adopted, not started again"


def test_child_killed(launch, until, kill):
    run = launch(steps=200)
    begin(run, until)
    kill(started("counting_job")[0])
    until(lambda: ended(run))
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 200)


def test_both_killed(launch, until, kill):
    run = launch(steps=200)
    begin(run, until)
    for process in started():
        kill(process)
    until(lambda: ended(run), looking_round=True)
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 200)


def test_child_ended_while_nobody_looked(launch, until, kill):
    run = launch(steps=120)
    begin(run, until)
    kill(started("supervise")[0])
    until(lambda: not started("counting_job"))
    until(lambda: ended(run), looking_round=True)
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 120)


def test_killed_between_writing_the_intent_and_the_child(launch, until, kill):
    """The row knows only the nonce that the child was to be started with; the child is found by it."""
    run = launch(steps=300)
    begin(run, until)
    kill(started("supervise")[0])
    type(run).objects.filter(pk=run.pk).update(handle={"nonce": run.handle["nonce"], "starts": 1, "at": 0})
    until(lambda: ended(run), looking_round=True)
    assert run.status == Status.SUCCEEDED
    assert run.events.filter(type="started").count() == 1
    assert_whole(run, 300)


def test_a_supervisor_that_lost_its_row_leaves_the_child_alone(launch, until):
    run = launch(steps=400)
    begin(run, until)
    (child,) = started("counting_job")
    (old,) = started("supervise")
    type(run).objects.filter(pk=run.pk).update(heartbeat_at=None)  # as if it had been silent
    queue.take_over_lost()
    until(lambda: not old.is_running() or old.status() == "zombie")
    assert child.is_running()
    until(lambda: ended(run), looking_round=True)
    assert_whole(run, 400)
    assert run.events.filter(type="started").count() == 1


def test_a_supervisor_told_to_leave_hands_over_at_once(launch, until):
    run = launch(steps=400)
    begin(run, until)
    started("supervise")[0].terminate()
    until(lambda: not started("supervise"))
    run.refresh_from_db()
    assert (run.status, run.heartbeat_at) == (Status.RUNNING, None)
    assert reconcile() == {"taken_over": 1, "started": 0}
    until(lambda: ended(run))
    assert_whole(run, 400)


def test_a_power_cut_that_took_the_end_of_the_logs(launch, until, kill):
    """The rows know more than the files, which end in zeros; what was taken is done, and said, once more."""
    run = launch(steps=400, checkpoint_every=1000)
    begin(run, until, steps=40)
    for process in (*started("supervise"), *started("counting_job")):
        kill(process)
    run.refresh_from_db()
    intake = Intake(run, lambda: Run.objects.filter(pk=run.pk))
    while intake.take():
        pass
    saved = run.progress["done"] // 2
    (run.directory / "checkpoint").write_text(str(saved))
    known = run.events.count()
    for name in ("events", "rollouts"):
        path = run.directory / f"{name}.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        rows = [json.loads(line) for line in lines]
        kept = [line for line, row in zip(lines, rows, strict=True) if row.get("data", row).get("step", 0) <= saved]
        path.write_bytes("".join(kept).encode() + bytes(700))
        assert len(kept) < getattr(run, name).count()
    until(lambda: ended(run), looking_round=True)
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 400)
    assert run.events.count() > known
    for name in ("events", "rollouts"):
        written = [json.loads(line)["seq"] for line in (run.directory / f"{name}.jsonl").read_text().splitlines()]
        assert list(getattr(run, name).order_by("seq").values_list("seq", flat=True)) == written


def test_a_crash_goes_on_from_the_last_checkpoint(launch, until):
    run = launch(steps=60, crash_at=33)
    start_job("runs", "run", run.pk)
    until(lambda: ended(run))
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 60)
    assert "counting from 31" in (run.directory / "log.txt").read_text()


def test_a_job_that_always_dies_fails_with_a_sentence(launch, until):
    run = launch(steps=60, die_at=7)
    start_job("runs", "run", run.pk)
    until(lambda: ended(run), seconds=90)
    assert (run.status, run.culprit) == (Status.FAILED, "system")
    assert "without getting any further" in run.error
    assert "memory" in run.error
    assert run.events.filter(type="metrics").count() == 8


def test_a_supervisor_that_is_slow_to_begin_is_not_replaced_over_and_over(launch, monkeypatch, settings):
    """On a machine that swaps it may take longer to start than a heart may stand still."""
    settings.JOB_STALE_SECONDS, settings.JOB_START_SECONDS = 1, 3
    run = launch(steps=5)
    assert queue._claim_next() == run  # whoever claims it is killed before it starts a supervisor
    time.sleep(1.5)
    assert queue.take_over_lost() == []
    time.sleep(2)
    assert queue.take_over_lost() == [run]


def test_a_lost_message_is_made_up_for(launch, until):
    run = launch(steps=5)
    assert run.status == Status.QUEUED
    assert reconcile()["started"] == 1
    until(lambda: ended(run))
