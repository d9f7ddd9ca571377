"""Pictures of a training that copies reference answers, wholly or at first, as Plotly figures (see `charts`)."""

from collections.abc import Sequence
from typing import Any

from rftstudio.lib.charts import VALID, Figure, Point, figure, line, smoothed, smoothing_window, step_axis


def turning_point(turn: int) -> dict[str, Any]:
    """A dotted line where one way of learning ends and the other begins, each named beside it."""
    style = {"color": "--ink-soft", "dash": "dot", "width": 1.5}
    dotted = {"type": "line", "xref": "x", "yref": "paper", "x0": turn, "x1": turn, "y0": 0, "y1": 1, "line": style}
    at = {"x": turn, "y": 1.0, "xref": "x", "yref": "paper", "yanchor": "top", "showarrow": False}
    words = (("SFT", "right", -6), ("RFT", "left", 6))
    return {
        "shapes": [dotted],
        "annotations": [at | {"text": text, "xanchor": side, "xshift": shift} for text, side, shift in words],
    }


def loss_curve(points: Sequence[Point], *, copying_steps: int) -> Figure:
    """The loss of copying, raw and smoothed, over the steps that copy; the only answers of those are to validation."""
    found = [(point["step"], point["train_loss"]) for point in points if point.get("train_loss") is not None]
    steps, values = [step for step, _ in found], [value for _, value in found]
    window = smoothing_window(copying_steps)
    traces = [
        line("each step", steps, values, colour="--chart-faint", width=1, meta=VALID),
        line("smoothed", steps, smoothed(values, window), colour="--chart-1", meta=VALID),
    ]
    return figure(
        traces,
        x="step",
        y="nats a token",
        height=220,
        hovermode="x unified",
        xaxis=step_axis(-0.5, max(copying_steps, 1) + 0.5),
        yaxis={"rangemode": "tozero"},
    )
