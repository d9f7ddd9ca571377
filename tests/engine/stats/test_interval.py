"""Intervals against published and SciPy values, at the edges, and their coverage by simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from rftstudio.engine.stats import mean_interval


def test_graded_scores_give_students_interval():
    values = [0.2, 0.5, 0.9, 0.4, 0.45]
    interval = mean_interval(values)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert interval.method == "t"
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.49, low, high), abs=1e-12)


def test_right_or_wrong_scores_give_wilsons_interval():
    interval = mean_interval([1.0] * 9 + [0.0] * 31)
    assert interval.method == "wilson"
    assert (interval.low, interval.high) == pytest.approx(proportion_confint(9, 40, method="wilson"), abs=1e-12)


def test_an_interval_stays_on_the_scale():
    interval = mean_interval([1.0, 1.0, 0.9, 0.2])
    assert interval.high == 1.0
    assert mean_interval([1.0, 1.0, 0.9, 0.2], bounds=None).high > 1.0


def test_equal_values_leave_room_for_what_was_not_seen():
    interval = mean_interval([0.0] * 40)
    # Clopper-Pearson for 0 of 40, both tails.
    assert interval.high == pytest.approx(stats.binomtest(0, 40).proportion_ci(method="exact").high)
    assert (interval.low, interval.method) == (0.0, "constant")


def test_one_value_says_almost_nothing():
    interval = mean_interval([0.5])
    assert interval.high - interval.low == pytest.approx(0.975)


def test_equal_values_on_an_open_scale_have_no_interval():
    interval = mean_interval([3.0, 3.0], bounds=None)
    assert (interval.low, interval.high, interval.method) == (None, None, "none")


def test_no_values_no_interval():
    assert mean_interval([]) is None


@pytest.mark.parametrize("values", [[1.5], [float("nan"), 0.1], [float("inf")]])
def test_a_value_off_the_scale_is_refused(values):
    with pytest.raises(ValueError):
        mean_interval(values)


def test_a_confidence_of_one_is_refused():
    with pytest.raises(ValueError):
        mean_interval([0.1, 0.2], confidence=1.0)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("right or wrong", lambda rng, n: (rng.random(n) < 0.7).astype(float)),
        ("rarely right", lambda rng, n: (rng.random(n) < 0.05).astype(float)),
        ("graded", lambda rng, n: rng.beta(2, 3, n)),
        ("mostly nothing", lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.random(n))),
    ],
)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(name, draw):
    rng = np.random.default_rng(20260101)
    truth = draw(rng, 400_000).mean()
    intervals = [mean_interval(draw(rng, 40).tolist()) for _ in range(1000)]
    held = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.92 <= held <= 0.99, name
