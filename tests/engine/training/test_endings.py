"""Runs that pause and go on, and runs that end before their last step: wishes, limits and grave findings."""

import json
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.training.journal import Progress
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import MakeJob, curve, log
from tests.engine.training.test_survives import check_same

NEVER = {
    "type": "string_check",
    "name": "never",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "what no answer says",
}
ALWAYS = {**NEVER, "operation": "ne"}


def result(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "result.json").read_text())
    return found


def of_type(directory: Path, kind: str) -> list[dict[str, Any]]:
    return [row for row in log(directory, "events.jsonl") if row["type"] == kind]


def test_paused_after_every_step_gives_the_same_run(make_job: MakeJob) -> None:
    reference = make_job("reference")
    assert run(reference) == 0
    directory = make_job("paused")
    (directory / "pause").touch()
    codes = []
    while not codes or codes[-1] == 5:
        codes.append(run(directory))
        assert len(codes) <= 6
        if codes[-1] == 5:
            last = log(directory, "events.jsonl")[-1]
            assert (last["type"], last["data"]["step"]) == ("paused", len(codes))
            assert last["message"] == f"Paused after step {len(codes)}."
            assert result(directory)["status"] == "paused"
    assert codes == [5, 5, 5, 5, 5, 0]
    check_same(directory, reference)
    assert not (directory / "checkpoints" / "step-1").exists(), "a pause is no checkpoint for people"


def test_a_wish_to_stop_goes_before_a_pause(make_job: MakeJob) -> None:
    directory = make_job()
    (directory / "pause").touch()
    (directory / "stop").touch()
    assert run(directory) == 3
    assert result(directory)["status"] == "cancelled"


def test_the_time_allowed_ends_it_with_one_last_evaluation(make_job: MakeJob) -> None:
    directory = make_job(max_minutes=0.0001, eval_interval=4)
    assert run(directory) == 0
    found = result(directory)
    assert (found["status"], found["final_step"], found["best_step"]) == ("succeeded", 1, 1)
    assert found["ended_early"] == "The time allowed, 0.0001 minutes, is used up."
    assert (directory / found["adapter_path"] / "adapter_model.safetensors").exists()
    assert curve(directory)[1][1] is not None, "evaluated, so that its checkpoint can be judged"
    last = log(directory, "events.jsonl")[-1]
    assert last["data"]["status"] == "succeeded"
    assert last["message"].startswith("Ended early, after step 1. The time allowed")


def test_enough_time_changes_nothing(make_job: MakeJob) -> None:
    directory = make_job(max_minutes=60, steps=2)
    assert run(directory) == 0
    assert (result(directory)["ended_early"], result(directory)["final_step"]) == ("", 2)


def test_time_counts_over_pauses(make_job: MakeJob) -> None:
    directory = make_job(max_minutes=5, steps=4)
    (directory / "pause").touch()
    assert run(directory) == 5
    (directory / "pause").unlink()
    state = next((directory / "checkpoints").glob("*/state.json"))
    content = json.loads(state.read_text())
    assert content["state"]["seconds"] > 0
    content["state"]["seconds"] = 301.0  # as if it had worked for five minutes before the pause
    state.write_text(json.dumps(content))
    assert run(directory) == 0
    assert result(directory)["final_step"] == 2
    assert "The time allowed, 5 minutes" in result(directory)["ended_early"]


def test_no_improvement_ends_it_with_the_best_checkpoint(make_job: MakeJob) -> None:
    directory = make_job(grader=ALWAYS, patience=2, eval_interval=1)
    assert run(directory) == 0
    found = result(directory)
    assert (found["status"], found["final_step"]) == ("succeeded", 2)
    assert found["ended_early"] == "There was no new best validation reward in the last 2 evaluations."
    assert (directory / found["adapter_path"] / "adapter_model.safetensors").exists()


def cut(path: Path, rows: int) -> None:
    """Leave out the last rows of a log, as if the process had been killed before them."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-rows]))


def test_killed_after_its_last_checkpoint_it_ends_at_the_same_step(make_job: MakeJob) -> None:
    directory = make_job(grader=ALWAYS, patience=2, eval_interval=1)
    assert run(directory) == 0
    whole = result(directory)
    (directory / "result.json").unlink()
    cut(directory / "events.jsonl", 1)
    assert run(directory) == 0
    assert {**result(directory), "seconds": 0} == {**whole, "seconds": 0}
    assert sorted(curve(directory)) == [0, 1, 2]


def test_killed_between_its_result_and_saying_so_it_says_so(make_job: MakeJob) -> None:
    directory = make_job(steps=2)
    assert run(directory) == 0
    cut(directory / "events.jsonl", 1)
    for _ in range(2):
        assert run(directory) == 0
        (finished,) = of_type(directory, "finished")
        assert (finished["data"]["status"], finished["data"]["culprit"]) == ("succeeded", "")


@pytest.mark.parametrize(
    ("valid", "waited"),
    [
        ({}, 0),
        ({0: 0.3}, 0),
        ({0: 0.3, 10: 0.4}, 0),
        ({0: 0.3, 10: 0.4, 20: 0.4}, 1),
        ({0: 0.3, 10: 0.2, 20: 0.1}, 2),
        ({0: 0.3, 10: None, 20: None, 30: 0.2}, 1),  # an evaluation that could not be marked says nothing
        ({30: 0.9, 0: 0.3, 20: 0.2}, 0),
    ],
)
def test_evaluations_without_improvement(valid: dict[int, float | None], waited: int) -> None:
    assert Progress(valid=valid).without_improvement() == waited


def test_a_warm_start_does_not_use_up_the_patience() -> None:
    progress = Progress(valid={0: 0.2, 5: 0.6, 10: 0.5, 15: 0.4, 20: 0.4, 25: 0.5})
    assert progress.without_improvement() == 4
    assert progress.without_improvement(after=20) == 1
    assert Progress(valid={0: 0.2, 5: 0.6, 10: 0.5}).without_improvement(after=20) == 0


def test_a_grave_finding_pauses_once_where_that_is_wished(make_job: MakeJob) -> None:
    directory = make_job(grader=NEVER, steps=12, pause_on_finding=True)
    assert run(directory) == 5
    (paused,) = of_type(directory, "paused")
    assert (paused["data"]["step"], paused["data"]["finding"]) == (8, "all_zero")
    assert "No answer has earned anything" in paused["data"]["reason"]
    assert run(directory) == 0, "whoever resumes has read it"
    assert sorted(curve(directory)) == list(range(13))
    told = [row["data"]["name"] for row in of_type(directory, "finding")]
    assert told.count("all_zero") == 1
    assert len(of_type(directory, "paused")) == 1


def test_without_the_wish_a_grave_finding_is_only_told(make_job: MakeJob) -> None:
    directory = make_job(grader=NEVER, steps=9)
    assert run(directory) == 0
    (told,) = [row for row in of_type(directory, "finding") if row["data"]["level"] == "bad"]
    assert (told["level"], told["data"]["name"], told["data"]["step"]) == ("warn", "all_zero", 8)
    assert result(directory)["ended_early"] == ""
