"""From completions to rewards: decode, grade, and remember the grades for the log.

A grade without a score stays without one (`None`): TRL leaves it out of its group's mean and spread.
When too many of the recent answers have none, `GraderFault` ends the run with the first reasons.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from rftstudio.engine.errors import GraderFault
from rftstudio.engine.grading import Spec
from rftstudio.engine.grading.ahead import GradingAhead
from rftstudio.engine.inference.answers import read_text
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Completion
from rftstudio.engine.judging import used_up
from rftstudio.engine.types import Grade, Sample

WINDOW = 5  # batches that a grader is judged by
FIRST_REASONS = 3


class Rewarder:
    """Grades completions, those that a judge is asked about as soon as they end.

    `texts` and `grades` hold the last batch's. asks: whether the grader asks a judge or another server.
    """

    def __init__(self, spec: Spec, tokenizer: Any, *, max_no_score_share: float) -> None:
        self.tokenizer = tokenizer
        self.max_no_score_share = max_no_score_share
        self.asks = spec.calls_in_all() > 0
        self.texts: list[str] = []
        self.grades: list[Grade] = []
        self._taken: dict[int, str] = {}
        self._grading = GradingAhead(spec)
        self._recent: deque[list[Grade]] = deque(maxlen=WINDOW)

    def take(self, row: int, prompt: Prompt, completion: Completion) -> None:
        """Begin with a completion of the next batch while others are still being sampled."""
        text = self._taken[row] = read_text(self.tokenizer, completion.tokens)
        self._grading.add(row, prompt.item, Sample.from_text(text, truncated=completion.truncated))

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            if row not in self._taken:
                self.take(row, prompt, completion)
        self.texts = [self._taken[row] for row in range(len(completions))]
        self._taken = {}
        self.grades = self._grading.grades()
        return [grade.score for grade in self.grades]

    def close(self) -> None:
        """Begin nothing further: no judge is asked, and paid, for a batch that will not be used."""
        self._grading.close()

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
