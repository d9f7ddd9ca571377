"""Interrupted at chosen places that a kill at random seldom hits: between two renames, between a save and its event."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from rftstudio.engine import process
from rftstudio.engine.events import Log
from rftstudio.engine.process import ENDED, PAUSED, SUCCEEDED
from rftstudio.engine.training import checkpoints, reporter
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import MakeJob, curve, log
from tests.engine.training.test_endings import NEVER, of_type, result
from tests.engine.training.test_survives import Killed, check_same


def die_at_event(patch: pytest.MonkeyPatch, kind: str, step: int) -> None:
    """Die instead of writing the event of this kind and step."""
    real = Log.append

    def append(self: Log, row: dict[str, object], *, key: str = "") -> bool:
        data = row.get("data")
        if row.get("type") == kind and isinstance(data, dict) and data.get("step") == step:
            raise Killed
        return real(self, row, key=key)

    patch.setattr(Log, "append", append)


def killed_at_event(directory: Path, monkeypatch: pytest.MonkeyPatch, kind: str, step: int) -> None:
    with monkeypatch.context() as patch:
        die_at_event(patch, kind, step)
        with pytest.raises(Killed):
            run(directory)


@pytest.mark.parametrize("rename", range(1, 7))
def test_between_the_renames_of_a_checkpoint(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, rename: int) -> None:
    """A recovery checkpoint after every step: from the second on, each is put in the place of one that is put aside."""
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 0.0)
    reference = make_job("reference")
    assert run(reference) == SUCCEEDED
    directory = make_job("killed")
    real, count = os.rename, 0

    def renaming(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == rename:
            raise Killed
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", renaming)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == SUCCEEDED
    check_same(directory, reference)
    paths = [row["data"]["path"] for row in of_type(directory, "checkpoint")]
    assert paths == [row["data"]["path"] for row in of_type(reference, "checkpoint")]
    assert not [path.name for path in (directory / "checkpoints").iterdir() if path.name.startswith(".")]


def test_a_removed_checkpoint_is_said_to_be_removed(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = make_job("reference", steps=8, eval_interval=1)
    assert run(reference) == SUCCEEDED
    gone = [row["data"]["step"] for row in of_type(reference, "checkpoint_removed")]
    directory = make_job("killed", steps=8, eval_interval=1)
    killed_at_event(directory, monkeypatch, "checkpoint_removed", gone[0])
    assert run(directory) == SUCCEEDED
    check_same(directory, reference)
    assert [row["data"]["step"] for row in of_type(directory, "checkpoint_removed")] == gone


def test_killed_while_it_removed_a_checkpoint(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = make_job("reference", steps=8, eval_interval=1)
    assert run(reference) == SUCCEEDED
    directory = make_job("killed", steps=8, eval_interval=1)
    real = shutil.rmtree

    def half(path: Path, *arguments: object, **options: object) -> None:
        if "step-" in Path(path).name:
            (Path(path) / "adapter_model.safetensors").unlink()
            raise Killed
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", half)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == SUCCEEDED
    check_same(directory, reference)
    assert not [path.name for path in (directory / "checkpoints").iterdir() if path.name.startswith(".")]


def test_a_checkpoint_without_its_weights_is_passed_over(make_job: MakeJob) -> None:
    reference = make_job("reference")
    assert run(reference) == SUCCEEDED
    directory = make_job("broken")
    (directory / "stop").touch()
    run(directory)
    (directory / "stop").unlink()
    (directory / "checkpoints/step-1/adapter_model.safetensors").unlink()
    assert run(directory) == SUCCEEDED
    assert curve(directory) == curve(reference)


def test_a_checkpoint_s_event_tells_the_same_after_a_kill(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = make_job("reference")
    assert run(reference) == SUCCEEDED
    directory = make_job("killed")
    killed_at_event(directory, monkeypatch, "checkpoint", 4)
    assert run(directory) == SUCCEEDED
    check_same(directory, reference)
    assert [row["data"] for row in of_type(directory, "checkpoint")] == [
        row["data"] for row in of_type(reference, "checkpoint")
    ]


def test_a_pause_for_a_finding_that_nobody_was_told_of_is_taken_up(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_job(grader=NEVER, steps=12, pause_on_finding=True)
    killed_at_event(directory, monkeypatch, "paused", 8)
    assert checkpoints.latest(directory / "checkpoints").step == 8  # type: ignore[union-attr]
    assert run(directory) == PAUSED
    (paused,) = of_type(directory, "paused")
    assert (paused["data"]["step"], paused["data"]["finding"]) == (8, "all_zero")
    assert "No answer has earned anything" in paused["data"]["reason"]
    assert sorted(curve(directory)) == list(range(9)), "it did not go on before it said so"
    assert run(directory) == SUCCEEDED, "whoever resumes has read it"
    assert len(of_type(directory, "paused")) == 1


def test_a_grader_is_judged_by_the_same_batches_as_without_a_kill(make_job: MakeJob) -> None:
    """How it failed lately is in the checkpoint. Here it failed so often that one good batch more is not enough."""
    directory = make_job()
    (directory / "pause").touch()
    assert run(directory) == PAUSED
    (state,) = (directory / "checkpoints").glob("*/state.json")
    content = json.loads(state.read_text())
    assert content["state"]["failures"] == [[0, 3, []], [0, 8, []]], "the untrained model's validation, and a step"
    content["state"]["failures"] = [[7, 8, ["The service is away."]]] * 5
    state.write_text(json.dumps(content))
    (directory / "pause").unlink()
    assert run(directory) == 4, "as one that was not paused"
    assert "28 of the last 40 answers" in log(directory, "events.jsonl")[-1]["message"]
    assert "The service is away." in log(directory, "events.jsonl")[-1]["message"]


def tell_time(directory: Path, seconds: float) -> None:
    """As if the run had worked so long until its last checkpoint."""
    (state,) = (directory / "checkpoints").glob("*/state.json")
    content = json.loads(state.read_text())
    content["state"]["seconds"] = seconds
    state.write_text(json.dumps(content))


def test_the_time_allowed_ends_no_step_that_was_told_without_an_evaluation(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 2 was told, then the process died; doing it again takes the run over its limit."""
    directory = make_job(max_minutes=5, eval_interval=100, steps=9)
    (directory / "pause").touch()
    assert run(directory) == PAUSED
    (directory / "pause").unlink()
    killed_at_event(directory, monkeypatch, "metrics", 3)
    tell_time(directory, 301.0)
    assert run(directory) == SUCCEEDED
    found = result(directory)
    assert (found["final_step"], found["best_step"]) == (3, 3)
    assert "The time allowed, 5 minutes" in found["ended_early"]
    points = curve(directory)
    assert sorted(points) == [0, 1, 2, 3]
    assert points[3][1] == found["best_valid_reward_mean"] is not None, "the evaluation is on the curve"


def test_a_step_that_was_evaluated_for_the_time_allowed_is_evaluated_again(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event is there, its checkpoint is not; the second time it is faster and there is time left."""
    directory = make_job(max_minutes=5, eval_interval=100, steps=4)
    (directory / "pause").touch()
    assert run(directory) == PAUSED
    (directory / "pause").unlink()
    tell_time(directory, 301.0)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(directory)
    assert curve(directory)[2][1] is not None
    tell_time(directory, 1.0)
    assert run(directory) == SUCCEEDED
    assert result(directory)["final_step"] == 4
    told = {row["data"]["step"]: row["data"]["valid_reward_mean"] for row in of_type(directory, "checkpoint")}
    assert told[2] == curve(directory)[2][1]


def test_sigterm_before_the_first_step(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = make_job("reference")
    assert run(reference) == SUCCEEDED
    directory = make_job("ended")
    real = process.Stop.__init__

    def told_at_once(self: process.Stop, where: Path) -> None:
        real(self, where)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(process.Stop, "__init__", told_at_once)
        assert run(directory) == ENDED
    assert "goes on after step 0" in log(directory, "events.jsonl")[-1]["message"]
    assert sorted(curve(directory)) == [0]
    assert run(directory) == SUCCEEDED
    check_same(directory, reference)


def test_sigterm_at_a_step_with_an_evaluation_loses_none_of_it(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = make_job("reference")
    assert run(reference) == SUCCEEDED
    directory = make_job("ended")
    real = Log.append_many

    def append_many(self: Log, rows: list[dict[str, object]], *, keys: list[str]) -> int:
        if self.path.name == "rollouts.jsonl" and rows[0]["phase"] == "train":
            os.kill(os.getpid(), signal.SIGTERM)  # in the middle of every step
        return real(self, rows, keys=keys)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "append_many", append_many)
        codes = [run(directory) for _ in range(7)]
    assert codes == [ENDED] * 5 + [SUCCEEDED] * 2
    check_same(directory, reference)
