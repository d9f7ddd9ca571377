"""The item map: a row a task, a cell an answer, the fuller the better; and the groups of tasks that one can ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

CELL, HEIGHT, GAP = 10, 12, 1.5  # of a cell, in units of the row's picture
LEVELS = 4  # shades above none
GROUPS = {
    "": "All",
    "always": "Always right",
    "sometimes": "Sometimes right",
    "never": "Never right",
    "no_spread": "No spread",
    "solved": "Solved",
    "suspects": "Suspect reference",
    "no_score": "No score",
    "cut": "Cut off",
}
Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer's place. fill: its height; y: where that begins. level: 0 to 4, or "none" without a score."""

    x: float
    y: float
    fill: float
    level: int | str


@dataclass(frozen=True, slots=True)
class Row:
    """One task. mean: over its scored answers. right: how many passed. words: the cells for who does not see them."""

    key: str
    position: int
    mean: float | None
    right: int
    of: int
    cells: Sequence[Cell]
    words: str


def keys_of(summary: Summary, group: str) -> set[str] | None:
    """The tasks of a group; None for all of them."""
    if group in ("always", "sometimes", "never", "no_spread", "solved"):
        return set(summary[group])
    if group == "suspects":
        return {suspect["key"] for suspect in summary["suspects"]}
    if group == "no_score":
        return {item["key"] for item in summary["items"] if None in item["scores"]}
    if group == "cut":
        return {item["key"] for item in summary["items"] if item["truncated"]}
    return None


def tabs(summary: Summary) -> list[tuple[str, str, int]]:
    """(group, its name, how many tasks) of the groups that have any."""
    sizes = {group: keys_of(summary, group) for group in GROUPS}
    counted = [(group, name, _size(sizes[group], summary)) for group, name in GROUPS.items()]
    return [entry for entry in counted if entry[2] or not entry[0]]


def rows(summary: Summary, group: str = "") -> list[Row]:
    """The tasks of a group, the best first; within a task, its best answers first."""
    wanted = keys_of(summary, group)
    found = [_row(item, summary) for item in summary["items"] if wanted is None or item["key"] in wanted]
    return sorted(found, key=lambda row: (row.mean is None, -(row.mean or 0.0), row.position))


def _size(keys: set[str] | None, summary: Summary) -> int:
    return len(summary["items"]) if keys is None else len(keys)


def _row(item: Mapping[str, Any], summary: Summary) -> Row:
    low, high = _scale(summary)
    known = sorted((score for score in item["scores"] if score is not None), reverse=True)
    ordered = [*known, *[None] * (len(item["scores"]) - len(known))]
    right = sum(score >= summary["threshold"] - 1e-9 for score in known)
    words = f"{right} of {len(ordered)} right"
    if len(known) < len(ordered):
        words += f", {len(ordered) - len(known)} without a score"
    return Row(
        key=item["key"],
        position=item["position"],
        mean=fsum(known) / len(known) if known else None,
        right=right,
        of=len(ordered),
        cells=[_cell(place, score, low, high) for place, score in enumerate(ordered)],
        words=words,
    )


def _scale(summary: Summary) -> tuple[float, float]:
    """0..1, or from the least to the greatest score where grading has a scale of its own."""
    if summary["scale"]:
        return 0.0, 1.0
    scores = [score for item in summary["items"] for score in item["scores"] if score is not None]
    return (min(scores), max(scores)) if scores else (0.0, 1.0)


def _cell(place: int, score: float | None, low: float, high: float) -> Cell:
    x = place * CELL
    if score is None:
        return Cell(x, HEIGHT / 2 - 1, 2, "none")
    share = min(1.0, max(0.0, (score - low) / (high - low))) if high > low else 0.0
    fill = round(share * HEIGHT, 2)
    return Cell(x, round(HEIGHT - fill, 2), fill, min(LEVELS, int(share * LEVELS + 0.999)))
