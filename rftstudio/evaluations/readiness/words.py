"""A readiness check in sentences. Plain text, no HTML."""

from collections.abc import Mapping
from typing import Any

from rftstudio.evaluations.words import interval
from rftstudio.lib.rounding import plain

VERDICTS = {"ready": "ready", "weak": "weak", "not_yet": "not yet"}
PILLS = {"ready": "good", "weak": "warn", "not_yet": "bad"}
_OPENINGS = {
    "ready": "A training has something to learn from here.",
    "weak": "There is little to learn from here yet.",
    "not_yet": "A training would find nothing to learn from, or be cut short.",
}


def headline(summary: Mapping[str, Any]) -> str:
    """The verdict in one sentence; the word itself stands beside it."""
    return _OPENINGS[summary["verdict"]]


def evidence(summary: Mapping[str, Any]) -> str:
    """What the verdict rests on: the mean reward with its interval, and how many tasks there are to learn from."""
    asked = f"The base model answered {_tasks(summary['n_items'])}, {summary['samples']} times each."
    reward = summary["reward"]
    if reward is None:
        return f"{asked} None of the answers has a score."
    n_scored = summary["n_items"] - len(summary["unscored"])
    spread = n_scored - len(summary["no_spread"])
    mean = f"{plain(reward['mean'])} {interval(reward)}".strip()
    if not spread:
        return f"{asked} Its answers score {mean} on average. On no task do some answers score better than others."
    return (
        f"{asked} Its answers score {mean} on average. On {spread} of {_tasks(n_scored)} some answers score better "
        "than others: those are the ones to learn from."
    )


def percent(share: float) -> str:
    """`9 %`; what is not nothing is not shown as nothing."""
    if 0 < share < 0.01:
        return "under 1\N{NO-BREAK SPACE}%"
    if 0.99 < share < 1:
        return "over 99\N{NO-BREAK SPACE}%"
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def figures(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, value, explanation) of the figures below the verdict."""
    n_scored = summary["n_items"] - len(summary["unscored"])
    rows: list[tuple[str, str, str]] = []

    def items(name: str, key: str, why: str) -> None:
        count = len(summary[key])
        rows.append((name, f"{count} of {n_scored} ({percent(count / n_scored)})" if n_scored else "–", why))

    def answers(name: str, key: str, why: str) -> None:
        count, total = summary[key], summary["n_answers"]
        rows.append((name, f"{count} of {total} ({percent(count / total)})", why))

    passes = summary["passes"]
    if passes is not None:
        why = "Share of answers with full marks."
        if summary["threshold"] != 1:
            why = f"Share of answers that score {summary['threshold']:g} or more."
        rows.append(("Right at the first try", f"{plain(passes['mean'])} {interval(passes)}".strip(), why))
    most = max((int(k) for k in summary["pass_at"]), default=1)
    if most > 1 and (share := summary["pass_at"][str(most)]) is not None:
        why = "Share of tasks with at least one right answer among them."
        rows.append((f"Right in {most} tries", plain(share), why))
    items("Always right", "always", "If they also score alike, nothing is left to learn.")
    items("Sometimes right", "sometimes", "Where a training learns most.")
    items("Never right", "never", "Learnt from only where answers get part marks.")
    items("Without any spread", "no_spread", "All answers score alike: a training skips such tasks.")
    if chance := summary["chance"]:
        value = f"{plain(chance['even'])} / {plain(chance['most'])}"
        rows.append(
            ("Chance level", value, f"Guessing among {chance['labels']} labels / always saying “{chance['label']}”.")
        )
    answers("Not in the form asked for", "n_unreadable", "They cannot be read as an answer of this kind.")
    answers("Cut off", "n_truncated", "They ran into the longest answer allowed.")
    answers("No score", "n_no_score", "The grader could not mark them. They never count as 0.")
    length = f"{summary['tokens_mean']:.1f}, at most {summary['tokens_max']}"
    rows.append(("Length in tokens", length, "Mean, and the longest."))
    return rows


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
