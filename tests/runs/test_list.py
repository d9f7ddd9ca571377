"""The table of a workspace's trainings."""

import pytest

from rftstudio.runs.jobs import Status
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
    from tests.factories import make_taskset

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
    with django_assert_max_num_queries(13):
        as_bob.get(url)
