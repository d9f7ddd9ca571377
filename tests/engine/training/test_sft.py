"""Copying reference answers: the answer's tokens are learned and nothing else, in a run like any other."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from trl import SFTTrainer

from rftstudio.engine.errors import SpecError
from rftstudio.engine.inference import loading
from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.loading import lay_out
from rftstudio.engine.presets import TrainingSettings, resolve
from rftstudio.engine.training import packed_loss, reporter
from rftstudio.engine.training.__main__ import main
from rftstudio.engine.training.build import configure_copying
from rftstudio.engine.training.lessons import Lesson, ended, lessons
from rftstudio.engine.training.run import run
from rftstudio.engine.training.sft import CopyTrainer, dataset_of
from rftstudio.engine.types import Item
from tests.engine.tiny import rows, tiny_model, tiny_tokenizer
from tests.engine.training.conftest import MakeJob, curve, log
from tests.engine.training.test_refuses import refused, write_inputs
from tests.engine.training.test_survives import Killed, check_same, kill_at

ANSWERS = ["red", "green blue", "red green blue yellow", "black", "green blue", "red fish"]
RIGHT = {"type": "string_check", "name": "right", "operation": "ilike", "input": "{{sample.output_text}}",
         "reference": "{{item.reference_answer}}"}  # fmt: skip


def some_lessons(count: int = 6) -> list[Lesson]:
    tokenizer = tiny_tokenizer()
    items = [replace(Item.from_json(row), answer=ANSWERS[i % 6]) for i, row in enumerate(rows(count, shots=2))]
    return lessons(tokenizer, lay_out(tokenizer, items), longest=9)


def trainer_of(cls: Any, tmp_path: Path, found: list[Lesson]) -> Any:
    """Stock or ours, with the same weights and an adapter that does something."""
    settings = TrainingSettings.read(resolve("quick", {"steps": 1, "sft_batch_size": len(found), "approach": "sft"}))
    ours: dict[str, Any] = {"settings": settings, "lessons": found} if cls is CopyTrainer else {}
    trainer = cls(
        model=tiny_model(),
        args=configure_copying(settings, output_dir=str(tmp_path), seed=3, on_cpu=True),
        processing_class=tiny_tokenizer(),
        train_dataset=dataset_of(found),
        peft_config=LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
        **ours,
    )
    generator = torch.Generator().manual_seed(5)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1, generator=generator)
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    return trainer


def loss_and_gradients(trainer: Any, found: list[Lesson]) -> tuple[float, dict[str, torch.Tensor]]:
    batch = trainer.data_collator([dict(row) for row in dataset_of(found)])
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    named = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    return float(loss.detach()), named


@pytest.mark.parametrize("kept", [1536, 40], ids=["all prompts at once", "in several lots"])
def test_the_loss_is_the_cross_entropy_of_the_answers_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(packed_loss, "KEPT_NODES", kept)
    found = some_lessons()
    ours, stock = trainer_of(CopyTrainer, tmp_path, found), trainer_of(SFTTrainer, tmp_path, found)
    assert ours.packs
    assert fold(ours.model)
    loss, gradients = loss_and_gradients(ours, found)

    # By hand: one row after the other, whole, without padding; only what follows the prompt counts.
    total, count = 0.0, 0
    for lesson in found:
        ids = torch.tensor([[*lesson.prompt.tokens, *lesson.answer]])
        with torch.no_grad():
            logits = stock.model(input_ids=ids).logits[0].float()
        for place in range(len(lesson.prompt.tokens), ids.size(1)):
            total -= float(torch.log_softmax(logits[place - 1], -1)[ids[0, place]])
            count += 1
    assert count == sum(len(answer.split()) + 1 for answer in ANSWERS)  # a token a word, and the end
    assert loss == pytest.approx(total / count, rel=1e-5)

    theirs, expected = loss_and_gradients(stock, found)
    assert loss == pytest.approx(theirs, rel=1e-5)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, expected[name], atol=1e-4 * float(expected[name].abs().max()) + 1e-9), name


def test_a_lesson_is_what_sampling_would_have_to_say() -> None:
    tokenizer = tiny_tokenizer()
    (lesson,) = some_lessons(1)
    asked = tokenizer.apply_chat_template(
        [message.to_json() for message in lesson.prompt.item.messages], add_generation_prompt=True, tokenize=False
    )
    assert tokenizer.decode(lesson.prompt.tokens) == tokenizer.decode(tokenizer.encode(asked, add_special_tokens=False))
    assert tokenizer.convert_ids_to_tokens(lesson.answer) == ["red", "<|end|>"]


def test_what_a_template_adds_to_the_answer_is_not_taught() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "message['role'] + ' ' + message['content']",
        "message['role'] + (' one two ' if message['role'] == 'assistant' and loop.last else ' ') + message['content']",
    )
    item = replace(Item.from_json(rows(1)[0]), answer="red")
    (lesson,) = lessons(tokenizer, lay_out(tokenizer, [item]), longest=9)
    assert tokenizer.convert_ids_to_tokens(lesson.answer) == ["red", "<|end|>"]


def test_a_lesson_ends_where_sampling_stops() -> None:
    (lesson,) = some_lessons(1)
    assert ended([lesson], stop=[7, 2]) == [lesson]
    assert ended([lesson], stop=[7])[0].answer == [*lesson.answer[:-1], 7]


def test_an_answer_longer_than_may_be_written_is_named() -> None:
    tokenizer = tiny_tokenizer()
    items = [replace(Item.from_json(row), answer=" ".join(["red"] * 8)) for row in rows(5)]
    with pytest.raises(SpecError) as caught:
        lessons(tokenizer, lay_out(tokenizer, items), longest=8)
    assert caught.value.path == "max_completion_length"
    assert "item-0 (9 tokens), item-1 (9 tokens), item-2 (9 tokens) and 2 more" in caught.value.message
    assert "Allow 9 tokens" in caught.value.fix


@pytest.mark.parametrize("approach", ["sft", "sft_rft"])
def test_nothing_to_copy_is_refused_before_a_model_is_loaded(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, approach: str
) -> None:
    monkeypatch.setattr(loading, "load_model", lambda *_: pytest.fail("the weights were read"))
    directory = make_job(approach=approach, warm_start_steps=2, unanswered=6)
    refused(directory, "None of the 6 training tasks has a reference answer", "approach: rft")


def metrics_of(directory: Path) -> list[dict[str, Any]]:
    return [row["data"] for row in log(directory, "events.jsonl") if row["type"] == "metrics"]


def test_a_run_learns_its_answers_and_reports_like_any_other(make_job: MakeJob) -> None:
    directory = make_job(
        approach="sft", steps=40, eval_interval=10, eval_items=6, eval_samples=4,
        grader=RIGHT, unanswered=1, learning_rate=3e-3, schedule="constant",
    )  # fmt: skip
    (directory / "validation.jsonl").write_text((directory / "train.jsonl").read_text())  # it can only learn by heart
    assert run(directory) == 0
    metrics = metrics_of(directory)
    assert [row["step"] for row in metrics] == list(range(41))
    assert all(row["stage"] == "sft" and row["n_examples"] == 8 for row in metrics[1:])
    assert metrics[-1]["train_loss"] < 0.5 * metrics[1]["train_loss"]
    assert not any("train_reward_mean" in row or "kl" in row or "entropy" in row for row in metrics)
    assert metrics[-1]["valid_reward_mean"] > metrics[0]["valid_reward_mean"] + 0.3
    assert [row["step"] for row in metrics if "valid_reward_mean" in row] == [0, 10, 20, 30, 40]
    assert metrics[-1]["timing"]["sampling"] == metrics[-1]["timing"]["grading"] == 0.0
    assert all(row["phase"] == "valid" for row in log(directory, "rollouts.jsonl"))
    started = log(directory, "events.jsonl")[0]
    assert (started["data"]["approach"], started["data"]["n_references"]) == ("sft", 5)
    assert "They copy 5 reference answers; 1 without one is left out of that." in started["message"]
    result = json.loads((directory / "result.json").read_text())
    best = max((row["valid_reward_mean"], row["step"]) for row in metrics if row["step"] and "valid_scores" in row)
    assert result["best_step"] == best[1]
    assert (directory / f"checkpoints/step-{best[1]}/adapter_model.safetensors").exists()


WARM = {"approach": "sft_rft", "warm_start_steps": 3, "sft_batch_size": 3, "beta": 0.05, "learning_rate": 3e-3}


def test_sft_first_then_rft_is_one_run_of_two_stages(make_job: MakeJob) -> None:
    directory = make_job(**WARM)
    assert run(directory) == 0
    metrics = metrics_of(directory)
    assert [row.get("stage") for row in metrics] == [None, "sft", "sft", "sft", "rft", "rft", "rft"]
    assert all(("train_loss" in row) == (row["stage"] == "sft") for row in metrics[1:])
    assert all(("train_reward_mean" in row) == (row["stage"] == "rft") for row in metrics[1:])
    assert [row["step"] for row in metrics if "valid_reward_mean" in row] == [0, 2, 3, 4, 6]
    seen = [row["tokens_seen"] for row in metrics[1:]]
    assert seen == sorted(set(seen))
    steps = {row["step"] for row in log(directory, "rollouts.jsonl") if row["phase"] == "train"}
    assert steps == {4, 5, 6}
    assert "The first 3 steps copy 6 reference answers." in log(directory, "events.jsonl")[0]["message"]


def test_the_kl_penalty_after_a_warm_start_is_measured_from_the_warmed_model(make_job: MakeJob) -> None:
    directory = make_job(**WARM | {"sft_batch_size": 6, "warmup_steps": 0})  # the same six answers at each step
    assert run(directory) == 0
    metrics = metrics_of(directory)
    assert metrics[3]["train_loss"] < metrics[1]["train_loss"] - 0.1, "so it is no longer the base model"
    assert metrics[4]["kl"] == pytest.approx(0.0, abs=1e-6), "where reinforcement begins there is no distance yet"
    assert metrics[6]["kl"] > 1e-6
    tuned = make_job("plain", beta=0.05)
    assert run(tuned) == 0
    assert metrics_of(tuned)[1]["kl"] == pytest.approx(0.0, abs=1e-6), "without one, from the base model"


@pytest.mark.parametrize("write", [2, 4, 6, 9, 13, 16])
@pytest.mark.parametrize("approach", [{"approach": "sft", "sft_batch_size": 3}, WARM], ids=["sft", "sft_rft"])
def test_killed_in_any_stage_gives_the_same_run(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, write: int, approach: dict[str, Any]
) -> None:
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 0.0)
    reference = make_job("reference", **approach)
    assert run(reference) == 0
    directory = make_job("killed", **approach)
    with monkeypatch.context() as patch:
        kill_at(patch, write)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == 0
    check_same(directory, reference)
    losses = [[row.get("train_loss") for row in metrics_of(one)] for one in (directory, reference)]
    assert losses[0] == losses[1]


def test_paused_and_cancelled_within_the_warm_start(make_job: MakeJob) -> None:
    reference = make_job("reference", **WARM)
    assert run(reference) == 0
    directory = make_job("paused", **WARM)
    (directory / "pause").touch()
    assert run(directory) == 5
    assert sorted(curve(directory)) == [0, 1]
    (directory / "pause").unlink()
    assert run(directory) == 0
    assert curve(directory) == curve(reference)
    directory = make_job("cancelled", **WARM)
    (directory / "stop").touch()
    assert run(directory) == 3
    assert json.loads((directory / "result.json").read_text())["final_step"] == 1


def test_the_checkpoint_that_reinforcement_began_with_is_kept(make_job: MakeJob) -> None:
    directory = make_job(**WARM | {"steps": 14, "eval_interval": 1})
    assert run(directory) == 0
    kept = {path.name for path in (directory / "checkpoints").glob("step-*")}
    assert {"step-3", "step-14"} <= kept
    assert len(kept) <= 5


def test_new_writes_down_what_is_to_be_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write_inputs(tmp_path)
    assert (
        main([*arguments, "--approach", "sft", "--hyperparameter", "n_epochs=3", "--hyperparameter", "batch_size=2"])
        == 0
    )
    job = json.loads((tmp_path / "job" / "job.json").read_text())
    assert (job["settings"]["approach"], job["settings"]["steps"], job["settings"]["sft_batch_size"]) == ("sft", 6, 2)
    written = [json.loads(line) for line in (tmp_path / "job" / "train.jsonl").read_text().splitlines()]
    assert all(row["$answer"] == row["reference_answer"] for row in written)
    assert "$answer" not in (tmp_path / "job" / "validation.jsonl").read_text()
    lists = [{**row, "reference_answer": ["red", "blue"]} for row in rows(2)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lists))
    again = [str(tmp_path / "other") if part == str(tmp_path / "job") else part for part in arguments]
    assert main([*again, "--approach", "sft"]) == 2
    assert 'Say it in the item as "$answer"' in capsys.readouterr().err
    assert main([*again, "--set", "approach=sft_rft", "--json-answers"]) == 0
    first = json.loads((tmp_path / "other" / "train.jsonl").read_text().splitlines()[0])
    assert json.loads(first["$answer"]) == ["red", "blue"]
    texts = [{**row, "reference_answer": '{"code": 1}'} for row in rows(2)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    third = [str(tmp_path / "third") if part == str(tmp_path / "job") else part for part in arguments]
    assert main([*third, "--approach", "sft", "--json-answers"]) == 0
    first = json.loads((tmp_path / "third" / "train.jsonl").read_text().splitlines()[0])
    assert first["$answer"] == '{"code": 1}', "JSON that is written out already is copied as it stands"


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--approach", "sft_rft", "--set", "steps=20"], "warm_start_steps"),
        (["--approach", "sft", "--hyperparameter", "compute_multiplier=2"], "hyperparameters.compute_multiplier"),
        (["--set", "approach=dpo"], "approach"),
    ],
)
def test_new_refuses_what_does_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], says: str
) -> None:
    assert main([*write_inputs(tmp_path), *extra]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "job").exists()


def test_losses_are_numbers(make_job: MakeJob) -> None:
    directory = make_job(approach="sft", steps=2, sft_batch_size=1)
    assert run(directory) == 0
    assert all(math.isfinite(row["train_loss"]) for row in metrics_of(directory)[1:])
