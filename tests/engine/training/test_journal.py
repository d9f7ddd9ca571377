"""What a run writes: events and rollouts as promised, and failures of graders told apart from zeros."""

import json
from pathlib import Path

import pytest

from rftstudio.engine.grading import parse_spec
from rftstudio.engine.training import rewards as rewards_module
from rftstudio.engine.training.figures import reward_metrics
from rftstudio.engine.training.run import run
from tests.engine.tiny import tiny_tokenizer
from tests.engine.training.conftest import MakeJob, log

# Gives no score wherever the answer is not JSON, which a tiny model's never is.
HOPELESS = {
    "type": "string_check",
    "name": "hopeless",
    "operation": "eq",
    "input": "{{sample.output_json.answer}}",
    "reference": "red",
}


def finished(make_job: MakeJob, **settings: object) -> Path:
    directory = make_job(**settings)  # type: ignore[arg-type]
    assert run(directory) == 0
    return directory


def test_events_of_a_whole_run(make_job: MakeJob) -> None:
    events = log(finished(make_job), "events.jsonl")
    assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
    started = events[0]
    assert started["type"] == "started"
    assert set(started["data"]["versions"]) == {"torch", "transformers", "trl", "peft", "python"}
    assert started["data"]["model"]["n_parameters"] > 10_000
    assert started["data"]["products"] in ("MKL", "oneDNN", "PyTorch")
    assert (started["data"]["n_train"], started["data"]["n_validation"]) == (6, 3)
    metrics = [row["data"] for row in events if row["type"] == "metrics"]
    assert [row["step"] for row in metrics] == [0, 1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in metrics if "valid_reward_mean" in row] == [0, 2, 4, 6]
    assert "train_reward_mean" not in metrics[0]
    for row in metrics[1:]:
        assert row["tokens_seen"] > 0
        assert row["entropy"] > 0
        assert row["grad_norm"] > 0
        assert 1 <= row["completion_length_mean"] <= row["completion_length_max"] <= 5
        assert set(row["timing"]) == {"sampling", "grading", "training", "evaluation", "step"}
        assert row["timing"]["step"] >= row["timing"]["sampling"] + row["timing"]["training"] - 1e-3
    seen = [row["tokens_seen"] for row in metrics[1:]]
    assert seen == sorted(set(seen))
    last = events[-1]
    assert (last["type"], last["data"]["status"], last["data"]["culprit"]) == ("finished", "succeeded", "")


def test_rollouts_agree_with_metrics(make_job: MakeJob) -> None:
    directory = finished(make_job)
    rollouts = log(directory, "rollouts.jsonl")
    metrics = {row["data"]["step"]: row["data"] for row in log(directory, "events.jsonl") if row["type"] == "metrics"}
    for step in range(1, 7):
        own = [row for row in rollouts if row["step"] == step and row["phase"] == "train"]
        assert [(row["group"], row["index"]) for row in own] == [(g, i) for g in range(2) for i in range(4)]
        rewards = [row["reward"] for row in own]
        assert metrics[step]["train_reward_mean"] == pytest.approx(sum(rewards) / 8, abs=1e-5)
        for group in (own[:4], own[4:]):
            assert len({row["item_id"] for row in group}) == 1
            assert sum(row["advantage"] for row in group) == pytest.approx(0, abs=1e-3)
            assert all(row["grade"]["score"] == row["reward"] for row in group)
    assert {row["phase"] for row in rollouts if row["step"] == 0} == {"valid"}


def test_checkpoints_the_best_three_and_the_last_are_kept(make_job: MakeJob) -> None:
    directory = finished(make_job, steps=8, eval_interval=1)
    events = log(directory, "events.jsonl")
    scores = {row["data"]["step"]: row["data"]["valid_reward_mean"] for row in events if row["type"] == "checkpoint"}
    assert sorted(scores) == list(range(1, 9))
    removed = {row["data"]["step"] for row in events if row["type"] == "checkpoint_removed"}
    kept = set(scores) - removed
    assert {int(path.name.removeprefix("step-")) for path in (directory / "checkpoints").glob("step-*")} == kept
    best = sorted(scores, key=lambda step: (scores[step], step), reverse=True)
    assert set(best[:3]) <= kept
    assert 8 in kept
    assert len(kept) <= 4
    result = json.loads((directory / "result.json").read_text())
    assert result["best_step"] == best[0]
    assert (directory / result["adapter_path"] / "adapter_model.safetensors").exists()
    flagged = [row["data"]["step"] for row in events if row["type"] == "checkpoint" and row["data"]["best"]]
    assert flagged[-1] == best[0]


def test_the_same_seed_gives_the_same_run_and_another_seed_another(make_job: MakeJob) -> None:
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        directory = make_job(name, seed=seed, steps=2)
        assert run(directory) == 0
        texts.append([row["text"] for row in log(directory, "rollouts.jsonl")])
    assert texts[0] == texts[1] != texts[2]


def test_a_grader_that_always_fails_stops_the_run(make_job: MakeJob) -> None:
    directory = make_job(grader=HOPELESS)
    assert run(directory) == 4
    last = log(directory, "events.jsonl")[-1]
    assert (last["data"]["status"], last["data"]["culprit"]) == ("failed", "grader")
    assert "gave no score to 3 of the last 3 answers" in last["message"]
    assert "hopeless" in last["message"]
    assert all(row["reward"] is None for row in log(directory, "rollouts.jsonl"))


def test_failures_that_are_allowed_count_for_nothing(make_job: MakeJob) -> None:
    directory = make_job(grader=HOPELESS, max_no_score_share=1.0, steps=2)
    assert run(directory) == 0
    metrics = [row["data"] for row in log(directory, "events.jsonl") if row["type"] == "metrics"]
    assert metrics[1]["train_reward_mean"] is None
    assert metrics[1]["n_no_score"] == 8
    assert metrics[1]["errors"]
    train = [row for row in log(directory, "rollouts.jsonl") if row["phase"] == "train"]
    assert {(row["reward"], row["advantage"], row["discard"]) for row in train} == {(None, 0.0, "no score")}


def test_a_grader_is_judged_by_its_last_batches() -> None:
    rewarder = rewards_module.Rewarder(parse_spec(HOPELESS), tiny_tokenizer(), max_no_score_share=0.5)
    from rftstudio.engine.types import Grade

    good, bad = Grade("g", "string_check", 1.0), Grade("g", "string_check", None)
    for _ in range(4):
        rewarder.judge([good] * 4)
    rewarder.judge([bad] * 4)
    rewarder.judge([bad] * 4)
    with pytest.raises(rewards_module.GraderFault):
        rewarder.judge([bad] * 4)


def test_reward_metrics_leave_out_what_has_no_score() -> None:
    assert reward_metrics([1.0, 0.0, None, None, 0.5, 0.5, None, 0.5], 4) == {
        "train_reward_mean": 0.5,
        "reward_std": pytest.approx(0.353553),
        "frac_reward_zero_std": 0.5,
    }
    assert reward_metrics([None, None], 2)["train_reward_mean"] is None
