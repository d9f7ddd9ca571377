"""A task set's comparisons."""

import pytest
from django.urls import reverse

from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.evaluations.build import LABELS, make_comparison, make_tuned_run
from tests.factories import make_run, make_taskset


@pytest.fixture
def run(workspace, alice):
    return make_tuned_run(workspace=workspace, by=alice)


def address(run):
    return reverse("evaluations:list", args=[run.taskset_version.taskset_id])


def test_each_with_its_headline(as_vera, run):
    done = make_comparison(run=run, base=["x"] * 8, tuned=LABELS * 2)
    waiting = create_comparison(run=run)
    page = as_vera.get(address(run)).content.decode()
    assert reverse("evaluations:detail", args=[done.pk]) in page
    assert reverse("evaluations:detail", args=[waiting.pk]) in page
    assert "+1.00 [0.26, 1.00]" in page
    assert "0 of 64 answers" in page


def test_it_follows_what_is_open_and_then_stops(as_vera, run):
    comparison = create_comparison(run=run)
    page = as_vera.get(address(run)).text
    assert 'hx-get="?" hx-trigger="every 4s"' in page
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.RUNNING, progress={"done": 9, "total": 64})
    asked = {"HX-Request": "true", "HX-Target": "rows"}
    rows = as_vera.get(address(run), headers=asked).text
    assert rows.strip().startswith('<div id="rows" hx-get="?" hx-trigger="every 4s"')
    assert "9 of 64 answers" in rows
    assert "<html" not in rows
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.CANCELLED)
    over = as_vera.get(address(run), headers=asked).text
    assert "no result" in over
    assert "hx-get" not in over


def test_a_stranger_finds_nothing(as_charlie, run):
    assert as_charlie.get(address(run)).status_code == 404


def test_a_bad_id(as_alice, db):
    assert as_alice.get(reverse("evaluations:list", args=[987654])).status_code == 404


def test_a_wrong_method(as_alice, run):
    assert as_alice.post(address(run)).status_code == 405


def test_empty_without_a_training(as_alice, workspace, alice):
    taskset = make_taskset(workspace=workspace, by=alice)
    page = as_alice.get(reverse("evaluations:list", args=[taskset.pk])).content.decode()
    assert "Launch a training" in page


def test_empty_while_training(as_alice, workspace, alice):
    run = make_run(workspace=workspace, by=alice)
    Run.objects.filter(pk=run.pk).update(status=Status.RUNNING)
    assert "Watch the training" in as_alice.get(address(run)).content.decode()


def test_empty_with_a_model_to_compare(as_bob, as_vera, run):
    offer = reverse("evaluations:compare", args=[run.pk])
    assert offer in as_bob.get(address(run)).content.decode()
    assert offer not in as_vera.get(address(run)).content.decode()
