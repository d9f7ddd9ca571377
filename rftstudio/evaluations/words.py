"""A comparison in sentences: the headline, what may be claimed, what luck could have done. Plain text, no HTML."""

from collections.abc import Mapping
from typing import Any

from rftstudio.engine.stats.paired import FEWEST
from rftstudio.lib.rounding import USUAL, plain, together

Summary = Mapping[str, Any]


def interval(row: Summary, decimals: int = USUAL) -> str:
    """`[0.24, 0.42]`, empty where there is none."""
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return ""
    return f"[{plain(low, decimals=decimals)}, {plain(high, decimals=decimals)}]"


def few(row: Summary) -> bool:
    """Whether an interval over so few tasks means too little to be shown."""
    return bool(row["n"] < FEWEST)


def verdict(summary: Summary) -> str:
    """better, worse or unclear: as it was stored, but "unclear" of too few tasks, however old the comparison is."""
    return "unclear" if few(summary) else str(summary["verdict"])


def difference(row: Summary) -> str:
    """`+0.33 [0.24, 0.42]`, to stand beside base and tuned; of too few tasks the difference alone."""
    shown = together(row["base"], row["tuned"])
    return shown.difference if few(row) else f"{shown.difference} {interval(row, shown.decimals)}".strip()


TUNED = "the tuned model"


def headline(summary: Summary, *, tuned: str = TUNED, base: str = "") -> str:
    """The one sentence. Says how many tasks it speaks of, and how many were left out.

    tuned, base: what the two models are called; a base that is the base model needs no name.
    """
    if not summary:
        return ""
    if "difference" not in summary:
        return f"None of the {summary['n_items']} unseen tasks has a score from both models."
    n, excluded = summary["n"], summary["excluded"]
    tasks = f"On {n} unseen {'task' if n == 1 else 'tasks'}"
    if excluded:
        tasks = (
            f"On {n} of {summary['n_items']} unseen tasks ({excluded} {'has' if excluded == 1 else 'have'} no score)"
        )
    shown = together(summary["base"], summary["tuned"])
    other = shown.before + (f" of {base}" if base else "")
    return f"{tasks} {tuned} scores {shown.after} against {other}, {difference(summary)}; {counts(summary)}."


def counts(row: Summary) -> str:
    """`better on 31, worse on 2, same on 7`."""
    return f"better on {row['better']}, worse on {row['worse']}, same on {row['same']}"


def claim(summary: Summary, *, tuned: str = TUNED) -> str:
    """What may be said, and what not."""
    tuned = tuned[:1].upper() + tuned[1:]
    if "difference" not in summary:
        return "Nothing can be said about which is better."
    if few(summary):
        return f"Too few tasks to tell: with fewer than {FEWEST}, luck could explain any difference."
    if summary["low"] is None:
        return "No interval can be given, so no difference can be claimed."
    if not summary["better"] + summary["worse"]:
        return "No difference can be claimed: every task came out the same."
    return {
        "better": f"{tuned} is better: the whole interval lies above 0.",
        "worse": f"{tuned} is worse: the whole interval lies below 0.",
        "unclear": "No difference can be claimed: the interval holds 0, so luck with these tasks could explain it.",
    }[verdict(summary)]


def luck(summary: Summary) -> str:
    """The sign test in words; empty where no task differs."""
    better, worse = summary.get("better", 0), summary.get("worse", 0)
    if not better + worse:
        return ""
    chance = summary["p_sign"]
    often = "in fewer than 1 of 10,000" if chance < 0.0001 else f"in about {_share(chance)}"
    return (
        f"If neither model were better, a split at least as uneven as {better} better to {worse} worse would come up "
        f"by luck {often} comparisons."
    )


def _share(chance: float) -> str:
    if chance >= 0.095:
        return f"{round(100 * chance)} of 100"
    if chance >= 0.00095:
        return f"{round(1000 * chance)} of 1,000"
    return f"{max(1, round(10_000 * chance))} of 10,000"
