"""A Plotly figure of every answer to one task, a dot each, as a plain dict (see `charts`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rftstudio.lib.charts import Figure, figure, line


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
    "training answer": {"symbol": "circle", "size": 9, "color": "--chart-1/0.6"},
    "validation answer": {"symbol": "diamond", "size": 10, "color": "--chart-2/0.7"},
    "no score": {"symbol": "x", "size": 8, "color": "--bad"},
}


def answers_by_step(dots: Sequence[Dot], means: Sequence[tuple[int, float]], *, total_steps: int) -> Figure:
    """A dot per answer, `customdata` its address, and the mean of each step as a line.

    Answers without a score lie below the lowest mark there is.
    """
    scored = [dot.reward for dot in dots if dot.reward is not None]
    low, high = min([0.0, *scored]), max([1.0, *scored])
    floor = low - 0.08 * (high - low)
    steps, values = [step for step, _ in means], [value for _, value in means]
    unseen = {"hoverinfo": "skip", "hovertemplate": None}
    traces = [line("mean of the step", steps, values, colour="--chart-faint", width=2, **unseen)]
    for kind, look in LOOKS.items():
        found = [dot for dot in dots if dot.kind == kind]
        mark = "no score" if kind == "no score" else "%{y:.3~f}"
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": kind,
                "x": [dot.step for dot in found],
                "y": [floor if dot.reward is None else dot.reward for dot in found],
                "text": [escape(dot.words) for dot in found],
                "customdata": [dot.link for dot in found],
                "marker": look,
                "showlegend": bool(found),
                "hovertemplate": f"step %{{x}}: {mark}<br>%{{text}}<extra></extra>",
                "meta": {"table": False},
            }
        )
    return figure(
        traces,
        x="step",
        y="reward",
        height=300,
        hovermode="closest",
        xaxis={"range": [-0.5, max(total_steps, 1) + 0.5]},
        yaxis={"range": [floor - 0.06 * (high - low), high + 0.06 * (high - low)]},
    )
