"""The embedded model trained by graders that fail at times: what has no score moves nothing, is counted and shown."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.grading import parse_spec, recompute
from rftstudio.engine.grading.sandbox.detect import detect
from rftstudio.engine.types import Grade
from tests.engine.judge_server import JudgeServer, completion, graded
from tests.engine.models import embedded_model
from tests.engine.training.conftest import MakeJob, log

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.timeout(600)]

SIZE = {"steps": 2, "batch_size": 16, "group_size": 8, "max_completion_length": 12, "eval_interval": 2}
# About a quarter raises, an eighth hangs, and the rest is marked by degrees.
FAILING = """
def grade(sample, item):
    text = sample["output_text"]
    kind = sum(text.encode()) % 8
    if kind < 2:
        return 1.0 / len([])
    if kind == 2:
        while True:
            pass
    return min(1.0, len(text) / 60)
"""
JUDGE = {"type": "judge", "model": "ours", "instruction": "Is it short?"}
RUBRIC = {
    "type": "rubric",
    "criteria": [
        {"name": "short", "weight": 2, "check": JUDGE},
        {"name": "plain", "check": {"type": "format", "no_markdown": True}},
    ],
}


def train(directory: Path, **environment: str) -> int:
    """The job in a process of its own, as the studio runs it; its exit code."""
    own = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **environment}
    return subprocess.run([sys.executable, "-m", "rftstudio.engine.training", str(directory)], env=own).returncode


def check_rollouts(directory: Path, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that holds whatever the grader does; the training's rows without a score."""
    parsed = parse_spec(spec)
    rows = log(directory, "rollouts.jsonl")
    for row in rows:
        leaves = Grade.from_json({**row["grade"], "score": None if row["grade"]["children"] else row["grade"]["score"]})
        assert recompute(parsed, leaves) == row["reward"]
    trained = [row for row in rows if row["phase"] == "train"]
    failed = [row for row in trained if row["reward"] is None]
    assert {(row["advantage"], row["discard"]) for row in failed} <= {(0.0, "no score")}
    for step in range(1, SIZE["steps"] + 1):
        for group in range(SIZE["batch_size"] // SIZE["group_size"]):
            own = [row for row in trained if (row["step"], row["group"]) == (step, group)]
            assert len(own) == SIZE["group_size"]
            assert sum(row["advantage"] for row in own if row["reward"] is not None) == pytest.approx(0, abs=1e-3)
    metrics = {row["data"]["step"]: row["data"] for row in log(directory, "events.jsonl") if row["type"] == "metrics"}
    for step in range(1, SIZE["steps"] + 1):
        rewards = [row["reward"] for row in trained if row["step"] == step]
        scored = [reward for reward in rewards if reward is not None]
        assert metrics[step]["n_no_score"] == len(rewards) - len(scored)
        assert sum(metrics[step]["errors"].values()) == len(rewards) - len(scored)
        assert metrics[step]["train_reward_mean"] == pytest.approx(sum(scored) / len(scored), abs=1e-5)
    return failed


def needs_sandbox() -> None:
    if refusal := detect().refusal:
        pytest.skip(refusal)


def test_a_python_grader_that_raises_and_hangs(make_job: MakeJob) -> None:
    needs_sandbox()
    spec = {"type": "python", "source": FAILING}
    directory = make_job(model=str(embedded_model()), grader=spec, max_no_score_share=0.95, **SIZE)
    assert train(directory, PYTHON_GRADER_SECONDS="1") == 0
    failed = check_rollouts(directory, spec)
    assert {row["grade"]["error"]["flag"] for row in failed} == {"python_grader_runtime_error"}
    reasons = {row["grade"]["error"]["message"].partition(":")[0] for row in failed}
    assert reasons == {"The function failed on line 6 of the source", "grade() took longer than 1 s."}
    assert any("ZeroDivisionError" in row["grade"]["error"]["message"] for row in failed)
    started = next(row for row in log(directory, "events.jsonl") if row["type"] == "started")
    assert "seccomp" in started["data"]["sandbox"]["layers"]


def test_a_python_grader_that_always_fails_ends_the_run_with_its_first_reasons(make_job: MakeJob) -> None:
    needs_sandbox()
    spec = {"type": "python", "source": "def grade(sample, item):\n    return item['no such column']\n"}
    directory = make_job(model=str(embedded_model()), grader=spec, **SIZE)
    assert train(directory) == 4
    last = log(directory, "events.jsonl")[-1]
    assert (last["data"]["status"], last["data"]["culprit"]) == ("failed", "grader")
    assert "The function failed on line 2 of the source: KeyError" in last["message"]


def test_a_judge_whose_verdicts_are_bad_for_a_third(make_job: MakeJob) -> None:
    def answer(body: dict[str, Any]) -> Any:
        text = graded(body)
        if sum(text.encode()) % 10 < 3:
            return completion("I had rather not say.")
        return completion({"q1": {"reason": "By its length.", "choice": "yes" if len(text) < 20 else "partly"}})

    with JudgeServer(answer) as server:
        directory = make_job(model=str(embedded_model()), grader=RUBRIC, max_no_score_share=0.9, **SIZE)
        job = json.loads((directory / "job.json").read_text())
        job["judges"] = [server.endpoint("ours").to_json()]
        (directory / "job.json").write_text(json.dumps(job))
        assert train(directory) == 0
        failed = check_rollouts(directory, RUBRIC)
        assert {row["grade"]["error"]["flag"] for row in failed} == {"model_grader_parse_error"}
        paid = [row["data"]["judges"] for row in log(directory, "events.jsonl") if row["type"] == "metrics"]
        assert paid[-1]["total_calls"] == len(server.requests)
        assert paid[-1]["total_tokens"] == 120 * len(server.requests)
