"""A Plotly figure of several trainings at once, as a plain dict (see `charts`), and the looks that tell them apart.

A training's place in the list gives its colour (`--run-1` to `--run-8`, chosen to differ for every kind of colour
vision, on light and on dark), its marker and its dash, so that no picture depends on colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rftstudio.lib.charts import Figure, figure, line

MOST = 8


@dataclass(frozen=True)
class Look:
    """How one training is drawn. shape: its marker as an SVG path in a box of 16 × 16, for the legend."""

    number: int
    marker: str
    dash: str
    shape: str

    @property
    def colour(self) -> str:
        return f"--run-{self.number}"


_SHAPES = (
    ("circle", "dot", "M8 3.5a4.5 4.5 0 1 0 .01 0z"),
    ("square", "dash", "M4 4h8v8H4z"),
    ("diamond", "dashdot", "M8 2.5 13.5 8 8 13.5 2.5 8z"),
    ("triangle-up", "longdash", "M8 3l5.5 9.5h-11z"),
    ("cross", "dot", "M6 3h4v3h3v4h-3v3H6v-3H3V6h3z"),
    ("triangle-down", "dash", "M8 13 2.5 3.5h11z"),
    ("pentagon", "dashdot", "M8 2.5 13.5 6.6 11.4 13H4.6L2.5 6.6z"),
    ("star", "longdash", "m8 2 1.8 4 4.4.5-3.2 3 .8 4.3L8 11.7l-3.8 2.1.8-4.3-3.2-3L6.2 6z"),
)
LOOKS = tuple(Look(number, *shape) for number, shape in enumerate(_SHAPES, start=1))


@dataclass(frozen=True)
class Series:
    """One training's part of a figure: (x, value) pairs. train: smoothed already. valid: drawn bold, with markers."""

    name: str
    look: Look
    train: Sequence[tuple[float, float | None]] = field(default=())
    valid: Sequence[tuple[float, float | None]] = field(default=())


def run_curves(series: Sequence[Series], *, x: str, y: str) -> Figure:
    """Each training's validation values bold and its training values thin; one that has neither adds no trace.

    What has training values only (a gradient has no validation) is drawn with the weight of the bold ones.
    """
    traces = []
    alone = not any(one.valid for one in series)
    for one in series:
        colour, marker = one.look.colour, one.look.marker
        if one.train:
            label = one.name if alone else f"{one.name}, training"
            traces.append(
                line(label, *_apart(one.train), colour=colour, dash=one.look.dash, width=2.25 if alone else 1.25)
            )
        if one.valid:
            traces.append(line(one.name, *_apart(one.valid), colour=colour, width=3, markers=marker))
    values = [value for one in series for _, value in (*one.train, *one.valid) if value is not None]
    inside = bool(values) and all(0 <= value <= 1 for value in values) and max(values) > 0.1
    axis = {"range": [-0.02, 1.02], "tickformat": ".1f"} if inside else {"rangemode": "tozero"}
    return figure(
        traces, x=x, y=y, height=420, showlegend=False, hovermode="closest", yaxis=axis, xaxis={"rangemode": "tozero"}
    )


def _apart(pairs: Sequence[tuple[float, float | None]]) -> tuple[list[float], list[float | None]]:
    return [x for x, _ in pairs], [value for _, value in pairs]
