"""What trainings can be compared by: the names, where each is in a step's metrics, and its curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.lib.charts import smoothed, smoothing_window

Point = Mapping[str, Any]
Pairs = list[tuple[float, float | None]]
SCORE = "score:"  # before the name of a part of the grader


@dataclass(frozen=True)
class Measure:
    """name: in addresses. train, valid: paths into a step's metrics, () where there is none. unit: on the axis."""

    name: str
    label: str
    train: tuple[str, ...]
    valid: tuple[str, ...] = ()
    unit: str = ""

    @property
    def axis(self) -> str:
        return f"{self.label.lower()} ({self.unit})" if self.unit else self.label.lower()


REWARD = Measure("reward", "Reward", ("train_reward_mean",), ("valid_reward_mean",))
OTHERS = (
    Measure("spread", "Spread of the rewards", ("reward_std",)),
    Measure("flat", "Tasks without a spread", ("frac_reward_zero_std",), unit="share"),
    Measure("length", "Length of the answers", ("completion_length_mean",), unit="tokens"),
    Measure("longest", "Longest answer", ("completion_length_max",), unit="tokens"),
    Measure("truncated", "Answers cut off", ("truncated_share",), unit="share"),
    Measure("distinct", "Different answers to a task", ("distinct_share",), unit="share"),
    Measure("entropy", "Entropy", ("entropy",)),
    Measure("kl", "KL", ("kl",)),
    Measure("clip", "Clipped updates", ("clip_share",), unit="share"),
    Measure("gradient", "Gradient norm", ("grad_norm",)),
    Measure("rate", "Learning rate", ("learning_rate",)),
    Measure("seconds", "Seconds of a step", ("timing", "step")),
    Measure("speed", "Tokens a second", ("tokens_per_second",)),
)


def at(point: Point, path: tuple[str, ...]) -> float | None:
    """The figure at a path of a step's metrics, None where there is none."""
    value: Any = point
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def offered(runs_points: Sequence[Sequence[Point]]) -> list[Measure]:
    """The measures that at least one of these trainings has: the reward, the parts of its grader, the rest."""
    names: dict[str, None] = {}
    for points in runs_points:
        for point in points:
            names |= dict.fromkeys([*(point.get("scores") or {}), *(point.get("valid_scores") or {})])
    parts = [Measure(SCORE + name, name, ("scores", name), ("valid_scores", name)) for name in names]
    known = [one for one in OTHERS if any(at(point, one.train) is not None for pts in runs_points for point in pts)]
    return [REWARD, *parts, *known]


def training_seconds(points: Sequence[Point]) -> list[float]:
    """For each point, the seconds worked until its end: sampling, grading, learning and evaluation, without pauses."""
    spent, out = 0.0, []
    for point in points:
        spent += at(point, ("timing", "step")) or 0.0
        out.append(round(spent, 3))
    return out


def _known(places: Sequence[float], points: Sequence[Point], path: tuple[str, ...]) -> Pairs:
    pairs = ((x, at(point, path)) for x, point in zip(places, points, strict=True))
    return [(x, value) for x, value in pairs if value is not None]


def curves(points: Sequence[Point], measure: Measure, *, by_time: bool, total_steps: int) -> tuple[Pairs, Pairs]:
    """(training, smoothed; validation) as (x, value) pairs. x: steps, or seconds."""
    places = training_seconds(points) if by_time else [float(point["step"]) for point in points]
    train, valid = (_known(places, points, path) for path in (measure.train, measure.valid))
    calm = smoothed([value for _, value in train], smoothing_window(total_steps))
    return [(x, value) for (x, _), value in zip(train, calm, strict=True)], valid
