"""How far a training is and how long it will still take, from the metrics of its last steps. No database."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

RECENT = 10  # steps; long enough for a steady figure, short enough to notice that answers grew


def seconds_left(points: Sequence[Mapping[str, Any]], *, total_steps: int, eval_interval: int) -> float | None:
    """Seconds from the newest point to the end; None before there is a trained step to judge by.

    A step counts with the median of the last ones, without evaluation; each evaluation to come with the mean
    of those there were. points: the data of "metrics" events in order; `timing.step` includes evaluation.
    """
    trained = [point for point in points if point["step"] > 0 and point.get("timing")]
    if not trained:
        return None
    done = trained[-1]["step"]
    steps = [point["timing"]["step"] - (point["timing"].get("evaluation") or 0.0) for point in trained[-RECENT:]]
    spent = [point["timing"].get("evaluation") or 0.0 for point in points if point.get("timing")]
    evaluations = [seconds for seconds in spent if seconds > 0]
    to_come = evaluations_left(done, total_steps=total_steps, eval_interval=eval_interval)
    return max(0.0, median(steps) * (total_steps - done) + (fmean(evaluations) if evaluations else 0.0) * to_come)


def within_limit(left: float | None, points: Sequence[Mapping[str, Any]], max_minutes: float) -> float | None:
    """Time left where a limit on the time ends it earlier; 0 minutes set no limit."""
    if not max_minutes:
        return left
    worked = sum(point["timing"]["step"] for point in points if point.get("timing"))
    rest = max(0.0, 60 * max_minutes - worked)
    return rest if left is None else min(left, rest)


def evaluations_left(done: int, *, total_steps: int, eval_interval: int) -> int:
    """Evaluations after step `done`: at every multiple of the interval and at the last step."""
    if done >= total_steps:
        return 0
    multiples = total_steps // eval_interval - done // eval_interval
    return multiples + (total_steps % eval_interval != 0)


def coarse(seconds: float) -> float:
    """Rounded to what such an estimate is good for: 5 s below two minutes, then half minutes, then minutes."""
    for below, unit in ((120, 5), (600, 30), (5400, 60)):
        if seconds < below:
            return float(max(unit, round(seconds / unit) * unit))
    return float(round(seconds / 300) * 300)
