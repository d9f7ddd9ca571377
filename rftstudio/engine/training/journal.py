"""What a run writes down: every completion, and the metrics of every step.

It trains nothing and imports no trainer, so that the untrained model can be evaluated, and the first
point of the curve drawn, while the rest is still to be loaded.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine.events import Log, read
from rftstudio.engine.inference.answers import Answer, error_counts, mean_and_interval, mean_by_item, mean_parts
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Completion
from rftstudio.engine.judging import judge_metrics, used_up
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training.figures import (
    judge_talk_metrics,
    length_metrics,
    mean,
    reward_metrics,
    rounded,
    variety_metrics,
)
from rftstudio.engine.training.rewards import Failures, Rewarder
from rftstudio.engine.types import Grade

TOLD = (("train_loss", "loss"), ("train_reward_mean", "reward"), ("valid_reward_mean", "validation reward"))


@dataclass(slots=True)
class Batch:
    """What one step sampled, row by row, groups next to each other."""

    prompts: list[Prompt] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    rewards: list[float | None] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    discards: list[str] = field(default_factory=list)
    sampling_s: float = 0.0
    grading_s: float = 0.0


@dataclass(slots=True)
class Progress:
    """What has to survive a restart besides weights.

    valid: validation reward by evaluated step. hashes: adapter hash by step whose checkpoint is kept.
    paused_for: names of the findings that paused it, so that each does so once. pausing: the pause that a finding
    asked for at this very step ({"finding", "reason"}), so that it is taken up again by who finds it unsaid.
    failures: `Rewarder.recent`.
    """

    tokens_seen: int = 0
    seconds: float = 0.0
    valid: dict[int, float | None] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    paused_for: list[str] = field(default_factory=list)
    pausing: dict[str, str] = field(default_factory=dict)
    failures: list[Failures] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "tokens_seen": self.tokens_seen,
            "seconds": self.seconds,
            "valid": {str(step): value for step, value in self.valid.items()},
            "hashes": {str(step): value for step, value in self.hashes.items()},
            "paused_for": self.paused_for,
            "pausing": self.pausing,
            "failures": [list(one) for one in self.failures],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Progress":
        return cls(
            tokens_seen=row["tokens_seen"],
            seconds=row["seconds"],
            valid={int(step): value for step, value in row["valid"].items()},
            hashes={int(step): value for step, value in row["hashes"].items()},
            paused_for=list(row.get("paused_for", ())),
            pausing=dict(row.get("pausing", {})),
            failures=[Failures(failed, graded, tuple(why)) for failed, graded, why in row.get("failures", ())],
        )

    @property
    def best_step(self) -> int | None:
        """The trained step with the highest validation reward whose checkpoint is kept; of equals the later.

        Where a run was ended before any of them was evaluated, the last one: what was learned is not lost.
        """
        known = [(value, step) for step in self.hashes if (value := self.valid.get(step)) is not None]
        return max(known)[1] if known else max(self.hashes, default=None)

    def without_improvement(self, *, after: int = 0) -> int:
        """How many evaluations there have been since the validation reward last rose above all before it.

        after: the step that a warm start ends with; what came until then is not counted.
        """
        best, since = None, 0
        for step, value in sorted(self.valid.items()):
            if value is None:
                continue
            if best is None or value > best:
                best, since = value, 0
            elif step > after:
                since += 1
        return since


class Journal:
    """Writes rollouts and metrics, each once, however often a step is replayed.

    evaluate: graded answers of the model, as it is when called, to the validation items.
    told: metrics by step that are in the log already, of the steps from the last checkpoint on; see `begin`.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        *,
        events: Log,
        rollouts: Log,
        rewarder: Rewarder,
        evaluate: Callable[[], list[Answer]],
        progress: Progress,
    ) -> None:
        self.settings = settings
        self.events = events
        self.rollouts = rollouts
        self.rewarder = rewarder
        self.evaluate = evaluate
        self.progress = progress
        self.evaluation_s = 0.0
        self.latest: dict[str, Any] = {}  # the metrics emitted last
        self.told: dict[int, dict[str, Any]] = {}

    def begin(self, step: int) -> None:
        """Take up what was reported of a step and of later ones, which are done again."""
        rows = (row["data"] for row in read(self.events.path) if row["type"] == "metrics")
        self.told = {data["step"]: data for data in rows if data["step"] >= step}

    def evaluated(self, step: int) -> bool | None:
        """Whether a step that is done again was evaluated the first time; None where it is done for the first time.

        What was said of a step cannot be said again, so it is evaluated again exactly if it was.
        """
        told = self.told.get(step)
        return None if told is None else "valid_reward_mean" in told

    def write_batch(self, step: int, batch: Batch) -> None:
        """A step's rollouts. Raises `GraderFault` when the grader fails too often."""
        rows: list[Mapping[str, Any]] = []
        keys: list[str] = []
        for number, (prompt, completion) in enumerate(zip(batch.prompts, batch.completions, strict=True)):
            group, index = divmod(number, self.settings.group_size)
            key, row = self._rollout(
                step,
                "train",
                group,
                index,
                prompt,
                completion,
                self.rewarder.texts[number],
                self.rewarder.grades[number],
            )
            rows.append({**row, "advantage": round(batch.advantages[number], 6), "discard": batch.discards[number]})
            keys.append(key)
        self.rollouts.append_many(rows, keys=keys)
        self.rewarder.judge(self.rewarder.grades)

    def validate(self, step: int) -> dict[str, Any]:
        """Answer the validation items, write the rollouts, and return the metrics of it."""
        began = time.monotonic()
        answers = self.evaluate()
        groups = {name: number for number, name in enumerate(dict.fromkeys(one.prompt.item.id for one in answers))}
        rows: list[Mapping[str, Any]] = []
        keys: list[str] = []
        for one in answers:
            key, row = self._rollout(
                step, "valid", groups[one.prompt.item.id], one.index, one.prompt, one.completion, one.text, one.grade
            )
            rows.append({**row, "advantage": None, "discard": "no score" if one.grade.score is None else ""})
            keys.append(key)
        self.rollouts.append_many(rows, keys=keys)
        grades = [one.grade for one in answers]
        average, interval = mean_and_interval(list(mean_by_item(answers).values()))
        if used_up() and any(grade.score is None for grade in grades):
            average, interval = None, None  # the mean of those that were still judged says nothing about the others
        self.progress.valid[step] = rounded(average)
        self.evaluation_s = time.monotonic() - began
        self.rewarder.judge(grades)
        return {
            "valid_reward_mean": rounded(average),
            "valid_reward_ci": [round(bound, 6) for bound in interval] if interval else None,
            "valid_scores": mean_parts(grades),
            "valid_n": len(grades),
            "valid_n_no_score": sum(grade.score is None for grade in grades),
        }

    def _rollout(
        self,
        step: int,
        phase: str,
        group: int,
        index: int,
        prompt: Prompt,
        completion: Completion,
        text: str,
        grade: Grade,
    ) -> tuple[str, dict[str, Any]]:
        row = {
            "step": step,
            "phase": phase,
            "group": group,
            "index": index,
            "item_id": prompt.item.id,
            "text": text,
            "tokens": len(completion.tokens),
            "truncated": completion.truncated,
            "grade": grade.to_json(),
            "reward": grade.score,
        }
        return f"{step}:{phase}:{group}:{index}", row

    def baseline(self) -> None:
        """Step 0: the untrained model on the validation items."""
        metrics = self.validate(0)
        seconds = self.take_evaluation_seconds()
        self.progress.seconds += seconds
        timing = {"sampling": 0.0, "grading": 0.0, "training": 0.0, "evaluation": seconds, "step": seconds}
        steps = self.settings.steps
        self.emit({"step": 0, "total_steps": steps, **metrics, **judge_metrics(), "timing": timing})

    def take_evaluation_seconds(self) -> float:
        """Seconds of the evaluation since last asked."""
        seconds, self.evaluation_s = round(self.evaluation_s, 4), 0.0
        return seconds

    def emit(self, metrics: dict[str, Any]) -> None:
        """Write the metrics of a step."""
        self.latest = metrics
        step = metrics["step"]
        words = [f"Step {step} of {self.settings.steps}"]
        for name, title in TOLD:
            if metrics.get(name) is not None:
                words.append(f"{title} {metrics[name]:.3f}")
        message = ", ".join(words)
        print(message, flush=True)
        self.events.append(
            {"type": "metrics", "level": "info", "message": message, "data": metrics}, key=f"metrics:{step}"
        )

    def step_metrics(self, step: int, batch: Batch, updates: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """The metrics of a step but for validation. updates: what TRL logged for each of its updates."""
        evaluation = self.take_evaluation_seconds()
        tokens = sum(len(row.tokens) for row in batch.completions)
        self.progress.seconds += seconds
        self.progress.tokens_seen += tokens + sum(len(prompt.tokens) for prompt in batch.prompts)
        return {
            "step": step,
            "total_steps": self.settings.steps,
            **reward_metrics(batch.rewards, self.settings.group_size),
            "scores": mean_parts(self.rewarder.grades),
            **length_metrics(batch.completions),
            **variety_metrics(self.rewarder.texts, self.settings.group_size),
            **(judge_talk_metrics(self.rewarder.texts) if self.rewarder.asks else {}),
            "entropy": mean([value for row in batch.completions for value in row.entropies]),
            "kl": mean([float(one["kl"]) for one in updates if one.get("kl") is not None]),
            "clip_share": mean(
                [float(one.get("clip_ratio/region_mean") or one.get("cispo_clip_ratio") or 0.0) for one in updates]
            ),
            "grad_norm": mean([float(one.get("grad_norm") or 0.0) for one in updates]),
            "learning_rate": updates[-1].get("learning_rate"),
            "errors": error_counts(self.rewarder.grades),
            "n_no_score": sum(reward is None for reward in batch.rewards),
            **judge_metrics(),
            "tokens_seen": self.progress.tokens_seen,
            "tokens_per_second": round(tokens / max(seconds - evaluation, 1e-9), 1),
            "timing": {
                "sampling": round(batch.sampling_s, 4),
                "grading": round(batch.grading_s, 4),
                "training": round(seconds - batch.sampling_s - batch.grading_s - evaluation, 4),
                "evaluation": evaluation,
                "step": round(seconds, 4),
            },
        }
