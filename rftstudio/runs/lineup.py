"""Several trainings next to each other: what they differ in, what came of each, and whether they can be compared.

Reads rows and remembered points, changes nothing. The chart's look is `lib/charts_runs.py`'s business.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rftstudio.engine import presets
from rftstudio.engine.flat import flat
from rftstudio.lib.charts import Figure
from rftstudio.lib.charts_runs import LOOKS, MOST, Look, Series, run_curves
from rftstudio.runs import curves, measures
from rftstudio.runs.export import csv_row
from rftstudio.runs.measures import Measure
from rftstudio.runs.models import Run, RunEvent
from rftstudio.tasksets.models import Split

FEWEST = 2
__all__ = ["FEWEST", "MOST", "Entry", "Line", "Row", "differences", "entries", "figure", "lines", "named", "warnings"]


@dataclass(frozen=True)
class Entry:
    """A training of the comparison with its look, its points, and what came of it. seconds: in its steps."""

    run: Run
    look: Look
    points: list[dict[str, Any]]
    base: float | None
    best: float | None
    best_step: int | None

    @property
    def name(self) -> str:
        """Names may be alike; the number is not."""
        return f"{self.run} ({self.run.pk})"

    @property
    def gain(self) -> float | None:
        return None if self.base is None or self.best is None else self.best - self.base

    @property
    def seconds(self) -> float | None:
        return measures.training_seconds(self.points)[-1] if self.points else None

    @property
    def done(self) -> int:
        return int(self.points[-1]["step"]) if self.points else 0

    @property
    def total(self) -> int:
        return curves.total_steps(self.run)

    @property
    def ended(self) -> str:
        """Why it ended before its last step, "" where it did not."""
        return str(self.run.result.get("ended_early") or self.run.error or "")


@dataclass(frozen=True)
class Line:
    """How the legend shows a training. marked: by its validation values, bold with marks; else dashed."""

    entry: Entry
    marked: bool


@dataclass(frozen=True)
class Row:
    """One thing that is not the same in all: a value for each training."""

    label: str
    values: list[str]


def entries(runs: Sequence[Run]) -> list[Entry]:
    """Runs in the order given; at most `MOST`."""
    found = []
    for run, look in zip(runs, LOOKS, strict=False):
        points = curves.points_of(run)
        known = [(measures.at(point, measures.REWARD.valid), point["step"]) for point in points]
        valid = [(value, step) for value, step in known if value is not None]
        trained = [pair for pair in valid if pair[1] > 0]
        best = max(trained, default=(None, None))  # of equals the later, as the engine does
        base = next((value for value, step in valid if step == 0), None)
        found.append(Entry(run, look, points, base, *best))
    return found


def named(lineup: Sequence[Entry], name: str) -> tuple[list[Measure], Measure]:
    """The measures to choose from, and the one of that name; the reward where there is none."""
    offered = measures.offered([entry.points for entry in lineup])
    return offered, next((one for one in offered if one.name == name), measures.REWARD)


def figure(lineup: Sequence[Entry], measure: Measure, *, by_time: bool) -> Figure:
    series = []
    longest = max((entry.seconds or 0.0 for entry in lineup), default=0.0)
    scale, unit = (60.0, "minutes") if longest > 600 else (1.0, "seconds")
    for entry in lineup:
        train, valid = measures.curves(entry.points, measure, by_time=by_time, total_steps=entry.total)
        if by_time:
            train, valid = ([(round(x / scale, 4), y) for x, y in pairs] for pairs in (train, valid))
        series.append(Series(entry.name, entry.look, train, valid))
    return run_curves(series, x=f"{unit} in the steps" if by_time else "step", y=measure.axis)


def lines(lineup: Sequence[Entry], measure: Measure) -> tuple[list[Line], list[Entry]]:
    """The trainings that the figure draws, and those that have no value of this measure."""
    found, without = [], []
    for entry in lineup:
        marked, trained = (
            any(measures.at(point, path) is not None for point in entry.points)
            for path in (measure.valid, measure.train)
        )
        if marked or trained:
            found.append(Line(entry, marked))
        else:
            without.append(entry)
    return found, without


def differences(lineup: Sequence[Entry]) -> list[Row]:
    """Settings, versions, model, seed, preset and machine that are not the same in all; [] when none differ."""
    runs = [entry.run for entry in lineup]
    dials = {dial.name: dial for dial in presets.DIALS}
    machines = _machines(runs)
    rows = [
        Row("Task set", [str(run.taskset_version) for run in runs]),
        Row("Grader", [f"{run.grader_version.grader.name} v{run.grader_version.number}" for run in runs]),
        Row("Base model", [f"{run.base_model.name} {run.base_model.revision[:10]}".strip() for run in runs]),
        Row("Starts from", [_origin(run) for run in runs]),
        Row("Preset", [_preset(run) for run in runs]),
    ]
    names = [*dials, *sorted({name for run in runs for name in run.settings} - set(dials))]
    for name in names:
        dial = dials.get(name)
        values = [run.settings.get(name) for run in runs]
        shown = ["–" if value is None else dial.shown(value) if dial else str(value) for value in values]
        rows.append(Row(dial.label if dial else name, shown))
    rows += [Row("Seed", [str(run.seed) for run in runs]), Row("Machine", [machines.get(run.pk, "–") for run in runs])]
    return [row for row in rows if len(set(row.values)) > 1]


def _origin(run: Run) -> str:
    origin = run.origin
    return f"step {origin['step']} of {origin['name']}" if origin else "the base model"


def _preset(run: Run) -> str:
    preset = presets.PRESETS.get(run.preset)
    return preset.label if preset else run.preset or "–"


def _machines(runs: Sequence[Run]) -> dict[int, str]:
    started = RunEvent.objects.filter(run__in=runs, type="started").order_by("seq").values_list("run", "data")
    return {pk: ", ".join(str(data[name]) for name in ("host", "device") if data.get(name)) for pk, data in started}


# Whether the rewards mean the same -----------------------------------------------------------------------------


def warnings(lineup: Sequence[Entry]) -> list[str]:
    """Sentences on why the rewards of these trainings do not mean the same; [] where they do."""
    runs = [entry.run for entry in lineup]
    found = []
    if len({run.taskset_version.taskset_id for run in runs}) > 1:
        found.append(
            "They belong to different task sets. A reward says how well the tasks of one set are done, so the heights "
            "of the curves cannot be compared; their shapes can."
        )
    elif len({run.taskset_version_id for run in runs}) > 1:
        found.append(f"They were trained on different versions of the task set. {_validation_words(runs)}")
    elif len({run.settings.get("eval_items") for run in runs}) > 1 and len({_validation(run) for run in runs}) > 1:
        found.append(
            "Validation used more tasks in some of them than in others, so a higher mean may come from easier tasks."
        )
    if len({run.grader_version.content_hash for run in runs}) > 1:
        found.append(
            "They were marked by different graders or versions of one. The same answer may get another mark, so a "
            "higher reward need not be a better model. Compare the models on the test tasks with one grader."
        )
    if len({_origin(run) for run in runs}) > 1:
        found.append(
            "They did not start from the same weights: step 0 of one that goes on from a checkpoint is that "
            "checkpoint, so “before” and “gain” mean different things."
        )
    if len({run.settings.get("eval_temperature") for run in runs}) > 1:
        found.append("Validation answers were sampled at different temperatures, which alone moves the mean.")
    return found


def _validation_words(runs: Sequence[Run]) -> str:
    asked = {run.taskset_version_id: run for run in runs}
    tasks = [dict(_validation(run)) for run in asked.values()]
    common = set.intersection(*(set(one.items()) for one in tasks))
    most = max(len(one) for one in tasks)
    instructions = len({str(run.taskset_version.definition.get("instructions")) for run in runs}) > 1
    if len(common) == most and not instructions:
        return "The validation tasks are the same in all of them, so the rewards can be compared."
    if len(common) == most:
        return "The validation tasks are the same, but the instructions that the model is given differ."
    return (
        f"Only {len(common)} of up to {most} validation tasks are the same in all of them, so a higher reward may come "
        "from easier tasks."
    )


def _validation(run: Run) -> tuple[tuple[str, str], ...]:
    """Key and content of each task that this training validates on."""
    rows = run.taskset_version.items.filter(split=Split.VALIDATION).order_by("position")
    count = run.settings.get("eval_items")
    return tuple(rows.values_list("key", "content_hash")[: int(count) if count else None])


# To take away --------------------------------------------------------------------------------------------------


def curves_csv(lineup: Sequence[Entry]) -> Iterator[str]:
    """A line for each step of each training, with every figure; seconds count from its start."""
    rows = [(entry, flat(point), spent) for entry in lineup for point, spent in _with_seconds(entry)]
    names = list(dict.fromkeys(chain.from_iterable(row for _, row, _ in rows)))
    yield "\ufeff" + csv_row(["training", "name", "seconds", *names])
    for entry, row, spent in rows:
        yield csv_row([entry.run.pk, str(entry.run), spent, *(row.get(name) for name in names)])


def _with_seconds(entry: Entry) -> Iterator[tuple[dict[str, Any], float]]:
    return zip(entry.points, measures.training_seconds(entry.points), strict=True)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def table_csv(lineup: Sequence[Entry]) -> Iterator[str]:
    """What came of each training and what they differ in, a column a training."""
    yield "\ufeff" + csv_row(["", *(entry.name for entry in lineup)])
    results: list[tuple[str, list[Any]]] = [
        ("Validation reward before", [entry.base for entry in lineup]),
        ("Best validation reward", [entry.best for entry in lineup]),
        ("Step of the best", [entry.best_step for entry in lineup]),
        ("Gain", [None if entry.gain is None else round(entry.gain, 6) for entry in lineup]),
        ("Steps done", [entry.done for entry in lineup]),
        ("Seconds from start to end", [_rounded(entry.run.seconds_spent) for entry in lineup]),
        ("Seconds in its steps", [entry.seconds for entry in lineup]),
        ("Status", [entry.run.get_status_display() for entry in lineup]),
        ("Why it ended early", [entry.ended for entry in lineup]),
    ]
    for label, values in results:
        yield csv_row([label, *values])
    for row in differences(lineup):
        yield csv_row([row.label, *row.values])
