"""Every method trains from a job's settings alone, and twice the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.job import read_job
from rftstudio.engine.methods import METHODS
from rftstudio.engine.presets import TrainingSettings, resolve
from rftstudio.engine.training.build import configure
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import MakeJob, log

TIMES = ("timing", "tokens_per_second")


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_what_trl_is_told(tmp_path: Path, method: Any) -> None:
    settings = TrainingSettings.read(resolve("quick", {"loss_type": method.name, "entropy_coef": 0.01, "beta": 0.02}))
    given = configure(settings, output_dir=str(tmp_path), seed=3, on_cpu=True)
    assert (given.loss_type, given.importance_sampling_level) == (method.loss, method.level)
    assert (given.epsilon, given.epsilon_high) == (settings.epsilon, settings.epsilon_high)
    assert (given.scale_rewards, given.beta, given.entropy_coef) == (settings.scale_rewards, 0.02, 0.01)


def metrics(directory: Path) -> list[dict[str, Any]]:
    rows = [row["data"] for row in log(directory, "events.jsonl") if row["type"] == "metrics"]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_run(make_job: MakeJob, method: str) -> None:
    """Two updates a batch, so that the methods differ, with KL penalty and entropy bonus."""
    more = {"steps": 2, "updates_per_batch": 2, "beta": 0.02, "entropy_coef": 0.01}
    more |= {"epsilon_high": 1.0} if method == "cispo" else {"epsilon": 3e-4, "epsilon_high": 4e-4}
    found = []
    for name in ("once", "again"):
        directory = make_job(name, seed=7, loss_type=method, **more)
        assert run(directory) == 0
        found.append((metrics(directory), json.loads((directory / "result.json").read_text())["adapter_hash"]))
    assert found[0] == found[1]
    steps = found[0][0]
    assert [row["step"] for row in steps] == [0, 1, 2]
    assert all(row["kl"] > 0 and row["clip_share"] > 0 and row["grad_norm"] > 0 for row in steps[1:])


def test_another_seed_gives_another_run(make_job: MakeJob) -> None:
    directories = [make_job(f"seed-{seed}", seed=seed, steps=2) for seed in (1, 2)]
    for directory in directories:
        assert run(directory) == 0
    first, second = map(metrics, directories)
    assert first != second


def test_a_job_written_before_there_were_other_methods_can_be_read(make_job: MakeJob) -> None:
    directory = make_job(loss_type="grpo")
    job = json.loads((directory / "job.json").read_text())
    del job["settings"]["entropy_coef"]
    job["settings"]["epsilon_high"] = 0.28
    (directory / "job.json").write_text(json.dumps(job))
    settings = TrainingSettings.read(read_job(directory).settings)
    assert (settings.loss_type, settings.epsilon_high, settings.entropy_coef) == ("grpo", 0.28, 0.0)
