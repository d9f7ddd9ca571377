"""The table of a workspace's trainings."""

import re

import pytest

from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.factories import make_taskset
from tests.runs.made import run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(workspace):
    return f"/w/{workspace.slug}/runs/"


def test_who_may(url, as_alice, as_vera, as_charlie, client):
    assert as_vera.get(url).status_code == 200
    assert as_charlie.get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert as_alice.post(url).status_code == 405
    assert as_alice.get("/w/nowhere/runs/").status_code == 404


def test_empty_says_what_to_do(url, as_bob, as_vera, workspace):
    assert "Go to the task sets" in as_bob.get(url).text
    assert "Go to the task sets" not in as_vera.get(url).text
    taskset = make_taskset(workspace=workspace)
    assert f"/tasksets/{taskset.pk}/launch/" in as_bob.get(url).text


def test_rewards_status_and_filters(url, workspace, bob, as_bob):
    running = run_at(10, workspace=workspace, by=bob)
    done = run_at(5, workspace=workspace, status=Status.SUCCEEDED)
    page = as_bob.get(url)
    rows = {run.pk: run for run in page.context["page"]}
    assert rows[running.pk].best == pytest.approx(0.35)
    assert rows[running.pk].before == pytest.approx(0.1)
    assert "step 10 of 20" in page.text
    assert 'hx-trigger="every 4s"' in page.text
    only = as_bob.get(f"{url}?status=succeeded")
    assert [run.pk for run in only.context["page"]] == [done.pk]
    assert "every 4s" not in only.text
    assert "None of the trainings" in as_bob.get(f"{url}?status=failed").text
    assert len(as_bob.get(f"{url}?taskset={done.taskset.pk}").context["page"]) == 1
    assert as_bob.get(f"{url}?status=%00&taskset=x&page=zzz").status_code == 200
    part = as_bob.get(url, headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert 'id="rows"' in part


def test_a_page_of_runs_costs_few_queries(url, workspace, as_bob, django_assert_max_num_queries):
    for _ in range(3):
        run_at(5, workspace=workspace)
    with django_assert_max_num_queries(16):
        as_bob.get(url)


def test_search_and_every_filter(url, workspace, bob, as_vera):
    first = run_at(5, workspace=workspace)
    second = run_at(5, workspace=workspace, taskset=make_taskset(workspace=workspace, name="Letters", published=True))
    Run.objects.filter(pk=second.pk).update(name="slow and steady", preset="balanced")
    page = as_vera.get(url)
    assert all(f'id="{name}"' in page.text for name in ("q", "status", "taskset", "grader", "preset"))

    def found(query):
        return [run.pk for run in as_vera.get(f"{url}?{query}").context["page"]]

    assert found("q=STEADY+slow") == [second.pk]
    assert found("q=letters") == [second.pk]
    assert found(f"q={first.pk}") == [first.pk]
    assert found("q=nothing%00") == []
    assert found("preset=balanced") == [second.pk]
    assert found(f"grader={first.grader_version.grader_id}") == [first.pk]
    assert found(f"taskset={second.taskset.pk}&preset=quick") == []
    assert found("grader=" + "9" * 40) == [second.pk, first.pk]
    assert "Show all" in as_vera.get(f"{url}?q=letters").text


def test_best_gain_and_sparkline(url, workspace, as_vera):
    run = run_at(10, workspace=workspace)
    page = as_vera.get(url)
    (row,) = page.context["page"]
    assert row.curve == pytest.approx([0.1, 0.225, 0.35])
    assert row.gain == pytest.approx(0.25)
    assert "+0.25" in page.text
    assert 'aria-label="Validation reward: 0.10, 0.23, 0.35"' in page.text
    run.checkpoints.all().delete()
    assert "sparkline" not in as_vera.get(url).text


def test_ticks_live_in_the_address_and_go_to_the_comparison(url, workspace, as_vera):
    runs = [run_at(1, workspace=workspace) for _ in range(3)]
    text = as_vera.get(f"{url}?run={runs[0].pk}&run=77777&run=x").text
    boxes = re.findall(r'<input[^>]+type="checkbox"[^>]*>', text)
    assert [f'value="{run.pk}"' in box for run, box in zip(reversed(runs), boxes, strict=True)] == [True] * 3
    assert [" checked" in box for box in boxes] == [False, False, True]
    assert all('form="compare"' in box for box in boxes)
    assert '<input type="hidden" name="run" value="77777" form="compare">' in text
    assert f'id="compare" method="get" action="/w/{workspace.slug}/runs/compare/"' in text
    part = as_vera.get(f"{url}?run={runs[1].pk}", headers={"HX-Request": "true"}).text
    assert part.count(" checked") == 1
    assert 'hx-get="?"' in part  # the ticks come from the boxes, not from the address


def test_pages(url, workspace, as_vera, monkeypatch):
    monkeypatch.setattr("rftstudio.runs.views.listing.PAGE", 2)
    runs = [run_at(0, workspace=workspace) for _ in range(3)]
    text = as_vera.get(f"{url}?run={runs[0].pk}").text
    assert f"?run={runs[0].pk}&amp;page=2" in text
    second = as_vera.get(f"{url}?run={runs[0].pk}&page=2")
    assert [run.pk for run in second.context["page"]] == [runs[0].pk]
