"""From completions to rewards: decode, grade, and remember the grades for the log.

A grade without a score stays without one (`None`): TRL leaves it out of its group's mean and spread.
When too many of the recent answers have none, `GraderFault` ends the run with the first reasons.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from rftstudio.engine.errors import GraderFault
from rftstudio.engine.grading import Spec, grade_many
from rftstudio.engine.inference.answers import read_text
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Completion
from rftstudio.engine.judging import used_up
from rftstudio.engine.types import Grade, Sample

WINDOW = 5  # batches that a grader is judged by
FIRST_REASONS = 3


class Rewarder:
    """Grades completions. `texts` and `grades` hold the last batch's."""

    def __init__(self, spec: Spec, tokenizer: Any, *, max_no_score_share: float) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self.max_no_score_share = max_no_score_share
        self.texts: list[str] = []
        self.grades: list[Grade] = []
        self._recent: deque[list[Grade]] = deque(maxlen=WINDOW)

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        self.texts = [read_text(self.tokenizer, completion.tokens) for completion in completions]
        self.grades = grade_many(
            self.spec,
            [
                (prompt.item, Sample.from_text(text, truncated=completion.truncated))
                for prompt, completion, text in zip(prompts, completions, self.texts, strict=True)
            ],
        )
        return [grade.score for grade in self.grades]

    def judge(self, grades: list[Grade]) -> None:
        """Raises `GraderFault` when too many of the last `WINDOW` batches, this one included, have no score."""
        if used_up():
            return  # no fault of the grader; the run ends after this step
        self._recent.append(grades)
        recent = [grade for batch in self._recent for grade in batch]
        failed = [grade for grade in recent if grade.score is None]
        if not failed or len(failed) <= self.max_no_score_share * len(recent):
            return
        reasons = list(dict.fromkeys(_reason(grade) for grade in failed))[:FIRST_REASONS]
        raise GraderFault(
            f"The grader gave no score to {len(failed)} of the last {len(recent)} answers, more than the "
            f"{self.max_no_score_share:.0%} allowed. First reasons: " + " / ".join(reasons)
        )


def _reason(grade: Grade) -> str:
    if grade.error is not None:
        return f"{grade.name}: {grade.error.message}"
    for child in grade.children:
        if child.score is None:
            return _reason(child)
    return f"{grade.name}: no reason given"
