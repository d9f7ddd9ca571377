"""Figures as dicts: what is in them, and what a page that has the beginning still lacks."""

import json

import pytest

from rftstudio.lib import charts
from tests.runs.made import metrics

POINTS = [metrics(step) for step in range(13)]


def trace(figure, name):
    return next(one for one in figure["data"] if one["name"] == name)


def test_reward_curve():
    figure = charts.reward_curve(POINTS, total_steps=20, best_step=10)
    json.dumps(figure, allow_nan=False)
    assert trace(figure, "training, each step")["x"] == list(range(1, 13))
    assert trace(figure, "validation")["x"] == [0, 5, 10]
    assert trace(figure, "validation")["line"]["width"] == 3
    assert trace(figure, "validation, 95 % high")["fill"] == "tonexty"
    star = trace(figure, "best checkpoint")
    assert (star["x"], star["y"]) == ([10], [pytest.approx(0.35)])
    assert figure["layout"]["yaxis"]["range"] == [-0.02, 1.02]


def test_a_point_knows_which_answers_lie_behind_it():
    figure = charts.reward_curve(POINTS, total_steps=20, best_step=10)
    phases = {one["name"]: one["meta"]["phase"] for one in figure["data"] if "meta" in one}
    assert {name for name, phase in phases.items() if phase == "valid"} == {"validation", "best checkpoint"}
    assert {name for name, phase in phases.items() if phase == "train"} == {"training, each step", "training, smoothed"}
    for one in charts.criteria_curves(POINTS, total_steps=20)["data"]:
        assert one["meta"]["phase"] == ("train" if one["name"].endswith("training") else "valid")


def test_few_steps_have_a_number_each():
    assert charts.reward_curve(POINTS[:4], total_steps=4)["layout"]["xaxis"]["dtick"] == 1
    assert "dtick" not in charts.reward_curve(POINTS, total_steps=20)["layout"]["xaxis"]


def test_scores_outside_0_to_1_choose_their_own_axis():
    figure = charts.reward_curve([metrics(1, train_reward_mean=-3.0)], total_steps=20)
    assert "range" not in figure["layout"]["yaxis"]


def test_series_differ_without_colour():
    figure = charts.criteria_curves(POINTS, total_steps=20)
    looks = {(one["line"]["dash"], (one.get("marker") or {}).get("symbol")) for one in figure["data"]}
    assert len(looks) >= 3
    assert [one["name"] for one in figure["data"]][:2] == ["desk, training", "desk, validation"]
    patterns = [one["marker"]["pattern"]["shape"] for one in charts.time_split(POINTS)["data"]]
    assert len(set(patterns)) == 4


def test_colours_are_tokens_only():
    text = json.dumps([charts.reward_curve(POINTS, total_steps=20), charts.time_split(POINTS)])
    assert "#" not in text
    assert "rgb" not in text


def test_smoothing_starts_unbiased_and_never_changes_what_was_drawn():
    assert charts.smoothed([0.4], 10) == [0.4]
    values = [0.1, 0.9, None, 0.5, 0.7]
    assert charts.smoothed(values, 5)[:3] == charts.smoothed(values[:3], 5)
    assert charts.smoothed(values, 5)[1] == charts.smoothed(values, 5)[2]
    assert charts.smoothed([None, 0.5], 5) == [None, 0.5]


def test_since_extends_to_the_whole():
    whole = charts.reward_curve(POINTS, total_steps=20, best_step=10)
    part = charts.reward_curve(POINTS[:7], total_steps=20, best_step=5)
    news = charts.since(whole, 6)
    for number, one in enumerate(part["data"]):
        if str(number) in news["replace"]:
            assert news["replace"][str(number)] == {"x": [10], "y": [pytest.approx(0.35)]}
            continue
        more = news["extend"].get(str(number), {"x": [], "y": []})
        assert one["x"] + more["x"] == whole["data"][number]["x"]
        assert one["y"] + more["y"] == whole["data"][number]["y"]


def test_signals_never_reported_are_left_out():
    figure = charts.signal_curves(POINTS, [("entropy", "entropy"), ("kl", "KL")])
    assert [one["name"] for one in figure["data"]] == ["entropy"]
    assert figure["layout"]["showlegend"], "one line alone has its name too"
