"""From completions to rewards: decode, grade, and remember the grades for the log.

A grade without a score stays without one (`None`): TRL leaves it out of its group's mean and spread.
When too many of the recent answers have none, `GraderFault` ends the run with the first reasons.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

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


class Failures(NamedTuple):
    """Of one batch: answers without a score, answers in all, and the first reasons."""

    failed: int
    graded: int
    reasons: tuple[str, ...]


class Rewarder:
    """Grades completions, those that a judge is asked about as soon as they end.

    `texts` and `grades` hold the last batch's. recent: how grading failed lately; a run that is started again takes it
    from its checkpoint, so that it is judged as one that was not interrupted. asks: whether the grader asks a judge or
    another server.
    """

    def __init__(self, spec: Spec, tokenizer: Any, *, max_no_score_share: float) -> None:
        self.tokenizer = tokenizer
        self.max_no_score_share = max_no_score_share
        self.asks = spec.calls_in_all() > 0
        self.texts: list[str] = []
        self.grades: list[Grade] = []
        self._taken: dict[int, str] = {}
        self._grading = GradingAhead(spec)
        self.recent: deque[Failures] = deque(maxlen=WINDOW)

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
        failed = [grade for grade in grades if grade.score is None]
        reasons = tuple(dict.fromkeys(_reason(grade) for grade in failed))[:FIRST_REASONS]
        self.recent.append(Failures(len(failed), len(grades), reasons))
        n_failed, n_recent = (sum(getattr(one, name) for one in self.recent) for name in ("failed", "graded"))
        if not n_failed or n_failed <= self.max_no_score_share * n_recent:
            return
        reasons = tuple(dict.fromkeys(reason for one in self.recent for reason in one.reasons))[:FIRST_REASONS]
        raise GraderFault(
            f"The grader gave no score to {n_failed} of the last {n_recent} answers, more than the "
            f"{self.max_no_score_share:.0%} allowed. First reasons: " + " / ".join(reasons)
        )


def _reason(grade: Grade) -> str:
    if grade.error is not None:
        return f"{grade.name}: {grade.error.message}"
    for child in grade.children:
        if child.score is None:
            return _reason(child)
    return f"{grade.name}: no reason given"
