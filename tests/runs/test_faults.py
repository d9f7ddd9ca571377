"""What the machine does to a training under its supervisor: SIGTERM, a full disk, memory that runs out, for real."""

import shutil
import signal

import pytest

from rftstudio.engine.faults import DISK_FULL
from rftstudio.registry.actions import register_local
from rftstudio.runs import actions
from rftstudio.runs.jobs import Status
from rftstudio.runs.tasks import reconcile, start_job
from tests.engine.small_disk import fill, small_disk
from tests.factories import make_run, make_taskset
from tests.runs.conftest import started
from tests.runs.test_recovery import assert_whole, begin
from tests.runs.test_supervisor import ended

pytestmark = pytest.mark.slow


def test_a_child_that_is_told_to_end_goes_on_where_it_was(launch, until):
    run = launch(steps=150, checkpoint_every=100)
    begin(run, until)
    started("counting_job")[0].terminate()
    until(lambda: ended(run))
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert_whole(run, 150)
    (said,) = run.events.filter(message="Ended by the system.")
    before = run.events.filter(type="metrics", seq__lt=said.seq).last().step
    assert f"counting from {before + 1}" in (run.directory / "log.txt").read_text()


def test_a_machine_that_shuts_down_and_comes_back(launch, until):
    """Everybody gets SIGTERM; nobody starts anything anew meanwhile; afterwards it goes on by itself."""
    run = launch(steps=150, checkpoint_every=100)
    begin(run, until)
    for process in started():
        process.send_signal(signal.SIGTERM)
    until(lambda: not started())
    run.refresh_from_db()
    assert (run.status, run.heartbeat_at) == (Status.RUNNING, None)
    assert reconcile()["taken_over"] == 1
    until(lambda: ended(run))
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 150)


def test_cancelled_it_is_not_started_again_after_sigterm(launch, until):
    run = launch(steps=5000, step_seconds=0.3)
    begin(run, until, steps=2)
    actions.cancel_run(run=run, by=None)
    for process in started("counting_job"):
        process.terminate()
    until(lambda: ended(run))
    assert run.status == Status.CANCELLED


def test_given_up_after_so_many_starts_and_continued_when_it_is_mended(launch, until, as_bob):
    """As the kernel does where memory runs out: SIGKILL, at the same place every time."""
    run = launch(steps=60, die_at=27, mended="room")
    start_job("runs", "run", run.pk)
    until(lambda: ended(run), seconds=90)
    assert (run.status, run.culprit) == (Status.FAILED, "system")
    assert "broke off 4 times without getting any further" in run.error
    assert "memory ran out: choose fewer answers per step or shorter ones" in run.error
    until(lambda: not started())  # it is left alone
    (run.directory / "room").touch()
    as_bob.post(f"/runs/{run.pk}/continue/")
    assert start_job("runs", "run", run.pk)
    until(lambda: ended(run))
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert_whole(run, 60)


@pytest.mark.training
def test_a_full_disk_under_the_engine(processes, workspace, until, monkeypatch, tmp_path, as_bob):
    """Logs, log.txt and checkpoints are on a disk of their own that fills up in the middle of the training."""
    from tests.engine.tiny import save_tiny_model

    monkeypatch.setenv("RFT_TEST_ENGINE", "real")
    settings = {"steps": 200, "eval_interval": 50, "batch_size": 8, "group_size": 4, "max_completion_length": 4}
    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny"))
    taskset = make_taskset(workspace=workspace, published=True, worked_examples=[], instructions="answer with one word")
    run = make_run(workspace=workspace, taskset=taskset, base_model=model, settings=settings)
    shutil.copytree(run.directory, tmp_path / "written")
    with small_disk(run.directory, kilobytes=4096) as disk:
        shutil.copytree(tmp_path / "written", disk, dirs_exist_ok=True)
        start_job("runs", "run", run.pk)
        until(lambda: run.events.filter(type="metrics", step__gte=2).exists(), seconds=200)
        filler = fill(disk)
        until(lambda: ended(run), seconds=120)
        assert (run.status, run.culprit, run.error) == (Status.FAILED, "system", DISK_FULL.sentence)
        until(lambda: not started())
        text = as_bob.get(f"/runs/{run.pk}/").text
        assert "The disk is full" in text
        assert "Continue" in text
        done = run.progress["done"]
        assert 2 <= done < 200
        filler.unlink()
        as_bob.post(f"/runs/{run.pk}/continue/")
        assert start_job("runs", "run", run.pk)
        until(lambda: ended(run), seconds=250)
        assert (run.status, run.error) == (Status.SUCCEEDED, "")
        assert [one.step for one in run.events.filter(type="metrics").order_by("seq")] == list(range(201))
        seqs = list(run.events.order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, len(seqs) + 1))
        assert run.rollouts.filter(phase="train").count() == 200 * 8
        until(lambda: not started())
