"""Findings about the answers themselves: how long, how varied, how far from the base model's.

The limits come from recorded trainings. Where a model learns well its answers do become alike, so that is a finding
only while the reward is low.
"""

from statistics import median

from rftstudio.engine.doctor.finding import WINDOW, Finding, Record, Rule, mean

CUT_OFF = 0.5
ENTROPY_LEFT, ENTROPY_LOW = 0.15, 0.25  # share of what it was at first; nats a token
STUCK = 0.75  # share of tasks without a spread
FAR_FROM_DONE = 0.7  # mean reward
KL_STEPS = 3
KL_HIGH, KL_JUMP, KL_NOTABLE = 1.0, 10.0, 0.2  # nats a token; times what was usual; nats a token
GROWN, GROWN_BY = 1.5, 10.0  # times what it was; tokens
SAME_EVERYWHERE = 0.85  # share of a step's answers that say the same
FEW_WORDINGS, MANY_WORDINGS = 0.25, 0.5  # distinct answers for each answer to a task


def truncated(record: Record) -> Finding | None:
    share = mean(record.recent, "truncated_share")
    if share is None or share < CUT_OFF:
        return None
    return Finding(
        "truncated",
        "warn",
        "Most answers are cut off at the length limit.",
        f"{share:.0%} of the answers {record.over}.",
        "Allow longer answers, or ask for shorter ones in the instructions.",
        (("truncated_share", "share of answers cut off"),),
        record.since,
        limit=CUT_OFF,
    )


def entropy_collapse(record: Record) -> Finding | None:
    first, now = mean(record.first, "entropy"), mean(record.recent, "entropy")
    even, reward = mean(record.recent, "frac_reward_zero_std"), record.reward
    if first is None or now is None or even is None or reward is None:
        return None
    if now > ENTROPY_LOW or now > ENTROPY_LEFT * first or even < STUCK or reward >= FAR_FROM_DONE:
        return None
    return Finding(
        "entropy_collapse",
        "bad",
        "The model has stopped trying different answers before it found good ones (entropy collapse).",
        f"Entropy {now:.2f} {record.over}, {first:.2f} at first; mean reward {reward:.2f}; "
        f"{even:.0%} of the tasks without a spread.",
        "Launch again with half the learning rate, an entropy bonus or a KL penalty. More answers per task help too.",
        (("entropy", "entropy"),),
        record.since,
        limit=min(ENTROPY_LOW, ENTROPY_LEFT * first),
    )


def kl_blowup(record: Record) -> Finding | None:
    """Only where a KL penalty is set: without one the distance is not computed."""
    measured = [point for point in record.trained if point.get("kl")]
    if len(measured) < KL_STEPS:
        return None
    now = median(point["kl"] for point in measured[-KL_STEPS:])  # one odd step is no blow-up
    before = [point["kl"] for point in measured[:-KL_STEPS]]
    usual = median(before) if len(before) >= WINDOW else None
    jumped = usual is not None and now >= max(KL_NOTABLE, KL_JUMP * usual)
    if now < KL_HIGH and not jumped:
        return None
    compared = f", {usual:.2g} before" if usual is not None else ""
    return Finding(
        "kl_blowup",
        "bad",
        "The model has moved very far from the base model in a few steps (KL).",
        f"KL {now:.2f} (median of the last {KL_STEPS} steps){compared}.",
        "It may be losing its language. Read some answers. Launch again with half the learning rate or a larger KL "
        "penalty; the best checkpoint until now is kept.",
        (("kl", "KL"),),
        int(measured[-KL_STEPS]["step"]),
        limit=KL_HIGH if usual is None or now >= KL_HIGH else max(KL_NOTABLE, KL_JUMP * usual),
    )


def length_growth(record: Record) -> Finding | None:
    first, now = mean(record.first, "completion_length_mean"), mean(record.recent, "completion_length_mean")
    valid = record.validated
    if first is None or now is None or len(valid) < 4 or now < GROWN * first or now < first + GROWN_BY:
        return None
    early, late = mean(valid[:2], "valid_reward_mean"), mean(valid[-2:], "valid_reward_mean")
    if early is None or late is None or late > early + 0.02:
        return None
    return Finding(
        "length_growth",
        "warn",
        "The answers grow longer, but the validation reward does not rise with them.",
        f"{first:.0f} tokens at first, {now:.0f} {record.over}; validation reward {early:.2f} in the first two "
        f"evaluations, {late:.2f} in the last two.",
        "The grader may be paying for length. Read the longest answers, add a criterion for length or a limit, and "
        "launch again.",
        (("completion_length_mean", "mean length in tokens"),),
        record.since,
        limit=GROWN * first,
    )


def copies(record: Record) -> Finding | None:
    """One answer for everything, or one wording for each task."""
    reward = record.reward
    if reward is None or reward >= FAR_FROM_DONE:
        return None
    same = mean(record.recent, "commonest_share")
    if same is not None and same >= SAME_EVERYWHERE:
        return Finding(
            "copies",
            "bad",
            "The model gives nearly the same answer to every task.",
            f"{same:.0%} of the answers {record.over} were the commonest one of their step; mean reward {reward:.2f}.",
            "Read it below. If it earns marks everywhere, the grader pays for it: correct the grader. If one label is "
            "most often right, add tasks of the other labels. Then launch again with a lower learning rate.",
            (("commonest_share", "share of the commonest answer"),),
            record.since,
            limit=SAME_EVERYWHERE,
        )
    first, now = mean(record.first, "distinct_share"), mean(record.recent, "distinct_share")
    if first is None or now is None or first < MANY_WORDINGS or now > FEW_WORDINGS:
        return None
    return Finding(
        "copies",
        "warn",
        "The answers to one task have become copies of each other.",
        f"{now:.0%} of the answers to a task were different from each other {record.over}, {first:.0%} at first; "
        f"mean reward {reward:.2f}.",
        "Copies teach nothing. A lower learning rate, a KL penalty or a higher temperature keeps answers varied.",
        (("distinct_share", "share of different answers"),),
        record.since,
        limit=FEW_WORDINGS,
    )


RULES: tuple[Rule, ...] = (truncated, entropy_collapse, kl_blowup, length_growth, copies)
