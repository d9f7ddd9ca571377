"""Supervised fine-tuning on TRL's trainer: the model learns to write the reference answers, token for token.

The loss is TRL's: the mean over the answers' tokens of minus their log-probability; a prompt's tokens are given and
count for nothing. What is replaced is how it is computed (what prompts have in common once, `shared_prefix`), the
order of the data and how it is saved (`seams`).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from trl import SFTTrainer

from rftstudio.engine.errors import SpecError
from rftstudio.engine.inference.packed import drop_packed
from rftstudio.engine.inference.prefill import read
from rftstudio.engine.judging import judge_metrics
from rftstudio.engine.training import shared_prefix
from rftstudio.engine.training.figures import mean, rounded
from rftstudio.engine.training.journal import Journal
from rftstudio.engine.training.lessons import Lesson
from rftstudio.engine.training.order import DataOrder
from rftstudio.engine.training.packed_loss import gathered, in_turn
from rftstudio.engine.training.seams import Seams
from rftstudio.engine.training.shared_prefix import Row

UNCOUNTED = -100  # label of a token that is given, not learned: PyTorch's and TRL's


def dataset_of(lessons: Sequence[Lesson]) -> Dataset:
    """Tokens and labels as TRL's trainer takes them."""
    return Dataset.from_dict(
        {
            "input_ids": [[*lesson.prompt.tokens, *lesson.answer] for lesson in lessons],
            "labels": [[*[UNCOUNTED] * len(lesson.prompt.tokens), *lesson.answer] for lesson in lessons],
        }
    )


class CopyTrainer(Seams, SFTTrainer):
    """See the module. Further arguments than TRL's and those of `Seams`: lessons, what the dataset was made of."""

    def __init__(self, *, lessons: Sequence[Lesson], **arguments: Any) -> None:
        self.lessons = lessons
        self.loss_now = 0.0
        self.tokens_now = 0
        super().__init__(**arguments)
        self.packs = not self.aux_loss_enabled and shared_prefix.supports(self.accelerator.unwrap_model(self.model))

    def _get_train_sampler(self, dataset: Any = None) -> DataOrder:
        return DataOrder(
            n_items=len(self.lessons),
            n_steps=self.args.max_steps,
            first_step=self.first_step,
            prompts_per_step=self.args.per_device_train_batch_size,
            group_size=1,
            updates=1,
            seed=self.args.seed,
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """TRL's loss of the batch, in parts that share prefixes, each with its own backward pass but the last."""
        drop_packed(model)
        self.tokens_now = int(inputs["attention_mask"].sum())
        if self.packs:
            loss = self._shared(_rows(inputs))
        else:
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        self.loss_now = float(loss.detach())
        return loss

    def _shared(self, rows: list[Row]) -> torch.Tensor:
        model = self.accelerator.unwrap_model(self.model)
        n_tokens = sum(len(row.completion) for row in rows)
        total = torch.zeros((), device=model.device)
        waiting: torch.Tensor | None = None
        for members in in_turn(rows, sorted(range(len(rows)), key=lambda i: rows[i].prompt)):
            with self.accelerator.autocast():
                reading = read(model, list(dict.fromkeys(rows[i].prompt for i in members)))
            parts = shared_prefix.plan([rows[i] for i in members])
            leaves = reading.leaves() if len(parts) > 1 else reading
            for number, part in enumerate(parts):
                if waiting is not None:
                    self.accelerator.backward(waiting)
                last = number == len(parts) - 1
                with self.accelerator.autocast():
                    logps_T, _ = shared_prefix.logps(model, reading if last else leaves, part, temperature=1.0)
                loss = -logps_T.sum() / n_tokens
                total = total + loss.detach()
                waiting = loss + gathered(reading, leaves) if last and leaves is not reading else loss
        assert waiting is not None  # a lesson has an answer of at least one token
        return waiting + (total - waiting.detach())

    def report(self, journal: Journal, step: int, updates: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """The metrics of the step just done; `train_loss` as OpenAI's supervised jobs name it, in nats a token.

        Raises `SpecError` where the loss is no number.
        """
        if not math.isfinite(self.loss_now):
            raise SpecError(
                "The loss is no number any more: the steps were too large for the weights.",
                path="learning_rate",
                fix="Launch again with a smaller learning rate. What was saved before is kept.",
            )
        evaluation = journal.take_evaluation_seconds()
        journal.progress.seconds += seconds
        journal.progress.tokens_seen += self.tokens_now
        return {
            "step": step,
            "total_steps": journal.settings.steps,
            "train_loss": rounded(self.loss_now),
            "n_examples": self.args.per_device_train_batch_size,
            "grad_norm": mean([float(one.get("grad_norm") or 0.0) for one in updates]),
            "learning_rate": updates[-1].get("learning_rate"),
            **(judge_metrics() if evaluation else {}),  # nothing else of copying asks a judge
            "tokens_seen": journal.progress.tokens_seen,
            "tokens_per_second": round(self.tokens_now / max(seconds - evaluation, 1e-9), 1),
            "timing": {
                "sampling": 0.0,
                "grading": 0.0,
                "training": round(seconds - evaluation, 4),
                "evaluation": evaluation,
                "step": round(seconds, 4),
            },
        }


def _rows(inputs: dict[str, Any]) -> list[Row]:
    """Padded rows as token tuples: what is given, and what is to be written."""
    rows = []
    for ids, mask, labels in zip(
        inputs["input_ids"].tolist(), inputs["attention_mask"].tolist(), inputs["labels"].tolist(), strict=True
    ):
        length = sum(mask)
        given = sum(label == UNCOUNTED for label in labels[:length])
        rows.append(Row(tuple(ids[:given]), tuple(ids[given:length])))
    return rows
