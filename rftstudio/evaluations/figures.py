"""The pictures of a comparison: Plotly figures as plain dicts, and where the headline's interval lies on its scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rftstudio.evaluations.words import few
from rftstudio.lib import charts
from rftstudio.lib.rounding import plain

Summary = Mapping[str, Any]
NAMES = {"base": "base", "tuned": "tuned"}  # what they are called on the page, by name in the summary


@dataclass(frozen=True, slots=True)
class Strip:
    """Positions in 0..200 of the interval, its middle and the zero line; left and right name the scale's ends."""

    low: float
    middle: float
    high: float
    zero: float
    left: str
    right: str

    @property
    def width(self) -> float:
        return max(1.0, self.high - self.low)


def strip(summary: Summary) -> Strip | None:
    """The difference with its interval on a line; None where there is no interval, or too few tasks for one."""
    if summary.get("low") is None or summary.get("high") is None or few(summary):
        return None
    reach = 1.0
    if not summary.get("scale"):
        reach = max(abs(summary["low"]), abs(summary["high"]), 1e-9)

    def place(value: float) -> float:
        return round(100 + 100 * value / reach, 2)

    low, middle, high = (place(summary[name]) for name in ("low", "difference", "high"))
    return Strip(low, middle, high, zero=100.0, left=plain(-reach), right=plain(reach, sign=True))


def outcome_bar(summary: Summary) -> list[dict[str, Any]]:
    """Better, same and worse as stretches of 0..100."""
    total = summary.get("n", 0)
    stretches, at = [], 0.0
    for name in ("better", "same", "worse"):
        width = 100 * summary.get(name, 0) / total if total else 0.0
        stretches.append({"name": name, "x": round(at, 3), "width": round(width, 3)})
        at += width
    return stretches


def rows(summary: Summary) -> list[dict[str, Any]]:
    """The whole score and each criterion below it, as the chart and its table show them."""
    if "difference" not in summary:
        return []
    models = summary["models"]
    whole = {**summary, "name": "Whole score", "intervals": {name: models[name]["score"] for name in NAMES}}
    return [whole, *summary["criteria"]]


def scores(summary: Summary, names: Mapping[str, str] = NAMES) -> dict[str, Any] | None:
    """Horizontal bars, base under tuned, for the whole score and every criterion, with 95 % intervals where
    the tasks are not too few."""
    shown = [row for row in rows(summary) if all(row["intervals"][name] for name in NAMES)]
    if not shown:
        return None
    labels = [row["name"] for row in shown]
    traces = []
    for model, colour, pattern in (("base", "--chart-2", "/"), ("tuned", "--chart-1", "")):
        found = [row["intervals"][model] for row in shown]
        means = [interval["mean"] for interval in found]
        reaches = [
            (0.0, 0.0) if few(row) else (_reach(one["low"], one["mean"]), _reach(one["high"], one["mean"]))
            for row, one in zip(shown, found, strict=True)
        ]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": names[model],
                "y": labels,
                "x": means,
                "marker": {"color": colour, "pattern": {"shape": pattern, "solidity": 0.35}},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [up for _, up in reaches],
                    "arrayminus": [down for down, _ in reaches],
                    "thickness": 1.5,
                    "color": "--ink",
                    "width": 4,
                },
                "hovertemplate": "%{y}<br>" + names[model] + " %{x:.2f}<extra></extra>",
            }
        )
    axis = {"range": [0, 1.02], "tickformat": ".1f"} if summary.get("scale") else {}
    return charts.figure(
        traces,
        x="mean score",
        height=100 + 56 * len(shown),
        barmode="group",
        bargap=0.3,
        xaxis=axis,
        yaxis={"autorange": "reversed", "ticksuffix": "  "},
    )


def _reach(end: float | None, mean: float) -> float:
    return 0.0 if end is None else abs(end - mean)
