"""Findings about the marking: graders that fail, and answers that talk to whoever marks them."""

from collections import Counter

from rftstudio.engine.doctor.finding import Finding, Record, Rule, mean

FAILING = 0.2  # share of answers without a score, from which the rest may mean something else
TALKING, TALKING_MORE = 0.05, 2.0  # share of answers; times what it was at first


def graders_failing(record: Record) -> Finding | None:
    failed = sum((point.get("n_no_score") or 0) + (point.get("valid_n_no_score") or 0) for point in record.points)
    if not failed:
        return None
    flags: Counter[str] = Counter()
    for point in record.points:
        flags.update(point.get("errors") or {})
    named = ", ".join(f"{flag} {count:,}" for flag, count in flags.most_common(3))
    asked = sum(point.get("n_answers") or 0 for point in record.recent)
    recent = sum(point.get("n_no_score") or 0 for point in record.recent)
    share = recent / asked if asked else 0.0
    evidence = [f"{share:.0%} of the answers {record.over}." if share else "", f"By kind: {named}." if named else ""]
    return Finding(
        "graders_failing",
        "bad" if share >= FAILING else "warn",
        f"{failed:,} answer{'' if failed == 1 else 's'} could not be marked by the grader. "
        "They count as no score, not as 0.",
        " ".join(filter(None, evidence)),
        "Look at them among the answers below: their marks say why. A grader or a judge that fails often is best "
        "corrected first.",
        (("n_no_score", "answers without a score"),),
        record.since,
    )


def judge_addressed(record: Record) -> Finding | None:
    """Only where the grader asks a judge or a server: there is nobody to talk to else."""
    first, now = mean(record.first, "judge_talk_share"), mean(record.recent, "judge_talk_share")
    if first is None or now is None or now < max(TALKING, TALKING_MORE * first):
        return None  # honest answers hit the wordings now and then: only more than at first says anything
    return Finding(
        "judge_addressed",
        "bad",
        "More and more answers talk to the judge in place of answering.",
        f"{now:.0%} of the answers {record.over}, {first:.0%} at first.",
        "Read them below. If the judge pays for them, the reward no longer means anything: tell the judge to give such "
        "answers nothing, add a fixed rule beside it, try the red-team on the grader, then launch again.",
        (("judge_talk_share", "share of answers that address the judge"),),
        record.since,
        limit=max(TALKING, TALKING_MORE * first),
    )


RULES: tuple[Rule, ...] = (graders_failing, judge_addressed)
