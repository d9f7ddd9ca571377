"""Is the tuned model better than the base model? Both did the same tasks, so differences are taken task by task."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import fsum, isfinite
from typing import Any

from rftstudio.engine.stats.interval import Method, mean_interval

SAME = 1e-9  # differences smaller than this are rounding
# Tasks, for anything to be claimed. Of five, all better, the sign test says that luck alone does as much in 6 of 100
# comparisons, and an interval is honest only by being so wide that it finds next to nothing: in draws of four tasks
# with a true rise of 0.25 to 0.50 it lay above 0 in 0-2 %.
FEWEST = 6


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Tuned minus base over the `n` tasks where both have a score.

    base and tuned are means over those same tasks. low and high as in `Interval`. excluded: tasks left out because a
    score is missing. p_sign: chance of a split at least this uneven between better and worse if neither model were
    better (two-sided).
    """

    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    n: int
    excluded: int
    better: int
    worse: int
    same: int
    p_sign: float
    method: Method

    @property
    def verdict(self) -> str:
        """ "better", "worse", or "unclear" where the interval holds 0, there is none, or the tasks are too few."""
        if self.n < FEWEST:
            return "unclear"
        if self.low is not None and self.low > 0:
            return "better"
        if self.high is not None and self.high < 0:
            return "worse"
        return "unclear"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def paired_difference(
    base: Sequence[float | None],
    tuned: Sequence[float | None],
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> PairedDifference | None:
    """Compare two rows of scores, task by task. None where no task has both scores.

    A missing score (None) on either side leaves the task out; it is never counted as 0. One score a task: average
    several answers to one task first, because answers to one task are not independent of each other.
    bounds: the scale of the scores. Raises ValueError for rows of different length.
    """
    if len(base) != len(tuned):
        raise ValueError(f"{len(base)} base scores against {len(tuned)} tuned ones.")
    pairs = [(b, t) for b, t in zip(base, tuned, strict=True) if b is not None and t is not None]
    if not all(isfinite(b) and isfinite(t) for b, t in pairs):
        raise ValueError("A score is not a finite number.")
    if not pairs:
        return None
    differences = [t - b for b, t in pairs]
    better = sum(difference > SAME for difference in differences)
    worse = sum(difference < -SAME for difference in differences)
    width = bounds[1] - bounds[0] if bounds else 0.0
    interval = mean_interval(differences, confidence=confidence, bounds=(-width, width) if bounds else None)
    assert interval is not None
    n = len(pairs)
    return PairedDifference(
        base=fsum(b for b, _ in pairs) / n,
        tuned=fsum(t for _, t in pairs) / n,
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        n=n,
        excluded=len(base) - n,
        better=better,
        worse=worse,
        same=n - better - worse,
        p_sign=sign_test(better, worse),
        method=interval.method,
    )


def sign_test(better: int, worse: int) -> float:
    """Two-sided exact p-value of the sign test: 2 · P(X ≤ min) for X ~ Binomial(better + worse, ½), at most 1.

    For right-or-wrong scores it is McNemar's exact test (Dixon and Mood 1946; McNemar 1947). 1 where nothing differs.
    """
    if better < 0 or worse < 0:
        raise ValueError("Counts are not negative.")
    n = better + worse
    ways = tail = 1  # C(n, 0), then C(n, i) from C(n, i - 1)
    for i in range(1, min(better, worse) + 1):
        ways = ways * (n - i + 1) // i
        tail += ways
    return min(1.0, float(Fraction(2 * tail, 2**n)))
