"""The paired difference: known values, missing scores, equal scores, coverage."""

import numpy as np
import pytest
from scipy import stats

from rftstudio.engine.stats import paired_difference, sign_test
from rftstudio.engine.stats.paired import FEWEST


def test_known_values():
    base = [0.0, 0.2, 0.5, 1.0, 0.4]
    tuned = [1.0, 0.7, 0.5, 0.9, 0.8]
    found = paired_difference(base, tuned)
    scipy = stats.ttest_rel(tuned, base).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((max(-1, scipy.low), scipy.high), abs=1e-12)
    assert (found.base, found.tuned, found.difference) == pytest.approx((0.42, 0.78, 0.36))
    assert (found.better, found.worse, found.same, found.n, found.excluded) == (3, 1, 1, 5, 0)


def test_a_missing_score_leaves_the_pair_out_and_is_counted():
    found = paired_difference([0.0, None, 0.0, 0.0], [1.0, 1.0, None, 0.0])
    assert (found.n, found.excluded) == (2, 2)
    assert (found.base, found.tuned) == (0.0, 0.5)


def test_no_pair_no_difference():
    assert paired_difference([None, 0.5], [0.5, None]) is None
    assert paired_difference([], []) is None


def test_all_equal_claims_no_difference_but_not_certainty():
    found = paired_difference([0.5] * 40, [0.5] * 40)
    assert found.difference == 0
    assert found.low == pytest.approx(-found.high)
    assert 0.05 < found.high < 0.1
    assert found.verdict == "unclear"
    assert found.p_sign == 1.0


def test_always_better_by_the_same_is_better():
    found = paired_difference([0.0] * 20, [1.0] * 20)
    assert (found.difference, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 20)))
    assert found.verdict == "better"


def test_rounding_is_not_a_difference():
    found = paired_difference([0.1 + 0.2], [0.3])
    assert (found.better, found.worse, found.same) == (0, 0, 1)


def test_verdicts():
    assert paired_difference([0.9, 0.8, 0.9, 1.0] * 2, [0.1, 0.2, 0.0, 0.1] * 2).verdict == "worse"
    assert paired_difference([0.1, 0.9, 0.4] * 2, [0.9, 0.1, 0.5] * 2).verdict == "unclear"
    assert paired_difference([5.0] * 6, [7.0] * 6, bounds=None).verdict == "unclear"


def test_too_few_tasks_claim_nothing_whatever_they_say():
    base, tuned = [0.1, 0.0, 0.1, 0.0, 0.1], [0.9, 1.0, 0.8, 0.9, 1.0]
    found = paired_difference(base, tuned)
    assert found.low > 0
    assert found.verdict == "unclear"
    assert paired_difference([*base, 0.1], [*tuned, 0.9]).verdict == "better"


def test_the_fewest_are_those_of_which_luck_rarely_does_the_same():
    assert sign_test(FEWEST, 0) < 0.05 < sign_test(FEWEST - 1, 0)


def test_rows_of_different_length_are_refused():
    with pytest.raises(ValueError):
        paired_difference([0.1], [0.1, 0.2])


@pytest.mark.parametrize(("better", "worse"), [(31, 2), (5, 5), (0, 7), (12, 3), (400, 350)])
def test_the_sign_test_is_scipys(better, worse):
    assert sign_test(better, worse) == pytest.approx(stats.binomtest(better, better + worse).pvalue, rel=1e-9)


@pytest.mark.parametrize("n", [10, 40])
@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("often better", lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[0.05, 0.45, 0.5])),
        ("no effect", lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[0.15, 0.7, 0.15])),
        ("graded", lambda rng, n: np.clip(rng.normal(0.2, 0.4, n), -1, 1)),
    ],
)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(name, draw, n):
    rng = np.random.default_rng(7)
    truth = draw(rng, 400_000).mean()
    held = 0
    for _ in range(1000):
        differences = draw(rng, n)
        found = paired_difference(np.clip(-differences, 0, 1).tolist(), np.clip(differences, 0, 1).tolist())
        assert found.difference == pytest.approx(differences.mean())
        held += found.low <= truth <= found.high
    assert held / 1000 >= 0.92, name
