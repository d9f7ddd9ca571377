"""A run's figures by name, from its metrics. What is drawn how is `lib/charts.py`'s business."""

from collections import OrderedDict
from datetime import datetime
from typing import Any

from rftstudio.engine import doctor
from rftstudio.engine.doctor import Finding
from rftstudio.lib import charts
from rftstudio.lib.charts_copying import loss_curve, turning_point
from rftstudio.runs.models import Run

REMEMBERED = 16  # runs whose points a process keeps; some hundred kilobytes each
Figures = dict[str, charts.Figure]
FINDING = "finding-"  # before a finding's name: the figure of its evidence
CURVES = ("criteria", "time", "length", "spread", "movement")  # beside the reward curve, on a tab of their own


_known: "OrderedDict[tuple[int, datetime], list[dict[str, Any]]]" = OrderedDict()


def points_of(run: Run) -> list[dict[str, Any]]:
    """The data of every "metrics" event in order of steps.

    What has been reported never changes, so each open page asks the database for the newest points only.
    """
    key = (run.pk, run.created_at)
    points = _known.get(key, [])
    fresh = run.events.filter(type="metrics").order_by("step")
    if points:
        fresh = fresh.filter(step__gt=points[-1]["step"])
    if found := list(fresh.values_list("data", flat=True)):
        points = points + found  # a new list: another thread may be reading the old one
        _known[key] = points
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
    return points


def total_steps(run: Run) -> int:
    return int(run.progress.get("total") or run.settings.get("steps") or 1)


def best_step(run: Run) -> int | None:
    for step in run.checkpoints.filter(is_best=True).values_list("step", flat=True):
        return step
    return None


def copying_steps(run: Run) -> int:
    """How many of the first steps copy reference answers."""
    if not run.way.copies:
        return 0
    return int(run.settings["warm_start_steps"]) if run.way.reinforces else total_steps(run)


def reward(run: Run, points: list[dict[str, Any]]) -> charts.Figure:
    turn = turning_point(copying_steps(run)) if run.way.copies and run.way.reinforces else {}
    return charts.reward_curve(points, total_steps=total_steps(run), best_step=best_step(run), **turn)


def loss(run: Run, points: list[dict[str, Any]]) -> charts.Figure | None:
    """Of copying; None where nothing is copied."""
    if not run.way.copies:
        return None
    return loss_curve(points, copying_steps=copying_steps(run))


def others(run: Run, points: list[dict[str, Any]]) -> Figures:
    """The figures of the tab, without those that would be empty or say nothing new."""
    found = {
        "criteria": charts.criteria_curves(points, total_steps=total_steps(run)),
        "time": charts.time_split(points),
        "length": charts.signal_curves(
            points, [("completion_length_mean", "mean"), ("completion_length_max", "longest")], y="tokens"
        ),
        "spread": charts.signal_curves(
            points,
            [("frac_reward_zero_std", "tasks without a spread"), ("truncated_share", "answers cut off")],
            y="share",
            range=[-0.02, 1.02],
        ),
        "movement": charts.signal_curves(
            points, [("entropy", "entropy"), ("kl", "KL"), ("grad_norm", "gradient norm")]
        ),
    }
    return {name: figure for name, figure in found.items() if figure["data"]}


def time_shares(points: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """(what, share of all seconds worked) of each part of the steps, the largest first; [] before there are seconds."""
    spent = {
        label: sum((point.get("timing") or {}).get(part) or 0.0 for point in points)
        for part, label, _, _ in charts.TIME_PARTS
    }
    whole = sum(spent.values())
    if not whole:
        return []
    return sorted(((label, 100 * seconds / whole) for label, seconds in spent.items()), key=lambda pair: -pair[1])


def findings(run: Run, points: list[dict[str, Any]]) -> list[Finding]:
    """What the run doctor says of what was reported so far."""
    return doctor.findings(points, total_steps=total_steps(run))


def evidence(finding: Finding, points: list[dict[str, Any]]) -> charts.Figure:
    return charts.evidence_curve(points, finding.lines, since=finding.since, limit=finding.limit)


def named(run: Run, points: list[dict[str, Any]], names: list[str]) -> Figures:
    """The figures that a page asks for."""
    found: Figures = {"reward": reward(run, points)} if "reward" in names else {}
    if "loss" in names and (drawn_loss := loss(run, points)) is not None:
        found["loss"] = drawn_loss
    if any(name in CURVES for name in names):
        found |= {name: figure for name, figure in others(run, points).items() if name in names}
    if any(name.startswith(FINDING) for name in names):
        drawn = {FINDING + one.name: evidence(one, points) for one in findings(run, points)}
        found |= {name: figure for name, figure in drawn.items() if name in names}
    return found
