"""A training that starts from another one's checkpoint: the same answers before its first step, all else anew."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.adapter import hash_file
from rftstudio.engine.errors import SpecError
from rftstudio.engine.inference import loading
from rftstudio.engine.job import Start, read_items, read_job, write_job
from rftstudio.engine.training import reporter
from rftstudio.engine.training.__main__ import main
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import GRADER, MakeJob, curve, log
from tests.engine.training.test_survives import Killed, check_same, kill_at


@pytest.fixture
def first(make_job: MakeJob) -> Path:
    """A training that ends with a checkpoint of its last step."""
    directory = make_job("first", steps=4)
    assert run(directory) == 0
    return directory


@pytest.fixture
def going_on(make_job: MakeJob, first: Path) -> MakeJob:
    """Writes a job that starts from the first one's last checkpoint."""

    def make(name: str = "second", *, start: Start | None = None, **settings: Any) -> Path:
        plain = make_job(f"{name}-plain", **settings)
        job = read_job(plain)
        source = first / "checkpoints/step-4"
        values = {field: getattr(job, field) for field in job.__dataclass_fields__}
        values["start"] = start or Start(hash_file(source), "step 4 of First", lineage={"step": 4})
        directory = plain.with_name(name)
        items = {split: read_items(plain / file) for split, file in job.data.items()}
        write_job(directory, type(job)(**values), items, adapter=source)
        return directory

    return make


def valid_texts(directory: Path, step: int) -> list[str]:
    rows = [row for row in log(directory, "rollouts.jsonl") if row["phase"] == "valid" and row["step"] == step]
    return [row["text"] for row in rows]


def test_it_begins_with_the_checkpoints_answers_and_learns_on(going_on: MakeJob, first: Path) -> None:
    directory = going_on(steps=3, beta=0.1)
    shutil.rmtree(first / "checkpoints/step-4")  # the job has its own copy
    assert run(directory) == 0
    assert valid_texts(directory, 0) == valid_texts(first, 4) != valid_texts(first, 0)
    points = curve(directory)
    assert sorted(points) == [0, 1, 2, 3]
    assert points[0][1] == curve(first)[4][1]
    result = json.loads((directory / "result.json").read_text())
    assert (result["base_valid_reward_mean"], result["start_valid_reward_mean"]) == (None, pytest.approx(points[0][1]))
    assert result["adapter_hash"] != hash_file(directory / "start")
    started, *_ = (row for row in log(directory, "events.jsonl") if row["type"] == "started")
    assert "starts from step 4 of First, with a fresh optimizer. The KL penalty is measured" in started["message"]
    assert started["data"]["start"]["lineage"] == {"step": 4}
    first_step = next(row["data"] for row in log(directory, "events.jsonl") if row["data"].get("step") == 1)
    assert first_step["kl"] > 1e-4, "the reference is the base model, not the checkpoint"


@pytest.mark.parametrize("write", [1, 2, 3, 4, 7, 11])
def test_killed_at_any_write_gives_the_same_run(going_on: MakeJob, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 0.0)
    reference = going_on("reference")
    assert run(reference) == 0
    directory = going_on("killed")
    with monkeypatch.context() as patch:
        kill_at(patch, write)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == 0
    check_same(directory, reference)


def refused(directory: Path, monkeypatch: pytest.MonkeyPatch, *says: str) -> None:
    def load_model(*_: Any) -> None:
        raise AssertionError("the weights were read")

    with monkeypatch.context() as patch:
        patch.setattr(loading, "load_model", load_model)
        assert run(directory) == 2
    message = log(directory, "events.jsonl")[-1]["message"]
    for words in says:
        assert words in message


def test_another_rank_or_scale_is_refused(going_on: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(going_on("rank", lora_rank=4), monkeypatch, "lora_rank: ", "has LoRA rank 8", "Set it to 8")
    refused(going_on("alpha", lora_alpha=8), monkeypatch, "lora_alpha: ", "has LoRA alpha 16")


def test_weights_that_changed_or_are_gone_are_refused(going_on: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = going_on("changed")
    weights = directory / "start/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\1\0\1")
    refused(directory, monkeypatch, "start: ", "they have changed")
    weights.unlink()
    refused(directory, monkeypatch, "start: There is no adapter")
    with pytest.raises(SpecError, match="they have changed"):
        going_on("another", start=Start("0" * 64))
    assert not (directory.with_name("another") / "job.json").exists()


def change_config(directory: Path, **changes: Any) -> None:
    path = directory / "start/adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_adapter_of_another_kind_or_model_is_refused(
    going_on: MakeJob, monkeypatch: pytest.MonkeyPatch, tiny_directory: Path
) -> None:
    directory = going_on("odd")
    change_config(directory, use_dora=True)
    refused(directory, monkeypatch, "no plain LoRA adapter", "use_dora")
    change_config(directory, use_dora=False, base_model_name_or_path="somebody/other")
    refused(directory, monkeypatch, "model: ", "trained on somebody/other")
    change_config(directory, base_model_name_or_path="/elsewhere/TINY")
    assert run(directory) == 0, "the same model in another place"


def test_an_adapter_on_some_layers_only_is_refused(going_on: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file, save_file

    directory = going_on("some")
    weights = directory / "start/adapter_model.safetensors"
    save_file({name: one for name, one in load_file(weights).items() if "q_proj" in name}, weights)
    job = json.loads((directory / "job.json").read_text())
    job["start"]["adapter_hash"] = hash_file(weights)
    (directory / "job.json").write_text(json.dumps(job))
    refused(directory, monkeypatch, "start: ", "does not have the layers", "and 22 more")


def test_the_command_line_takes_a_checkpoint(
    first: Path, tiny_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grader.json").write_text(json.dumps(GRADER))
    arguments = ["new", str(tmp_path / "made"), "--model", str(tiny_directory), "--preset", "balanced"]
    arguments += ["--grader", str(tmp_path / "grader.json"), "--set", "steps=1", "--set", "batch_size=24"]
    for split in ("train", "validation"):
        arguments += [f"--{split}", str(first / f"{split}.jsonl")]
    adapter = ["--adapter", str(first / "checkpoints/step-4")]
    assert main([*arguments, *adapter, "--set", "lora_rank=16"]) == 2
    assert "lora_rank: The checkpoint has LoRA rank 8" in capsys.readouterr().err
    assert main([*arguments, "--adapter", str(tmp_path)]) == 2
    assert "start: There is no adapter" in capsys.readouterr().err
    assert main([*arguments, *adapter]) == 0
    job = read_job(tmp_path / "made")
    assert (job.settings["lora_rank"], job.settings["lora_alpha"]) == (8, 16)
    assert job.start is not None
    assert job.start.adapter_hash == hash_file(first / "checkpoints/step-4") == hash_file(tmp_path / "made/start")
