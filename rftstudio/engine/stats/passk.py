"""pass@k: the chance that at least one of k answers is right."""

from collections.abc import Sequence
from math import comb, fsum


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Unbiased estimate from `n` answers of which `correct` were right: 1 - C(n-c, k) / C(n, k).

    Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1. Raises ValueError unless
    0 ≤ correct ≤ n and 1 ≤ k ≤ n.
    """
    if not 0 <= correct <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {correct} right answers out of {n} means nothing.")
    return 1 - comb(n - correct, k) / comb(n, k)


def mean_pass_at_k(scores: Sequence[Sequence[float | None]], k: int, *, threshold: float = 1.0) -> float | None:
    """Mean over tasks of pass@k; an answer is right when its score reaches `threshold`.

    scores: per task, the scores of its answers. Answers without a score are left out, and tasks with fewer than k
    scored answers; None where no task is left.
    """
    rates = []
    for row in scores:
        known = [score for score in row if score is not None]
        if len(known) >= k:
            rates.append(pass_at_k(len(known), sum(score >= threshold - 1e-9 for score in known), k))
    return fsum(rates) / len(rates) if rates else None
