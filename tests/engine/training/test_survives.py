"""A run that is killed goes on where it was: nothing lost, nothing doubled, the same curve."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rftstudio.engine.events import Log
from rftstudio.engine.process import ENDED
from rftstudio.engine.training import checkpoints, reporter
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import MakeJob, curve, log


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    """Die in the middle of the `write`-th append, leaving half a line behind."""
    real = Log.append_many
    count = 0

    def append_many(self: Log, rows: list[dict[str, object]], *, keys: list[str]) -> int:
        nonlocal count
        count += 1
        if count == write:
            with self.path.open("ab") as file:
                file.write(b'{"seq": 99')
            raise Killed
        return real(self, rows, keys=keys)

    monkeypatch.setattr(Log, "append_many", append_many)


def check_same(directory: Path, reference: Path) -> None:
    assert curve(directory) == curve(reference)
    for name in ("events.jsonl", "rollouts.jsonl"):
        assert [row["seq"] for row in log(directory, name)] == list(range(1, len(log(directory, name)) + 1))
        keys = [row["key"] for row in log(directory, name) if "key" in row]
        assert len(keys) == len(set(keys))
    texts = {row["key"]: row["text"] for row in log(directory, "rollouts.jsonl")}
    assert texts == {row["key"]: row["text"] for row in log(reference, "rollouts.jsonl")}
    mine, theirs = (json.loads((one / "result.json").read_text()) for one in (directory, reference))
    assert mine["adapter_hash"] == theirs["adapter_hash"]
    assert mine["best_step"] == theirs["best_step"]


@pytest.mark.parametrize("write", [1, 2, 4, 5, 7, 9, 11, 14, 18])
@pytest.mark.parametrize("updates", [1, 2])
def test_killed_at_any_write_gives_the_same_run(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, write: int, updates: int
) -> None:
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 0.0)
    reference = make_job("reference", updates_per_batch=updates)
    assert run(reference) == 0
    directory = make_job("killed", updates_per_batch=updates)
    with monkeypatch.context() as patch:
        kill_at(patch, write)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == 0
    check_same(directory, reference)


def test_without_recovery_checkpoints_it_goes_back_to_the_last_evaluation(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 1e9)
    reference = make_job("reference")
    assert run(reference) == 0
    directory = make_job("killed")
    with monkeypatch.context() as patch:
        kill_at(patch, 12)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == 0
    check_same(directory, reference)


def test_a_finished_job_is_left_alone(make_job: MakeJob) -> None:
    directory = make_job()
    assert run(directory) == 0
    before = (directory / "events.jsonl").read_bytes()
    assert run(directory) == 0
    assert (directory / "events.jsonl").read_bytes() == before


def test_a_broken_checkpoint_is_passed_over(make_job: MakeJob) -> None:
    reference = make_job("reference")
    assert run(reference) == 0
    directory = make_job("broken")
    (directory / "stop").touch()
    assert run(directory) == 3
    (directory / "stop").unlink()
    adapter = directory / "checkpoints/step-1/adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-8] + b"\0" * 8)
    assert run(directory) == 0
    assert curve(directory) == curve(reference)


def test_stop_file_ends_after_the_step_with_a_checkpoint_and_can_go_on(make_job: MakeJob) -> None:
    directory = make_job()
    (directory / "stop").touch()
    assert run(directory) == 3
    last = log(directory, "events.jsonl")[-1]
    assert (last["type"], last["data"]["status"]) == ("finished", "cancelled")
    assert "Stopped as asked after step 1" in last["message"]
    assert (directory / "checkpoints/step-1/adapter_model.safetensors").exists()
    assert json.loads((directory / "result.json").read_text())["final_step"] == 1
    (directory / "stop").unlink()
    assert run(directory) == 0
    assert sorted(curve(directory)) == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_sigkill_and_sigterm_of_the_real_process(make_job: MakeJob) -> None:
    directory = make_job(steps=4000, eval_interval=2000)
    command = [sys.executable, "-m", "rftstudio.engine.training", str(directory)]

    def wait_for_steps(process: subprocess.Popen[bytes], count: int) -> None:
        for _ in range(1200):
            if (directory / "events.jsonl").exists() and len(curve(directory)) > count:
                return
            assert process.poll() is None
            time.sleep(0.1)
        raise AssertionError("no steps")

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_steps(process, 3)
    process.kill()
    process.wait()
    done = len(curve(directory))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_steps(process, done + 2)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == ENDED
    steps = sorted(curve(directory))
    assert steps == list(range(len(steps)))
    last = log(directory, "events.jsonl")[-1]
    assert (last["type"], last["message"]) == (
        "message",
        f"Ended by the system (SIGTERM). Started again, it goes on after step {steps[-1]}.",
    )
    saved = checkpoints.latest(directory / "checkpoints")
    assert saved is not None
    assert saved.step == steps[-1], "nothing of its work has to be done again"
    assert not (directory / "result.json").exists()
