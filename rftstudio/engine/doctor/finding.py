"""What a finding is, and the record of a training that findings are read from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

Point = Mapping[str, Any]  # the data of one "metrics" event
Level = Literal["bad", "warn", "good"]
LEVELS: tuple[Level, ...] = ("bad", "warn", "good")
WINDOW = 8  # steps that are looked at together; single steps jump about


@dataclass(frozen=True, slots=True)
class Finding:
    """name: a key of `TITLES`. level: bad (a training may pause for it, if its author asked), warn or good.

    sentence, evidence (the figures it rests on), action ("" where nothing is to be done): for people.
    lines: what to draw as evidence, as (name in the metrics, label). since: the first step that was looked at.
    limit: the value that was crossed, in the unit of the lines; None where there is no fixed one.
    """

    name: str
    level: Level
    sentence: str
    evidence: str
    action: str
    lines: tuple[tuple[str, str], ...]
    since: int = 0
    limit: float | None = None

    @property
    def may_pause(self) -> bool:
        return self.level == "bad"


class Record:
    """The points of a training, cut the ways that rules look at them."""

    def __init__(self, points: Sequence[Point], total_steps: int) -> None:
        self.points = points
        self.total_steps = total_steps
        trained = [point for point in points if point["step"] > 0]
        # Rules about sampling and comparing answers are for reinforcement; what copies answers does neither.
        self.trained = [point for point in trained if point.get("stage") != "sft"]
        self.copied = [point for point in trained if point.get("stage") == "sft"]
        self.validated = [point for point in points if point.get("valid_reward_mean") is not None]
        enough = len(self.trained) >= WINDOW
        self.recent: Sequence[Point] = self.trained[-WINDOW:] if enough else ()
        # Of its own only when it does not overlap with the recent steps.
        self.first: Sequence[Point] = self.trained[:WINDOW] if len(self.trained) >= 2 * WINDOW else ()

    @property
    def since(self) -> int:
        return int(self.recent[0]["step"]) if self.recent else 0

    @property
    def copies(self) -> bool:
        """Whether reference answers are being copied at the moment."""
        return bool(self.copied) and not self.trained

    @property
    def reward(self) -> float | None:
        """Mean training reward of the recent steps."""
        return mean(self.recent, "train_reward_mean")

    @property
    def over(self) -> str:
        return f"over the last {len(self.recent)} steps"


Rule = Callable[[Record], Finding | None]


def mean(points: Sequence[Point], name: str) -> float | None:
    """Mean of a figure over the points that have it; None where none does."""
    values = [point[name] for point in points if point.get(name) is not None]
    return fmean(values) if values else None
