"""How far two ways of marking the same answers agree: an expert and a grader, or experts among themselves.

Plain Python: there are some 30 answers, and these pages are served by the web process, which `scipy.stats` would make
100 MB larger. Every figure is tested against SciPy, statsmodels or a published table.

Pure functions over numbers. A figure is None where it is not defined, such as a rank correlation of marks that are all
alike; it is never made up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import atanh, fsum, sqrt, tanh
from statistics import NormalDist, fmean
from typing import Any

SAME = 1e-9  # marks closer than this are the same mark
MIN_INTERVAL = 10  # pairs below which no interval is given: the approximations are not good there


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient over `n` pairs. low and high: 95 % interval, None where none can be given honestly."""

    value: float
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    for stop in range(1, len(order) + 1):
        if stop == len(order) or values[order[stop]] - values[order[start]] > SAME:
            for place in range(start, stop):
                found[order[place]] = (start + stop + 1) / 2
            start = stop
    return found


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Correlation of two rows of the same length; None for fewer than two pairs or a row that is all alike."""
    _check(x, y)
    if len(x) < 2:
        return None
    mean_x, mean_y = fmean(x), fmean(y)
    across = fsum((a - mean_x) ** 2 for a in x), fsum((b - mean_y) ** 2 for b in y)
    if min(across) < 1e-18:
        return None
    together = fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return max(-1.0, min(1.0, together / sqrt(across[0]) / sqrt(across[1])))


def spearman(x: Sequence[float], y: Sequence[float], *, confidence: float = 0.95) -> Agreement | None:
    """Rank correlation: Pearson's of the ranks, ties sharing a rank (Spearman 1904).

    Interval: Fisher's z with the variance (1 + ρ²/2) / (n - 3) of Bonett and Wright 2000, Psychometrika 65:23.
    """
    value = pearson(ranks(x), ranks(y))
    return None if value is None else _fisher(value, len(x), (1 + value * value / 2) / max(1, len(x) - 3), confidence)


def kendall(x: Sequence[float], y: Sequence[float], *, confidence: float = 0.95) -> Agreement | None:
    """Tau-b: right pairs less wrong pairs, over the pairs that are not tied (Kendall 1945). O(n²).

    Interval: Fisher's z with the variance 0.437 / (n - 4) of Fieller, Hartley and Pearson 1957, Biometrika 44:470.
    """
    _check(x, y)
    right = wrong = tied_x = tied_y = 0
    for (a, b), (c, d) in combinations(zip(x, y, strict=True), 2):
        first, second = _sign(a - c), _sign(b - d)
        right += first * second > 0
        wrong += first * second < 0
        tied_x += first == 0
        tied_y += second == 0
    pairs = len(x) * (len(x) - 1) // 2
    if pairs - tied_x == 0 or pairs - tied_y == 0:
        return None
    value = (right - wrong) / sqrt((pairs - tied_x) * (pairs - tied_y))
    return _fisher(value, len(x), 0.437 / max(1, len(x) - 4), confidence)


def weighted_kappa(
    x: Sequence[int], y: Sequence[int], *, categories: int, confidence: float = 0.95
) -> Agreement | None:
    """Cohen's kappa with quadratic weights over the categories 0 … categories - 1 (Cohen 1968).

    Being two steps apart counts four times as much as being one step apart. Interval from the large-sample standard
    error of Fleiss, Cohen and Everitt 1969, Psychological Bulletin 72:323, equation 9. None where both always give
    the same one mark, since there is then nothing to agree on beyond chance.
    Raises ValueError for a category out of range.
    """
    _check(x, y)
    if not all(0 <= each < categories for each in (*x, *y)):
        raise ValueError(f"A category lies outside 0 to {categories - 1}.")
    n = len(x)
    if n == 0 or categories < 2:
        return None
    cells = Counter(zip(x, y, strict=True))
    rows, columns = Counter(x), Counter(y)
    steps = range(categories)
    weight = [[1 - (i - j) ** 2 / (categories - 1) ** 2 for j in steps] for i in steps]
    seen = fsum(weight[i][j] * count for (i, j), count in cells.items()) / n
    chance = fsum(weight[i][j] * rows[i] * columns[j] for i in steps for j in steps) / n**2
    if 1 - chance < SAME:
        return None
    value = (seen - chance) / (1 - chance)
    mean_row = [fsum(weight[i][j] * columns[j] for j in steps) / n for i in steps]
    mean_column = [fsum(weight[i][j] * rows[i] for i in steps) / n for j in steps]
    inside = fsum(
        count / n * (weight[i][j] * (1 - chance) - (mean_row[i] + mean_column[j]) * (1 - seen)) ** 2
        for (i, j), count in cells.items()
    )
    variance = (inside - (seen * chance - 2 * chance + seen) ** 2) / (n * (1 - chance) ** 4)
    if n < MIN_INTERVAL:
        return Agreement(value, None, None, n)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(max(0.0, variance))
    return Agreement(value, max(-1.0, value - half), min(1.0, value + half), n)


def krippendorff(units: Sequence[Sequence[float]]) -> float | None:
    """Alpha for marks on an interval scale, by any number of people, some missing (Krippendorff 2011, interval metric).

    units: for every answer the marks it was given, in any order; answers with fewer than two do not count. 1 is perfect
    agreement, 0 is what chance would give. None where no answer has two marks, or all marks are alike.
    """
    pairable = [unit for unit in units if len(unit) > 1]
    values = [value for unit in pairable for value in unit]
    n = len(values)
    if n < 2:
        return None
    within = fsum(_spread(unit) / (len(unit) - 1) for unit in pairable) / n
    between = _spread(values) / (n * (n - 1))
    return None if between < 1e-18 else 1 - within / between


def wrongly_ordered(
    expert: Sequence[float], grader: Sequence[float], *, apart: float = 0.25
) -> list[tuple[int, int, float]]:
    """Pairs (better, worse, gap) of places that the expert puts clearly apart and the grader the other way round.

    gap: how far apart for the expert plus how far for the grader; the widest first. Ties of the grader are not in it.
    """
    _check(expert, grader)
    found = []
    for better, worse in _apart(expert, apart):
        back = grader[worse] - grader[better]
        if back > SAME:
            found.append((better, worse, expert[better] - expert[worse] + back))
    return sorted(found, key=lambda pair: -pair[2])


def comparable_pairs(expert: Sequence[float], *, apart: float = 0.25) -> int:
    """How many pairs the expert puts clearly apart."""
    return sum(1 for _ in _apart(expert, apart))


def _apart(expert: Sequence[float], apart: float) -> Iterator[tuple[int, int]]:
    for one, other in combinations(range(len(expert)), 2):
        if abs(expert[one] - expert[other]) >= apart - SAME:
            yield (one, other) if expert[one] > expert[other] else (other, one)


def _spread(values: Sequence[float]) -> float:
    """Sum over ordered pairs of the squared difference: 2 (n Σv² - (Σv)²), taken about the mean to keep digits."""
    mean = fmean(values)
    return 2 * len(values) * fsum((value - mean) ** 2 for value in values)


def _fisher(value: float, n: int, variance: float, confidence: float) -> Agreement:
    if n < MIN_INTERVAL or abs(value) > 1 - 1e-12:
        return Agreement(value, None, None, n)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(variance)
    return Agreement(value, tanh(atanh(value) - half), tanh(atanh(value) + half), n)


def _sign(difference: float) -> int:
    return 0 if abs(difference) <= SAME else 1 if difference > 0 else -1


def _check(x: Sequence[float], y: Sequence[float]) -> None:
    if len(x) != len(y):
        raise ValueError(f"{len(x)} marks against {len(y)}.")
