"""An evaluation job: base and tuned on the same items with the same chances, and which weights answered."""

import hashlib
import json
import os
import re
import signal
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rftstudio.engine.events import Log
from rftstudio.engine.inference.evaluation import BASE_WEIGHTS, run
from rftstudio.engine.job import Adapter, Job, Model, write_job
from rftstudio.engine.process import ENDED
from rftstudio.engine.types import Item
from tests.engine.tiny import rows, save_tiny_model, tiny_model

GRADER = {
    "type": "text_similarity",
    "evaluation_metric": "fuzzy_match",
    "input": "{{sample.output_text}}",
    "reference": "{{item.reference_answer}}",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`zero` does nothing; `strong` changes every answer."""
    made = {}
    for name, spread in (("zero", 0.0), ("strong", 0.5)):
        tuned = get_peft_model(tiny_model(), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        generator = torch.Generator().manual_seed(1)
        for key, parameter in tuned.named_parameters():
            if "lora_B" in key and spread:
                parameter.data.normal_(0, spread, generator=generator)
        made[name] = tmp_path_factory.mktemp("adapters") / name
        tuned.save_pretrained(made[name])
    return made


def make(tmp_path: Path, model: Path, *adapters: Adapter, count: int = 5, **settings: object) -> Path:
    directory = tmp_path / "job"
    job = Job(
        kind="evaluation",
        model=Model(str(model), "tiny"),
        grader=GRADER,
        settings={"samples": 2, "max_completion_length": 6, **settings},
        data={"items": "items.jsonl"},
        seed=4,
        adapters=adapters,
    )
    write_job(directory, job, {"items": [Item.from_json(row) for row in rows(count, shots=1)]})
    return directory


def answers(directory: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (directory / "answers.jsonl").read_text().splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    return {row["key"]: row["text"] for row in rows}


def test_base_and_tuned_answer_every_item_with_the_same_chances(
    tmp_path: Path, model: Path, adapters: dict[str, Path]
) -> None:
    directory = make(
        tmp_path,
        model,
        Adapter("base"),
        Adapter("zero", str(adapters["zero"])),
        Adapter("strong", str(adapters["strong"])),
    )
    assert run(directory) == 0
    said = answers(directory)
    assert len(said) == 3 * 5 * 2
    items = [f"item-{number}" for number in range(5)]
    assert all(said[f"{one}:base:{k}"] == said[f"{one}:zero:{k}"] for one in items for k in (0, 1))
    assert sum(said[f"{one}:base:{k}"] != said[f"{one}:strong:{k}"] for one in items for k in (0, 1)) >= 8
    assert any(said[f"{one}:base:0"] != said[f"{one}:base:1"] for one in items)
    result = json.loads((directory / "result.json").read_text())["models"]
    digest = hashlib.sha256((adapters["strong"] / "adapter_model.safetensors").read_bytes()).hexdigest()
    assert result["strong"]["adapter_hash"] == result["strong"]["weights"] == digest
    assert (result["base"]["adapter_hash"], result["base"]["weights"]) == (None, BASE_WEIGHTS)
    assert result["base"]["n"] == 10
    assert result["base"]["mean_score"] == result["zero"]["mean_score"] != result["strong"]["mean_score"]


def test_the_base_is_itself_whether_asked_before_or_after_a_tuned_model(
    tmp_path: Path, model: Path, adapters: dict[str, Path]
) -> None:
    tuned = Adapter("strong", str(adapters["strong"]))
    first, second = tmp_path / "first", tmp_path / "second"
    said = [
        answers(directory)
        for directory in (make(first, model, Adapter("base"), tuned), make(second, model, tuned, Adapter("base")))
        if run(directory) == 0
    ]
    assert said[0] == said[1]


def test_two_tuned_models_answer_as_each_does_alone(tmp_path: Path, model: Path, adapters: dict[str, Path]) -> None:
    """The one that stands in the place of the base is no longer the base."""
    zero, strong = (str(adapters[name]) for name in ("zero", "strong"))
    both = make(tmp_path / "both", model, Adapter("base", strong), Adapter("tuned", zero))
    job = json.loads((both / "job.json").read_text())
    (both / "job.json").write_text(json.dumps({**job, "labels": {"base": "SFT", "tuned": "RFT"}}))
    alone = make(tmp_path / "alone", model, Adapter("base"), Adapter("tuned", strong))
    assert (run(both), run(alone)) == (0, 0)
    said, expected = answers(both), answers(alone)
    items = [f"item-{number}:{{}}:{k}" for number in range(5) for k in (0, 1)]
    assert all(said[item.format("base")] == expected[item.format("tuned")] for item in items)
    assert all(said[item.format("tuned")] == expected[item.format("base")] for item in items)
    last = [json.loads((one / "events.jsonl").read_text().splitlines()[-1])["message"] for one in (both, alone)]
    assert re.fullmatch(r"Finished\. Mean score: SFT \d\.\d{3}, RFT \d\.\d{3}\.", last[0])
    assert re.fullmatch(r"Finished\. Mean score: base \d\.\d{3}, tuned \d\.\d{3}\.", last[1])
    result = json.loads((both / "result.json").read_text())["models"]
    assert result["base"]["adapter_hash"] != result["tuned"]["adapter_hash"]
    assert result["base"]["weights"] == result["base"]["adapter_hash"]


def test_killed_and_started_again_it_says_the_same_once(
    tmp_path: Path, model: Path, adapters: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Adapter("base"), Adapter("strong", str(adapters["strong"]))
    whole = make(tmp_path / "whole", model, *models, count=150)
    assert run(whole) == 0
    directory = make(tmp_path / "killed", model, *models, count=150)

    class Killed(BaseException):
        pass

    real, count = Log.append_many, 0

    def append_many(self: Log, rows: list[dict[str, object]], *, keys: list[str]) -> int:
        nonlocal count
        count += 1
        if count == 6:
            raise Killed
        return real(self, rows, keys=keys)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "append_many", append_many)
        with pytest.raises(Killed):
            run(directory)
    assert 0 < len(answers(directory)) < 600
    assert run(directory) == 0
    assert answers(directory) == answers(whole)


def test_stop_and_go_on(tmp_path: Path, model: Path) -> None:
    directory = make(tmp_path, model, Adapter("base"), count=150)
    (directory / "stop").touch()
    assert run(directory) == 3
    events = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    assert events[-1]["data"]["status"] == "cancelled"
    (directory / "stop").unlink()
    assert run(directory) == 0
    events = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    progress = [row["data"]["done"] for row in events if row["type"] == "progress"]
    assert progress == sorted(progress)
    assert progress[-1] == 300


def test_ended_by_the_system_it_goes_on(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = make(tmp_path, model, Adapter("base"), count=150)
    real = Log.append_many

    def append_many(self: Log, rows: list[dict[str, object]], *, keys: list[str]) -> int:
        if self.path.name == "answers.jsonl":
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, rows, keys=keys)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "append_many", append_many)
        assert run(directory) == ENDED
    last = json.loads((directory / "events.jsonl").read_text().splitlines()[-1])
    done = len(answers(directory))
    assert 0 < done < 300
    expected = f"Ended by the system (SIGTERM) after {done} of 300 answers. Started again, it goes on."
    assert (last["type"], last["message"]) == ("message", expected)
    assert not (directory / "result.json").exists()
    assert run(directory) == 0
    assert len(answers(directory)) == 300


def test_temperature_zero_repeats_itself(tmp_path: Path, model: Path) -> None:
    directory = make(tmp_path, model, Adapter("base"), temperature=0)
    assert run(directory) == 0
    said = answers(directory)
    assert all(said[f"item-{n}:base:0"] == said[f"item-{n}:base:1"] for n in range(5))


@pytest.mark.parametrize(
    ("adapters_given", "says"),
    [
        ((Adapter("tuned", "/nowhere"),), "There is no adapter in /nowhere"),
        ((Adapter("base"), Adapter("base")), "same name"),
    ],
)
def test_wrong_adapters_are_refused(
    tmp_path: Path, model: Path, adapters_given: tuple[Adapter, ...], says: str
) -> None:
    directory = make(tmp_path, model, *adapters_given)
    assert run(directory) == 2
    assert says in (directory / "events.jsonl").read_text()


def test_an_adapter_of_another_model_is_refused(tmp_path: Path, model: Path) -> None:
    other = get_peft_model(tiny_model(hidden_act="gelu"), LoraConfig(r=4, target_modules=["q_proj"]))
    path = tmp_path / "other"
    other.save_pretrained(path)
    config = json.loads((path / "adapter_config.json").read_text())
    config["target_modules"] = ["c_attn"]
    (path / "adapter_config.json").write_text(json.dumps(config))
    directory = make(tmp_path, model, Adapter("tuned", str(path)))
    assert run(directory) == 2
    assert "does not fit the model" in (directory / "events.jsonl").read_text()


def test_no_items(tmp_path: Path, model: Path) -> None:
    directory = make(tmp_path, model, Adapter("base"), count=0)
    assert run(directory) == 2
