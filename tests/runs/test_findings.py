"""The run doctor's findings on the page: in words, drawn, and kept live."""

import json
import re

import pytest

from rftstudio.runs import curves
from tests.runs.made import event, metrics, run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(workspace, bob):
    return run_at(7, workspace=workspace, by=bob)


def report(run, first, last, **more):
    rows = [event(100 + step, "metrics", metrics(step, **more), f"Step {step}") for step in range(first, last + 1)]
    run.ingest("events", rows)


def test_a_training_that_does_well_has_none(run, as_bob):
    report(run, 8, 17)
    assert "finding" not in as_bob.get(f"/runs/{run.pk}/status/").text


def test_a_finding_appears_in_words_and_drawn(run, as_bob, as_charlie):
    report(run, 8, 17, train_reward_mean=0.0, frac_reward_zero_std=1.0)
    text = as_bob.get(f"/runs/{run.pk}/status/").text
    assert "No answer has earned anything" in text
    assert "Mean reward 0.00 over the last 8 steps." in text
    assert "worked examples" in text
    assert "All answers" not in text
    assert "note-bad" in text
    assert 'href="/manual/training/"' in text
    drawn = json.loads(re.search(r'<script id="evidence-all_zero"[^>]*>(.*?)</script>', text)[1])
    assert drawn["data"][0]["x"] == list(range(1, 18))
    assert drawn["data"][-1]["x"] == list(range(10, 18)), "the steps that it rests on"
    assert drawn["layout"]["shapes"][0]["y0"] == 0.001
    assert 'data-figure="finding-all_zero"' in text
    assert as_charlie.get(f"/runs/{run.pk}/status/").status_code == 404


def test_its_drawing_takes_new_points(run, as_bob):
    report(run, 8, 17, train_reward_mean=0.0, frac_reward_zero_std=1.0)
    url = f"/runs/{run.pk}/points/?since=15&charts=reward,finding-all_zero,finding-copies,finding-nonsense"
    news = as_bob.get(url).json()["charts"]
    assert set(news) == {"reward", "finding-all_zero"}
    assert news["finding-all_zero"]["extend"]["0"]["x"] == [16, 17]
    assert news["finding-all_zero"]["replace"]["1"]["x"] == list(range(10, 18))


def test_validation_has_markers_of_its_own_and_nothing_is_drawn_by_colour_alone(run):
    report(run, 8, 17, train_reward_mean=0.99)
    points = curves.points_of(run)
    (solved,) = curves.findings(run, points)
    figure = curves.evidence(solved, points)
    training, validation, rests = figure["data"]
    assert training["mode"] == "lines"
    assert validation["mode"] == "lines+markers"
    assert training["line"]["dash"] != validation["line"]["dash"]
    assert rests["meta"] == {"live": "replace", "table": False}
    json.dumps(figure, allow_nan=False)


def test_an_event_says_when_it_was_found(run, as_bob):
    data = {"step": 7, "name": "truncated", "level": "warn", "action": "Allow longer answers."}
    run.ingest("events", [event(60, "finding", data, "Most answers are cut off.", "warn")])
    text = as_bob.get(f"/runs/{run.pk}/?tab=events").text
    assert "Most answers are cut off." in text
    assert "warning" in text
