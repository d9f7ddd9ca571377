"""A whole training whose grader asks a judge: failures are no zeros, scores follow from leaves, budgets end it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.grading import parse_spec, recompute
from rftstudio.engine.grading.judges.purse import Purse
from rftstudio.engine.training.run import run
from rftstudio.engine.types import Grade
from tests.engine.judge_server import Answer, JudgeServer, completion, error, graded
from tests.engine.training.conftest import MakeJob, log

RUBRIC = {
    "type": "rubric",
    "name": "letter",
    "criteria": [
        {"name": "colour", "sentence": "Names a colour.", "weight": 3, "check": {"type": "judge", "model": "ours"}},
        {"name": "short", "sentence": "Is short.", "check": {"type": "judge", "model": "ours"}},
        {
            "name": "red",
            "check": {
                "type": "string_check",
                "input": "{{ sample.output_text }}",
                "reference": "red",
                "operation": "like",
            },
        },
    ],
}
COLOURS = ("red", "green", "blue", "yellow", "black", "white")


def verdict(body: dict[str, Any]) -> Any:
    words = graded(body).split()
    colours = sum(word in COLOURS for word in words)
    return completion(
        {
            "q1": {"reason": "By its words.", "choice": ["no", "partly", "yes"][min(2, colours)]},
            "q2": {"reason": "By its length.", "choice": "yes" if len(words) < 4 else "no"},
        }
    )


def sometimes_bad(body: dict[str, Any]) -> Any:
    """Nearly a third of the answers get a verdict that cannot be read, always the same ones."""
    return completion("Well.") if sum(graded(body).encode()) % 10 < 3 else verdict(body)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("OUR_JUDGE_KEY", "sk-of-ours")
    servers = []

    def start(answer: Answer) -> JudgeServer:
        servers.append(JudgeServer(answer).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


def with_judge(directory: Path, server: JudgeServer, **changes: Any) -> Path:
    job = json.loads((directory / "job.json").read_text())
    job["judges"] = [server.endpoint("ours", key_env="OUR_JUDGE_KEY", **changes).to_json()]
    (directory / "job.json").write_text(json.dumps(job))
    return directory


def of_type(directory: Path, kind: str) -> list[dict[str, Any]]:
    return [row["data"] for row in log(directory, "events.jsonl") if row["type"] == kind]


def test_verdicts_that_cannot_be_read_are_left_out_counted_and_shown(make_job: MakeJob, serve: Any) -> None:
    server = serve(sometimes_bad)
    directory = with_judge(make_job(grader=RUBRIC, max_no_score_share=0.9), server)
    assert run(directory) == 0
    rollouts = log(directory, "rollouts.jsonl")
    train = [row for row in rollouts if row["phase"] == "train"]
    bad = [row for row in train if row["reward"] is None]
    assert 0 < len(bad) < len(train) / 2
    assert {(row["advantage"], row["discard"]) for row in bad} == {(0.0, "no score")}
    assert {row["grade"]["error"]["flag"] for row in bad} == {"model_grader_parse_error"}
    for step in range(1, 7):
        for group in (0, 1):
            own = [row for row in train if (row["step"], row["group"]) == (step, group)]
            scored = [row for row in own if row["reward"] is not None]
            # Advantages sum to nothing over those that were scored: the others moved neither mean nor spread.
            assert sum(row["advantage"] for row in scored) == pytest.approx(0, abs=1e-3)
    metrics = of_type(directory, "metrics")
    for row in metrics[1:]:
        own = [each for each in train if each["step"] == row["step"]]
        scored = [each["reward"] for each in own if each["reward"] is not None]
        assert row["n_no_score"] == len(own) - len(scored)
        assert row["errors"].get("model_grader_parse_error", 0) == row["n_no_score"]
        assert row["train_reward_mean"] == pytest.approx(sum(scored) / len(scored), abs=1e-5)
    assert all(0 <= row["judge_talk_share"] <= 1 for row in metrics[1:])
    assert metrics[-1]["judges"]["total_tokens"] == 120 * len(server.requests)
    assert sum(row["judges"]["tokens"] for row in metrics) == metrics[-1]["judges"]["total_tokens"]
    assert len(server.requests) == sum(row["judges"]["calls"] for row in metrics)


def test_the_shown_reward_follows_from_the_stored_leaves(make_job: MakeJob, serve: Any) -> None:
    directory = with_judge(make_job(grader=RUBRIC, steps=2, max_no_score_share=0.9), serve(sometimes_bad))
    assert run(directory) == 0
    spec = parse_spec(RUBRIC)
    rows = log(directory, "rollouts.jsonl")
    assert any(row["reward"] not in (None, 0, 1) for row in rows)
    for row in rows:
        stripped = {**row["grade"], "score": None}
        assert recompute(spec, Grade.from_json(stripped)) == row["reward"]


def test_too_many_failures_stop_the_run_with_their_first_reasons(make_job: MakeJob, serve: Any) -> None:
    directory = with_judge(make_job(grader=RUBRIC), serve(lambda body: error(403, "no such account")))
    assert run(directory) == 4
    last = log(directory, "events.jsonl")[-1]
    assert (last["data"]["status"], last["data"]["culprit"]) == ("failed", "grader")
    assert "does not accept its key (403): “no such account”" in last["message"]


def test_the_judges_are_named_and_their_key_is_nowhere(make_job: MakeJob, serve: Any) -> None:
    server = serve(verdict)
    directory = with_judge(make_job(grader=RUBRIC, steps=2), server)
    assert run(directory) == 0
    started = of_type(directory, "started")[0]
    host = f"http://127.0.0.1:{server.port}"
    assert started["judges"] == [{"name": "ours", "model": "test-model", "host": host, "weak": False}]
    assert {headers["Authorization"] for headers, _ in server.requests} == {"Bearer sk-of-ours"}
    for path in directory.rglob("*"):
        assert not path.is_file() or b"sk-of-ours" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("budget", "says"),
    [({"judge_tokens": 5000}, "budget of 5,000 tokens is used up"), ({"judge_cost": 5.0}, "budget of 5 in money is")],
)
def test_a_budget_ends_the_run_early_with_its_best_checkpoint(
    make_job: MakeJob, serve: Any, budget: dict[str, float], says: str
) -> None:
    server = serve(verdict)
    # At these prices a token costs a thousandth: both budgets are the same.
    prices = {"price_in": 1000.0, "price_out": 1000.0}
    directory = with_judge(make_job(grader=RUBRIC, steps=30, eval_interval=1, **budget), server, **prices)
    assert run(directory) == 0
    result = json.loads((directory / "result.json").read_text())
    assert result["status"] == "succeeded"
    assert says in result["ended_early"]
    assert 1 <= result["final_step"] < 30
    assert result["best_step"] is not None
    assert (directory / result["adapter_path"] / "adapter_model.safetensors").exists()
    last = log(directory, "events.jsonl")[-1]
    assert last["data"]["status"] == "succeeded"
    assert "Ended early, after step" in last["message"]
    assert 5000 <= of_type(directory, "metrics")[-1]["judges"]["total_tokens"] < 5000 + 8 * 120


def test_what_another_job_of_the_launch_has_paid_is_not_there_any_more(make_job: MakeJob, serve: Any) -> None:
    directory = with_judge(make_job(grader=RUBRIC, steps=30, eval_interval=1, judge_tokens=10_000), serve(verdict))
    job = json.loads((directory / "job.json").read_text())
    job["budget"] = {"file": "../first/judge-budget.jsonl", "share": 0.8}
    (directory / "job.json").write_text(json.dumps(job))
    purse = directory.parent / "first" / "judge-budget.jsonl"
    Purse(purse).add(7000, 0.0)
    assert run(directory) == 0
    ended = json.loads((directory / "result.json").read_text())["ended_early"]
    assert ended == "The judge budget of 10,000 tokens is used up."
    told = of_type(directory, "metrics")[-1]["judges"]
    assert 3000 <= told["total_tokens"] < 3000 + 8 * 120
    assert told["launch_tokens"] == 7000 + told["total_tokens"]
    assert Purse(purse).total().tokens == told["launch_tokens"]


def test_a_baseline_ends_early_with_its_own_part_though_the_training_before_it_spent_all_of_its(
    make_job: MakeJob, serve: Any
) -> None:
    settings = {"grader": RUBRIC, "steps": 30, "eval_interval": 1, "judge_tokens": 10_000}
    directory = with_judge(make_job(approach="sft", **settings), serve(verdict))
    job = json.loads((directory / "job.json").read_text())
    job["budget"] = {"file": "../first/judge-budget.jsonl", "share": 0.1}
    (directory / "job.json").write_text(json.dumps(job))
    purse = Purse(directory.parent / "first" / "judge-budget.jsonl")
    purse.add(8500, 0.0)  # of 10,000, by a training with 0.85
    assert run(directory) == 0
    result = json.loads((directory / "result.json").read_text())
    assert "the part for this job, 1,000, is used up; the rest is kept for the others." in result["ended_early"]
    assert 1 <= result["final_step"] < 30
    assert result["best_step"] is not None
    told = of_type(directory, "metrics")[-1]["judges"]
    assert 1000 <= told["total_tokens"] == purse.total().tokens - 8500 < 1500


def test_a_budget_that_ends_before_any_evaluation_leaves_the_last_checkpoint(make_job: MakeJob, serve: Any) -> None:
    directory = with_judge(make_job(grader=RUBRIC, steps=30, eval_interval=30, judge_tokens=2000), serve(verdict))
    assert run(directory) == 0
    result = json.loads((directory / "result.json").read_text())
    assert "budget of 2,000 tokens is used up" in result["ended_early"]
    assert result["best_step"] == result["final_step"] < 30
    assert result["best_valid_reward_mean"] is None
    assert (directory / result["adapter_path"] / "adapter_model.safetensors").exists()
    (checkpoint,) = (row for row in log(directory, "events.jsonl") if row["type"] == "checkpoint")
    assert checkpoint["data"]["best"] is True
    assert checkpoint["message"].endswith("not evaluated.")


def test_a_budget_too_small_for_the_first_validation_is_the_authors(make_job: MakeJob, serve: Any) -> None:
    directory = with_judge(make_job(grader=RUBRIC, judge_tokens=100), serve(verdict))
    assert run(directory) == 2
    last = log(directory, "events.jsonl")[-1]
    assert last["data"]["culprit"] == "author"
    assert "No step was trained" in last["message"]


def test_a_run_that_goes_on_pays_nothing_twice(make_job: MakeJob, serve: Any) -> None:
    server = serve(verdict)
    directory = with_judge(make_job(grader=RUBRIC, steps=4), server)

    def stopping(body: dict[str, Any]) -> Any:
        if len(server.requests) == 12:
            (directory / "stop").touch()
        return verdict(body)

    server.answer = stopping
    assert run(directory) == 3
    (directory / "stop").unlink()
    first = len(server.requests)
    shutil.rmtree(directory / "checkpoints")  # everything has to be done again
    assert run(directory) == 0
    asked = [json.dumps(body["messages"]) for body in server.bodies]
    assert len(asked) > first
    assert len(set(asked)) == len(asked)
    assert of_type(directory, "metrics")[-1]["judges"]["total_tokens"] == 120 * len(asked)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "theirs"}, "There is no judge called “ours”. The judges there are: theirs."),
        ({"key_env": "NOT_SET_ANYWHERE"}, "needs the variable NOT_SET_ANYWHERE"),
        ({"key": "sk-1"}, "A key does not belong into a file"),
        ({"base_url": ""}, "`base_url` is missing"),
    ],
)
def test_judges_that_cannot_be_asked_are_refused_before_anything_is_loaded(
    make_job: MakeJob, serve: Any, change: dict[str, Any], says: str
) -> None:
    server = serve(verdict)
    directory = with_judge(make_job(grader=RUBRIC), server)
    job = json.loads((directory / "job.json").read_text())
    job["judges"][0].update(change)
    (directory / "job.json").write_text(json.dumps(job))
    assert run(directory) == 2
    last = log(directory, "events.jsonl")[-1]
    assert last["data"]["culprit"] == "author"
    assert says in last["message"]
    assert server.requests == []


def test_a_judge_on_a_private_address_needs_leave(make_job: MakeJob, serve: Any) -> None:
    server = serve(verdict)
    directory = with_judge(make_job(grader=RUBRIC), server, allow_private=False)
    assert run(directory) == 4
    assert "private or reserved address" in log(directory, "events.jsonl")[-1]["message"]
    assert server.requests == []
