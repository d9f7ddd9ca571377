"""What the figures of the last steps say in plain words, when a training is plainly not learning.

A first few signs only: each has its evidence and something to do. No database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

Point = Mapping[str, Any]
LOOKED_AT = 8  # steps; fewer say nothing yet


@dataclass(frozen=True)
class Finding:
    """level: bad, warn or good. evidence: the figure it rests on. action: what to do, "" where nothing is."""

    level: str
    sentence: str
    evidence: str
    action: str = ""


def findings(points: Sequence[Point], *, total_steps: int) -> list[Finding]:
    """Findings of a training so far, the gravest first. points: the data of "metrics" events in order."""
    recent = [point for point in points if point["step"] > 0][-LOOKED_AT:]
    found: list[Finding] = []
    _grader_failures(points, found)
    if len(recent) >= LOOKED_AT:
        _nothing_to_learn(recent, found)
        _cut_off(recent, found)
    _flat(points, total_steps, found)
    return sorted(found, key=lambda finding: ("bad", "warn", "good").index(finding.level))


def _mean(points: Sequence[Point], name: str) -> float | None:
    values = [point[name] for point in points if point.get(name) is not None]
    return fmean(values) if values else None


def _nothing_to_learn(recent: Sequence[Point], found: list[Finding]) -> None:
    reward, even = _mean(recent, "train_reward_mean"), _mean(recent, "frac_reward_zero_std")
    if reward is not None and reward <= 0.001:
        found.append(
            Finding(
                "bad",
                "No answer has earned anything for a while, so there is nothing to learn from.",
                f"Mean reward {reward:.2f} over the last {len(recent)} steps.",
                "Give the task set worked examples, ask for a simpler answer, or let the grader give partial marks.",
            )
        )
    elif reward is not None and reward >= 0.97:
        found.append(
            Finding(
                "good",
                "Nearly every answer gets full marks: there is little left to learn from these tasks.",
                f"Mean reward {reward:.2f} over the last {len(recent)} steps.",
                "This may be the end of it. To go further, add harder tasks or a stricter grader.",
            )
        )
    elif even is not None and even >= 0.8:
        found.append(
            Finding(
                "warn",
                "On most tasks all answers get the same mark, and learning needs a difference.",
                f"{even:.0%} of the tasks in the last {len(recent)} steps had no spread.",
                "Let the grader give partial marks, raise the answers per task, or add tasks of middling difficulty.",
            )
        )


def _cut_off(recent: Sequence[Point], found: list[Finding]) -> None:
    share = _mean(recent, "truncated_share")
    if share is not None and share >= 0.5:
        found.append(
            Finding(
                "warn",
                "Most answers are cut off at the length limit.",
                f"{share:.0%} of the answers in the last {len(recent)} steps.",
                "Allow longer answers, or ask for shorter ones in the instructions.",
            )
        )


def _grader_failures(points: Sequence[Point], found: list[Finding]) -> None:
    failed = sum(point.get("n_no_score") or 0 for point in points)
    if not failed:
        return
    flags: dict[str, int] = {}
    for point in points:
        for flag, count in (point.get("errors") or {}).items():
            flags[flag] = flags.get(flag, 0) + count
    named = ", ".join(f"{flag} {count:,}" for flag, count in sorted(flags.items(), key=lambda pair: -pair[1])[:3])
    found.append(
        Finding(
            "warn",
            f"{failed:,} answers could not be marked by the grader. They count as no score, not as 0.",
            f"By kind: {named}." if named else "",
            "Look at them among the answers below: their marks say why.",
        )
    )


def _flat(points: Sequence[Point], total_steps: int, found: list[Finding]) -> None:
    valid = [point for point in points if point.get("valid_reward_mean") is not None]
    if len(valid) < 3 or valid[-1]["step"] < total_steps / 2:
        return
    first, rest = valid[0], valid[1:]
    best = max(rest, key=lambda point: point["valid_reward_mean"])
    ci = first.get("valid_reward_ci")
    if best["valid_reward_mean"] > (ci[1] if ci else first["valid_reward_mean"]):
        return
    evidence = f"{first['valid_reward_mean']:.2f} before training, {best['valid_reward_mean']:.2f} at best"
    if rest[-1]["valid_reward_mean"] < first["valid_reward_mean"]:
        sentence = "The validation reward has fallen below where it began."
        evidence += f", {rest[-1]['valid_reward_mean']:.2f} last."
        action = "A lower learning rate, more answers per step or a more gradual grader may help."
    else:
        sentence = "The validation reward has not risen beyond what chance would give."
        evidence += "."
        action = "Look at the answers below. More steps, a higher learning rate or a more gradual grader may help."
    found.append(Finding("warn", sentence, evidence, action))
