"""The embedded model learns: held-out reward rises in a few steps of real training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.models import embedded_model
from tests.engine.training.conftest import curve

INSTRUCTION = "Is the review positive or negative? Answer with one word."
EXAMPLES = [
    ("The soup was wonderful.", "positive"),
    ("My coat came with a hole in it.", "negative"),
    ("Great staff, I will be back.", "positive"),
    ("We waited an hour and then left.", "negative"),
]
TRAIN = {
    "positive": [
        "I love this little lamp.",
        "The best pizza in town.",
        "Delivery was quick and the box was perfect.",
        "My daughter smiles every time she plays with it.",
        "Lovely garden and a very kind host.",
        "It does exactly what I hoped for.",
        "Bright, quiet and easy to clean.",
        "I have already ordered a second one.",
    ],
    "negative": [
        "The handle broke on the first day.",
        "Cold food and rude waiters.",
        "It smells bad and nobody answers my mails.",
        "I want my money back.",
        "The sound is awful.",
        "They lost my bag and did not care.",
        "Much too small and very ugly.",
        "It stopped working after a week.",
    ],
}
HELD_OUT = {
    "positive": [
        "A beautiful film from start to end.",
        "The nurse was so friendly and helpful.",
        "Works like a charm.",
        "Such a comfortable chair!",
        "The children were happy all day.",
        "Excellent value.",
    ],
    "negative": [
        "The battery is dead again.",
        "Dirty room, broken shower.",
        "I regret buying this.",
        "The driver was angry and late.",
        "Boring and far too long.",
        "It tastes terrible.",
    ],
}
GRADER = {"type": "exact_choice", "name": "label", "choices": ["positive", "negative"], "partial": 0.2}


def write(path: Path, reviews: dict[str, list[str]]) -> None:
    lines = []
    for label, texts in reviews.items():
        for text in texts:
            messages = [{"role": "system", "content": INSTRUCTION}]
            for question, answer in EXAMPLES:
                messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            messages.append({"role": "user", "content": text})
            lines.append(json.dumps({"id": text, "messages": messages, "reference_answer": label}))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.timeout(900)
@pytest.mark.parametrize("approach", ["rft", "sft"])
def test_reward_on_held_out_items_rises(tmp_path: Path, approach: str) -> None:
    write(tmp_path / "train.jsonl", TRAIN)
    write(tmp_path / "validation.jsonl", HELD_OUT)
    (tmp_path / "grader.json").write_text(json.dumps(GRADER))
    settings = {"steps": 12, "learning_rate": 2e-4, "max_completion_length": 6, "eval_interval": 6, "eval_samples": 4}
    settings |= {"batch_size": 32, "group_size": 8, "warmup_steps": 0, "lora_rank": 16, "lora_alpha": 32}
    settings |= {"schedule": "constant"}
    module = [sys.executable, "-m", "rftstudio.engine.training"]
    command = [*module, "new", "job", "--model", str(embedded_model()), "--grader", "grader.json"]
    command += ["--train", "train.jsonl", "--validation", "validation.jsonl", "--approach", approach]
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    subprocess.run([*module, "job"], cwd=tmp_path, env=environment, check=True)
    validation = {step: valid for step, (_, valid) in curve(tmp_path / "job").items() if valid is not None}
    assert sorted(validation) == [0, 6, 12]
    assert max(validation[6] or 0, validation[12] or 0) > (validation[0] or 0) + 0.2
