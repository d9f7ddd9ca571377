"""A tiny model on disk, and jobs for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.approaches import RFT
from rftstudio.engine.job import Job, Model, write_job
from rftstudio.engine.presets import resolve
from rftstudio.engine.types import Item
from tests.engine.tiny import rows, save_tiny_model

GRADER = {
    "type": "text_similarity",
    "name": "likeness",
    "evaluation_metric": "fuzzy_match",
    "input": "{{sample.output_text}}",
    "reference": "red green",
}
SMALL = {
    "steps": 6,
    "batch_size": 8,
    "group_size": 4,
    "max_completion_length": 5,
    "eval_interval": 2,
    "eval_items": 3,
    "eval_samples": 1,
    "learning_rate": 1e-2,
}
MakeJob = Callable[..., Path]


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def make_job(tmp_path: Path, tiny_directory: Path) -> MakeJob:
    """Writes a training job: `make_job(name, n_train=, n_validation=, grader=, model=, unanswered=, **settings)`.

    Where answers are copied, every item has one but the first `unanswered`.
    """

    def make(
        name: str = "job",
        *,
        n_train: int = 6,
        n_validation: int = 3,
        grader: dict[str, Any] | None = None,
        model: str | None = None,
        seed: int = 0,
        unanswered: int = 0,
        **settings: Any,
    ) -> Path:
        items = [Item.from_json(row) for row in rows(n_train + n_validation, shots=1)]
        if settings.get("approach", RFT) != RFT:
            items = [replace(item, answer=item.fields["reference_answer"]) for item in items]
            items[:unanswered] = [replace(item, answer=None) for item in items[:unanswered]]
        job = Job(
            kind="training",
            model=Model(model or str(tiny_directory), "tiny"),
            grader=grader or GRADER,
            settings=resolve("quick", {**SMALL, **settings}),
            data={"train": "train.jsonl", "validation": "validation.jsonl"},
            seed=seed,
        )
        directory = tmp_path / name
        write_job(directory, job, {"train": items[:n_train], "validation": items[n_train:]})
        return directory

    return make


def log(directory: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a log, without what differs from one time to the next."""
    found = []
    for line in (directory / name).read_text().splitlines():
        row = json.loads(line)
        row.pop("created_at")
        found.append(row)
    return found


def curve(directory: Path) -> dict[int, tuple[float | None, float | None]]:
    """Train and validation reward by step."""
    return {
        row["data"]["step"]: (row["data"].get("train_reward_mean"), row["data"].get("valid_reward_mean"))
        for row in log(directory, "events.jsonl")
        if row["type"] == "metrics"
    }
