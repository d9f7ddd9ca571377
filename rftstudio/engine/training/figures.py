"""The figures of a step, reckoned from its answers, marks and rewards. Pure: nothing is written here."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rftstudio.engine.grading.pleading import pleads
from rftstudio.engine.inference.sampler import Completion


def reward_metrics(rewards: list[float | None], group_size: int) -> dict[str, Any]:
    """Mean and spread over scored answers, and the share of groups without spread."""
    scored = [reward for reward in rewards if reward is not None]
    average = sum(scored) / len(scored) if scored else None
    spread = None
    if average is not None and len(scored) > 1:
        spread = math.sqrt(sum((reward - average) ** 2 for reward in scored) / (len(scored) - 1))
    groups = [rewards[first : first + group_size] for first in range(0, len(rewards), group_size)]
    flat = sum(len({reward for reward in group if reward is not None}) < 2 for group in groups)
    return {
        "train_reward_mean": rounded(average),
        "reward_std": rounded(spread),
        "frac_reward_zero_std": rounded(flat / len(groups)),
    }


def length_metrics(completions: list[Completion]) -> dict[str, Any]:
    """Mean and longest length in tokens, and the share that was cut off."""
    lengths = [len(row.tokens) for row in completions]
    return {
        "completion_length_mean": rounded(sum(lengths) / len(lengths)),
        "completion_length_max": max(lengths),
        "truncated_share": rounded(sum(row.truncated for row in completions) / len(lengths)),
    }


def variety_metrics(texts: Sequence[str], group_size: int) -> dict[str, Any]:
    """How alike the answers of a step are, capitals and spaces aside.

    distinct_share: different answers to a task for each answer to it, a mean over tasks (1 / group size: all copies).
    commonest_share: share of the step's answers that are the commonest one.
    """
    plain = [" ".join(text.casefold().split()) for text in texts]
    groups = [plain[first : first + group_size] for first in range(0, len(plain), group_size)]
    return {
        "n_answers": len(plain),
        "distinct_share": rounded(sum(len(set(group)) / len(group) for group in groups) / len(groups)),
        "commonest_share": rounded(max(Counter(plain).values()) / len(plain)),
    }


def judge_talk_metrics(texts: Sequence[str]) -> dict[str, Any]:
    """The share of answers with something in them that is meant for a judge."""
    return {"judge_talk_share": rounded(sum(map(pleads, texts)) / len(texts))}


def mean(values: list[float]) -> float | None:
    """Mean of the finite values."""
    finite = [value for value in values if math.isfinite(value)]
    return rounded(sum(finite) / len(finite)) if finite else None


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
