"""Agreement figures against SciPy, statsmodels and published tables."""

import random

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from rftstudio.engine.stats.agreement import (
    comparable_pairs,
    kendall,
    krippendorff,
    pearson,
    ranks,
    spearman,
    weighted_kappa,
    wrongly_ordered,
)


def drawn(seed: int, n: int = 40, steps: int = 5) -> tuple[list[float], list[float]]:
    """Two rows of marks with many ties that agree somewhat."""
    rng = random.Random(seed)
    x = [rng.randrange(steps) / (steps - 1) for _ in range(n)]
    y = [min(1.0, max(0.0, round(each + rng.gauss(0, 0.3), 2))) for each in x]
    return x, y


@pytest.mark.parametrize("seed", range(8))
def test_rank_correlations_are_scipys(seed):
    x, y = drawn(seed)
    assert ranks(x) == list(stats.rankdata(x))
    assert spearman(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert kendall(x, y).value == pytest.approx(stats.kendalltau(x, y).statistic)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)


@pytest.mark.parametrize("seed", range(6))
def test_weighted_kappa_and_its_error_are_statsmodels(seed):
    x, y = drawn(seed)
    left, right = [round(4 * each) for each in x], [round(4 * each) for each in y]
    table = np.zeros((5, 5))
    for i, j in zip(left, right, strict=True):
        table[i, j] += 1
    expected = cohens_kappa(table, wt="quadratic")
    found = weighted_kappa(left, right, categories=5)
    assert found.value == pytest.approx(expected.kappa)
    assert found.low == pytest.approx(expected.kappa_low)
    assert found.high == pytest.approx(min(1.0, expected.kappa_upp))


def test_alpha_is_krippendorffs_own_example():
    """Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: interval alpha 0.849."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[mark for mark in unit if mark is not None] for unit in zip(*rows, strict=True)]
    assert krippendorff(units) == pytest.approx(0.849, abs=5e-4)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Correlation 0.6 of two normal rows of 30: Spearman's population value is 6/π · asin(0.3) = 0.582."""
    rng = np.random.default_rng(7)
    truth = 6 / np.pi * np.arcsin(0.3)
    held = 0
    for _ in range(400):
        x = rng.normal(size=30)
        y = 0.6 * x + 0.8 * rng.normal(size=30)
        found = spearman(list(x), list(y))
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_what_is_not_defined_is_not_made_up():
    assert spearman([], []) is None
    assert spearman([0.5], [1.0]) is None
    assert spearman([0.5, 0.5, 0.5], [0, 0.5, 1]) is None
    assert kendall([0, 0.5, 1], [1, 1, 1]) is None
    assert weighted_kappa([], [], categories=5) is None
    assert weighted_kappa([4, 4], [4, 4], categories=5) is None
    assert krippendorff([]) is None
    assert krippendorff([[1.0], [0.5]]) is None
    assert krippendorff([[1.0, 1.0], [1.0, 1.0]]) is None


def test_few_marks_have_a_value_and_no_interval():
    found = spearman([0, 0.5, 1], [0, 0.4, 1])
    assert found.value == pytest.approx(1.0)
    assert (found.low, found.high, found.n) == (None, None, 3)
    assert weighted_kappa([0, 4, 2], [0, 4, 1], categories=5).low is None


def test_wrongly_ordered_pairs_come_widest_first():
    expert = [1.0, 0.75, 0.0, 0.1]
    grader = [0.2, 0.9, 0.5, 0.9]
    assert [(better, worse) for better, worse, _ in wrongly_ordered(expert, grader)] == [(0, 3), (0, 2), (0, 1)]
    assert comparable_pairs(expert) == 5  # 0.0 and 0.1 are too close to call


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 marks against 1"):
        spearman([1, 2], [1])
    with pytest.raises(ValueError, match="outside 0 to 4"):
        weighted_kappa([5], [1], categories=5)
