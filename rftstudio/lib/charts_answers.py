"""A Plotly figure of every answer to one task, a dot each, as a plain dict (see `charts`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rftstudio.lib.charts import Figure, figure, line, step_axis

BESIDE = 0.008  # of the axis, from one dot to the next: about as wide as a dot on a desk
APART = 0.5  # of the way to the next step in use, at the most, for all the dots that share a place


@dataclass(frozen=True)
class Dot:
    """An answer: its step, reward (None: no score), the address that shows it, a few words of it."""

    step: int
    reward: float | None
    link: str
    words: str
    validation: bool

    @property
    def kind(self) -> str:
        return "no score" if self.reward is None else "validation answer" if self.validation else "training answer"


LOOKS = {
    "training answer": {"symbol": "circle", "size": 8, "color": "--chart-1/0.6"},
    "validation answer": {"symbol": "diamond", "size": 9, "color": "--chart-2/0.7"},
    "no score": {"symbol": "x", "size": 8, "color": "--bad"},
}


def answers_by_step(dots: Sequence[Dot], means: Sequence[tuple[int, float]], *, total_steps: int) -> Figure:
    """A dot per answer, `customdata` its address, and the mean of each step as a line.

    Answers with the same reward at the same step lie side by side, so that each can be seen and clicked. Those without
    a score lie below the lowest mark there is.
    """
    scored = [dot.reward for dot in dots if dot.reward is not None]
    low, high = min([0.0, *scored]), max([1.0, *scored])
    floor = low - 0.08 * (high - low)
    first, last = min([0, *(dot.step for dot in dots)]), max([total_steps, *(dot.step for dot in dots)])
    places = _places(dots, length=last - first + 1.6)
    steps, values = [step for step, _ in means], [value for _, value in means]
    unseen = {"hoverinfo": "skip", "hovertemplate": None}
    traces = [line("mean of the step", steps, values, colour="--chart-faint", width=2, **unseen)]
    for kind, look in LOOKS.items():
        found = [dot for dot in dots if dot.kind == kind]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": kind,
                "x": [places[id(dot)] for dot in found],
                "y": [floor if dot.reward is None else dot.reward for dot in found],
                "text": [_said(dot) for dot in found],
                "customdata": [dot.link for dot in found],
                "marker": look,
                "showlegend": bool(found),
                "hovertemplate": "%{text}<extra></extra>",
                "meta": {"table": False},
            }
        )
    return figure(
        traces,
        x="step",
        y="reward",
        height=300,
        hovermode="closest",
        xaxis=step_axis(first - 0.8, last + 0.8),
        yaxis={"range": [floor - 0.06 * (high - low), high + 0.06 * (high - low)]},
    )


def _places(dots: Sequence[Dot], *, length: float) -> dict[int, float]:
    """Where each dot lies on an axis of that length, by its `id`: on its step, or beside others there that have the
    same reward, so close that the step they belong to is plain."""
    steps = sorted({dot.step for dot in dots})
    free = APART * min((after - before for before, after in zip(steps, steps[1:], strict=False)), default=1)
    alike: dict[tuple[int, float | None], list[Dot]] = {}
    for dot in dots:
        alike.setdefault((dot.step, dot.reward), []).append(dot)
    found = {}
    for (step, _), group in alike.items():
        apart = min(BESIDE * length, free / len(group))
        for place, dot in enumerate(group):
            found[id(dot)] = round(step + (place - (len(group) - 1) / 2) * apart, 3)
    return found


def _said(dot: Dot) -> str:
    mark = "no score" if dot.reward is None else f"{dot.reward:.3f}".rstrip("0").rstrip(".")
    return f"step {dot.step}: {mark}<br>{escape(dot.words)}"
