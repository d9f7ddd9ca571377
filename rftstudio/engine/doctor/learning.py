"""Findings about the reward: whether there is something to learn from, and whether validation follows."""

from rftstudio.engine.doctor.finding import Finding, Record, Rule, mean

NOTHING = 0.001  # mean reward up to which all answers count as worth nothing
SOLVED = 0.97
SOLVED_BEFORE = 0.95  # validation reward of the untrained model
EVEN = 0.8  # share of tasks without a spread
DONE_WELL = 0.85  # mean reward from which answers may well be alike
GAP = 0.15  # training reward above validation reward
REWARD = ("train_reward_mean", "training reward")
VALIDATION = ("valid_reward_mean", "validation reward")


def all_zero(record: Record) -> Finding | None:
    reward, even = record.reward, mean(record.recent, "frac_reward_zero_std")
    if reward is None or reward > NOTHING or (even is not None and even < 1.0):
        return None  # a grader whose scores lie below 0 may well tell good from bad
    return Finding(
        "all_zero",
        "bad",
        "No answer has earned anything for a while, so there is nothing to learn from.",
        f"Mean reward {reward:.2f} {record.over}.",
        "Give the task set worked examples, ask for a simpler answer, or let the grader give partial marks.",
        (REWARD,),
        record.since,
        limit=NOTHING,
    )


def solved(record: Record) -> Finding | None:
    reward = record.reward
    if reward is not None and reward >= SOLVED:
        return Finding(
            "solved",
            "good",
            "Nearly every answer gets full marks: there is little left to learn from these tasks.",
            f"Mean reward {reward:.2f} {record.over}.",
            "This may be the end of it. To go further, add harder tasks or a stricter grader.",
            (REWARD, VALIDATION),
            record.since,
            limit=SOLVED,
        )
    base = record.validated[0] if record.validated else None
    if base is None or base["step"] != 0 or base["valid_reward_mean"] < SOLVED_BEFORE:
        return None
    return Finding(
        "solved",
        "warn",
        "The model could do these tasks before it was trained.",
        f"Validation reward {base['valid_reward_mean']:.2f} at step 0.",
        "A training has little to add. Add harder tasks, or a grader that tells good answers from better ones.",
        (REWARD, VALIDATION),
        limit=SOLVED_BEFORE,
    )


def no_spread(record: Record) -> Finding | None:
    even, reward = mean(record.recent, "frac_reward_zero_std"), record.reward
    if even is None or reward is None or even < EVEN or reward >= DONE_WELL:
        return None
    return Finding(
        "no_spread",
        "warn",
        "On most tasks all answers get the same mark, and learning needs a difference.",
        f"{even:.0%} of the tasks {record.over} had no spread.",
        "Let the grader give partial marks, raise the answers per task, or add tasks of middling difficulty.",
        (("frac_reward_zero_std", "share of tasks without a spread"),),
        record.since,
        limit=EVEN,
    )


def gap(record: Record) -> Finding | None:
    reward = record.reward
    if reward is None or len(record.validated) < 4:
        return None
    last = record.validated[-1]
    level = mean(record.validated[-2:], "valid_reward_mean")
    before = max(point["valid_reward_mean"] for point in record.validated[:-2])
    high = (last.get("valid_reward_ci") or [0.0, last["valid_reward_mean"]])[1]
    rising = level is None or level > before + 0.02
    if level is None or rising or reward - level < GAP or reward <= high:
        return None
    return Finding(
        "gap",
        "warn",
        "The model does better on its training tasks than on the validation tasks, and validation has stopped rising.",
        f"Training reward {reward:.2f} {record.over}; validation reward {level:.2f} in the last two evaluations.",
        "It may be learning the tasks by heart. Add more and more varied training tasks, or stop here: the checkpoint "
        "with the best validation reward is the one that is kept.",
        (REWARD, VALIDATION),
        record.since,
    )


def by_heart(record: Record) -> Finding | None:
    """Copying goes on to be rewarded by the loss after it has ceased to help."""
    valid = [point for point in record.validated if point["step"]]
    if not record.copies or len(valid) < 4:
        return None
    best = max(valid, key=lambda point: point["valid_reward_mean"])
    lasts = [point["valid_reward_mean"] for point in valid[-2:]]
    low = (best.get("valid_reward_ci") or [best["valid_reward_mean"] - 0.05])[0]
    if best in valid[-2:] or max(lasts) >= low:
        return None
    loss = mean(record.copied[-1:], "train_loss")
    return Finding(
        "by_heart",
        "warn",
        "The model is learning the reference answers by heart: validation has fallen since its best.",
        f"Validation reward {best['valid_reward_mean']:.2f} at step {best['step']}, {lasts[-1]:.2f} last"
        + (f"; loss {loss:.2f}." if loss is not None else "."),
        "Stop here if you like: the checkpoint with the best validation reward is the one that is kept. Fewer steps or "
        "more varied tasks help next time.",
        (VALIDATION, ("train_loss", "loss")),
        int(best["step"]),
    )


def standstill(record: Record) -> Finding | None:
    """Validation that has fallen, or has not risen by more than chance, in the second half of a training."""
    valid = record.validated
    if len(valid) < 3 or valid[-1]["step"] < record.total_steps / 2:
        return None
    first, rest = valid[0], valid[1:]
    best = max(rest, key=lambda point: point["valid_reward_mean"])
    ci = first.get("valid_reward_ci")
    if best["valid_reward_mean"] > (ci[1] if ci else first["valid_reward_mean"]):
        return None
    if first["valid_reward_mean"] >= SOLVED_BEFORE:
        return None  # there was no room to rise
    start = f"{first['valid_reward_mean']:.2f} at the start, {best['valid_reward_mean']:.2f} at best"
    if rest[-1]["valid_reward_mean"] < first["valid_reward_mean"]:
        return Finding(
            "fallen",
            "warn",
            "The validation reward has fallen below where it began.",
            f"{start}, {rest[-1]['valid_reward_mean']:.2f} last.",
            "A lower learning rate or fewer steps may help; look whether reference answers get full marks."
            if record.copies
            else "A lower learning rate, more answers per step or a more gradual grader may help.",
            (REWARD, VALIDATION),
            limit=first["valid_reward_mean"],
        )
    return Finding(
        "flat",
        "warn",
        "The validation reward has not risen beyond what chance would give.",
        f"{start}.",
        "Look at the answers below. More steps or more reference answers may help, or learning from the grader (RFT): "
        "what is copied need not be what it marks."
        if record.copies
        else "Look at the answers below. More steps, a higher learning rate or a more gradual grader may help.",
        (REWARD, VALIDATION),
        limit=ci[1] if ci else first["valid_reward_mean"],
    )


RULES: tuple[Rule, ...] = (all_zero, solved, no_spread, gap, by_heart, standstill)
