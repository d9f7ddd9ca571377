"""Plotly figures as plain dicts: the pictures of a training. Nothing is drawn here, and no plotly is imported.

A colour is the name of one of our CSS tokens ("--chart-1"); `static/js/chart.js` puts its value in, so that
a figure follows light and dark. Series differ by dash or marker as well as by colour. A trace's `meta` says
how it takes new points: {"live": "replace"} is sent whole, any other is extended by its points after `x`. Its
"phase" says which answers lie behind a point: "train" or "valid".
"""

from collections.abc import Mapping, Sequence
from typing import Any

Figure = dict[str, Any]
Point = Mapping[str, Any]  # the data of one "metrics" event

COLOURS = ("--chart-1", "--chart-2", "--chart-3", "--chart-4")
DASHES = ("solid", "dash", "dot", "dashdot")
FEW_STEPS = 14  # so few that each can have its number on the axis
MARKERS = ("circle", "square", "diamond", "triangle-up")
TRAIN, VALID = {"phase": "train"}, {"phase": "valid"}
TIME_PARTS = (
    ("sampling", "sampling answers", "--chart-1", ""),
    ("grading", "grading", "--chart-2", "/"),
    ("training", "learning", "--chart-3", "x"),
    ("evaluation", "evaluating", "--chart-4", "."),
)


def line(name: str, x: Sequence[Any], y: Sequence[Any], *, colour: str, **more: Any) -> dict[str, Any]:
    """A line trace. more: `dash`, `width`, `markers` (a symbol), and anything of Plotly's own."""
    dash, width, symbol = more.pop("dash", "solid"), more.pop("width", 2), more.pop("markers", "")
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers" if symbol else "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "dash": dash, "width": width},
        "hovertemplate": "%{y:.3~f}<extra>" + name + "</extra>",
    }
    if symbol:
        trace["marker"] = {"color": colour, "symbol": symbol, "size": 7}
    return trace | more


def figure(
    traces: Sequence[Mapping[str, Any]], *, x: str = "", y: str = "", height: int = 320, **layout: Any
) -> Figure:
    """A figure with axis titles. layout: further keys of Plotly's layout; axes may be given as `xaxis`, `yaxis`."""
    return {
        "data": [dict(trace) for trace in traces],
        "layout": {
            **layout,
            "height": height,
            "xaxis": {"title": {"text": x}, **layout.get("xaxis", {})},
            "yaxis": {"title": {"text": y}, **layout.get("yaxis", {})},
        },
    }


def step_axis(low: float, high: float) -> dict[str, Any]:
    """An axis of steps between two places: there is nothing between one step and the next."""
    return {"range": [low, high], **({"tick0": 0, "dtick": 1} if high - low <= FEW_STEPS else {})}


def since(drawn: Figure, x: float) -> dict[str, Any]:
    """What a page that has everything up to `x` lacks: per trace, the points after it."""
    extend: dict[str, Any] = {}
    replace: dict[str, Any] = {}
    for number, trace in enumerate(drawn["data"]):
        if (trace.get("meta") or {}).get("live") == "replace":
            replace[str(number)] = {"x": trace["x"], "y": trace["y"]}
            continue
        new = [place for place, value in enumerate(trace["x"]) if value > x]
        if new:
            extend[str(number)] = {"x": [trace["x"][place] for place in new], "y": [trace["y"][place] for place in new]}
    return {"extend": extend, "replace": replace}


def smoothed(values: Sequence[float | None], window: int) -> list[float | None]:
    """Exponential mean over about `window` values, without the usual pull towards the start (Kingma & Ba 2015, §3)."""
    keep = 1 - 2 / (window + 1)
    total = weight = 0.0
    out: list[float | None] = []
    for value in values:
        if value is not None:
            total = keep * total + (1 - keep) * value
            weight = keep * weight + (1 - keep)
        out.append(round(total / weight, 5) if weight else None)
    return out


def smoothing_window(total_steps: int) -> int:
    """Steps to smooth over. It depends on the plan, not on how far it got, so that a drawn curve never changes."""
    return max(4, min(25, total_steps // 10))


def reward_curve(points: Sequence[Point], *, total_steps: int, best_step: int | None = None, **layout: Any) -> Figure:
    """Training reward raw and smoothed, validation reward with its 95 % band, the best checkpoint marked."""
    train = [point for point in points if point.get("train_reward_mean") is not None]
    valid = [point for point in points if point.get("valid_reward_mean") is not None]
    raw = [point["train_reward_mean"] for point in train]
    steps = [point["step"] for point in train]
    seen = [point["step"] for point in valid]
    means = [point["valid_reward_mean"] for point in valid]
    bands = [point.get("valid_reward_ci") or [mean, mean] for point, mean in zip(valid, means, strict=True)]
    best = [(step, mean) for step, mean in zip(seen, means, strict=True) if step == best_step]
    unseen = {"showlegend": False, "hoverinfo": "skip", "hovertemplate": None}
    traces = [
        line("training, each step", steps, raw, colour="--chart-faint", width=1, meta=TRAIN),
        line(
            "training, smoothed",
            steps,
            smoothed(raw, smoothing_window(total_steps)),
            colour="--chart-1",
            dash="dash",
            meta=TRAIN,
        ),
        line("validation, 95 % low", seen, [low for low, _ in bands], colour="--chart-2", width=0, **unseen),
        line(
            "validation, 95 % high",
            seen,
            [high for _, high in bands],
            colour="--chart-2",
            width=0,
            fill="tonexty",
            fillcolor="--chart-2/0.14",
            **unseen,
        ),
        line("validation", seen, means, colour="--chart-2", width=3, markers="circle", meta=VALID),
        {
            "type": "scatter",
            "mode": "markers",
            "name": "best checkpoint",
            "x": [step for step, _ in best],
            "y": [mean for _, mean in best],
            "marker": {
                "symbol": "star",
                "size": 16,
                "color": "--chart-2",
                "line": {"color": "--surface", "width": 1.5},
            },
            "hovertemplate": "best checkpoint, step %{x}: %{y:.3~f}<extra></extra>",
            "meta": {"live": "replace", "table": False} | VALID,
        },
    ]
    return figure(
        traces,
        x="step",
        y="mean reward",
        height=340,
        hovermode="x unified",
        **layout,
        xaxis=step_axis(-0.5, max(total_steps, 1) + 0.5),
        yaxis=_reward_axis([*raw, *means]),
    )


def _reward_axis(values: Sequence[float]) -> dict[str, Any]:
    """Scores of 0..1 are drawn on 0..1, so that a small rise looks small; other scales fit themselves."""
    inside = all(0 <= value <= 1 for value in values)
    return {"range": [-0.02, 1.02], "tickformat": ".1f"} if inside else {"rangemode": "tozero"}


def criteria_curves(points: Sequence[Point], *, total_steps: int) -> Figure:
    """The mean of every grader and criterion by name: training smoothed, validation with markers."""
    names = list(dict.fromkeys(name for point in points for name in (point.get("scores") or {})))
    names += [name for point in points for name in (point.get("valid_scores") or {}) if name not in names]
    window = smoothing_window(total_steps)
    traces: list[dict[str, Any]] = []
    for number, name in enumerate(dict.fromkeys(names)):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[(number // len(COLOURS) + 1) % len(DASHES)]
        train = [(point["step"], (point.get("scores") or {}).get(name)) for point in points if point.get("scores")]
        valid = [
            (point["step"], point["valid_scores"].get(name)) for point in points if (point.get("valid_scores") or {})
        ]
        traces.append(
            line(
                f"{name}, training",
                [step for step, _ in train],
                smoothed([value for _, value in train], window),
                colour=colour,
                dash=dash,
                width=1.5,
                legendgroup=name,
                meta=TRAIN,
            )
        )
        traces.append(
            line(
                f"{name}, validation",
                [step for step, _ in valid],
                [value for _, value in valid],
                colour=colour,
                width=2.5,
                markers=MARKERS[number % len(MARKERS)],
                legendgroup=name,
                meta=VALID,
            )
        )
    return figure(
        traces,
        x="step",
        y="mean score",
        height=300,
        xaxis=step_axis(-0.5, max(total_steps, 1) + 0.5),
        yaxis=_reward_axis([value for trace in traces for value in trace["y"] if value is not None]),
    )


def time_split(points: Sequence[Point]) -> Figure:
    """Where each step's seconds went, stacked."""
    timed = [point for point in points if point.get("timing")]
    traces = [
        {
            "type": "bar",
            "name": label,
            "x": [point["step"] for point in timed],
            "y": [point["timing"].get(part) for point in timed],
            "marker": {"color": colour, "pattern": {"shape": shape, "solidity": 0.3}},
            "hovertemplate": "%{y:.2~f} s<extra>" + label + "</extra>",
        }
        for part, label, colour, shape in TIME_PARTS
    ]
    return figure(traces, x="step", y="seconds", height=300, barmode="stack", bargap=0.1, hovermode="x unified")


def signal_curves(points: Sequence[Point], wanted: Sequence[tuple[str, str]], *, y: str = "", **axis: Any) -> Figure:
    """A few of a step's own figures. wanted: (name in the metrics, label) pairs; those never reported are left out."""
    traces = []
    for number, (name, label) in enumerate(wanted):
        found = [(point["step"], point[name]) for point in points if point.get(name) is not None]
        if found:
            steps, values = [step for step, _ in found], [value for _, value in found]
            colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
            traces.append(line(label, steps, values, colour=colour, dash=dash, width=1.75))
    return figure(traces, x="step", y=y, height=240, showlegend=True, yaxis=axis)  # also where there is one line only


def evidence_curve(
    points: Sequence[Point], lines: Sequence[tuple[str, str]], *, since: int, limit: float | None
) -> Figure:
    """What a finding about a training rests on: its figures by step, the steps looked at marked, the limit dotted.

    lines: (name in the metrics, label) pairs. A validation reward, known at few steps only, gets markers of its own.
    """
    traces: list[dict[str, Any]] = []
    marked: list[tuple[int, float]] = []
    for number, (name, label) in enumerate(lines):
        found = [(point["step"], point[name]) for point in points if point.get(name) is not None]
        if not found:
            continue
        few = name == "valid_reward_mean"
        more: dict[str, Any] = {"width": 2.5, "markers": MARKERS[number]} if few else {"width": 1.5}
        steps, values = [step for step, _ in found], [value for _, value in found]
        traces.append(line(label, steps, values, colour=COLOURS[number], dash=DASHES[number], **more))
        if not few:
            marked += [(step, value) for step, value in found if step >= since > 0]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "the steps this rests on",
            "x": [step for step, _ in marked],
            "y": [value for _, value in marked],
            "marker": {"color": COLOURS[0], "symbol": "circle-open", "size": 8},
            "hoverinfo": "skip",
            "hovertemplate": None,
            "meta": {"live": "replace", "table": False},
        }
    )
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": limit, "y1": limit}
    shapes = [across | {"line": {"color": "--bad", "dash": "dot", "width": 1.5}}] if limit is not None else []
    return figure(traces, x="step", height=180, shapes=shapes, yaxis={"rangemode": "tozero"})


def score_histogram(scores: Sequence[float]) -> Figure:
    """How many scores lie in each tenth of 0..1; what lies outside is counted at its end."""
    counts = [0] * 10
    for score in scores:
        counts[max(0, min(9, int(score * 10 + 1e-9)))] += 1
    trace = {
        "type": "bar",
        "name": "answers",
        "x": [f"{place / 10:.1f} to {(place + 1) / 10:.1f}" for place in range(10)],
        "y": counts,
        "marker": {"color": "--chart-1"},
        "hovertemplate": "%{y} answers from %{x}<extra></extra>",
    }
    return figure(
        [trace], x="score", y="answers", height=220, bargap=0.05, yaxis={"rangemode": "tozero", "dtick": _tick(counts)}
    )


def _tick(counts: Sequence[int]) -> int:
    """A whole step between the lines: there are no half answers."""
    return max(1, -(-max(counts, default=0) // 5))
