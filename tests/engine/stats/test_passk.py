"""pass@k against counting, and its edges."""

from itertools import combinations

import pytest

from rftstudio.engine.stats import mean_pass_at_k, pass_at_k


@pytest.mark.parametrize(("n", "correct", "k"), [(5, 2, 3), (8, 1, 4), (4, 0, 2), (4, 4, 1), (6, 3, 6)])
def test_it_is_the_share_of_draws_with_a_right_answer(n, correct, k):
    draws = list(combinations([True] * correct + [False] * (n - correct), k))
    assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("n", "correct", "k"), [(4, 5, 1), (4, 1, 5), (4, 1, 0)])
def test_nonsense_is_refused(n, correct, k):
    with pytest.raises(ValueError):
        pass_at_k(n, correct, k)


def test_the_mean_leaves_missing_scores_out():
    assert mean_pass_at_k([[1.0, None, 0.0], [0.0, 0.0, 0.0], [None, None, 1.0]], 2) == pytest.approx(0.5)
    assert mean_pass_at_k([[None]], 1) is None
    assert mean_pass_at_k([[0.6, 0.2]], 1, threshold=0.5) == pytest.approx(0.5)
