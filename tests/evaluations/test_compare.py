"""A comparison made by hand, again, and stopped."""

import pytest
from django.urls import reverse

from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.runs.jobs import Status
from tests.evaluations.build import make_tuned_run

GOOD = {"samples": "2", "temperature": "0.5", "max_completion_length": "16", "seed": "7"}


@pytest.fixture
def run(workspace, alice):
    return make_tuned_run(workspace=workspace, by=alice)


def at(name, pk):
    return reverse(f"evaluations:{name}", args=[pk])


def test_the_form_starts_from_the_runs_own_settings(as_bob, run):
    page = as_bob.get(at("compare", run.pk)).content.decode()
    assert f'value="{run.settings["max_completion_length"]}"' in page
    assert "8 test tasks" in page


def test_it_makes_one(as_bob, bob, run):
    response = as_bob.post(at("compare", run.pk), GOOD)
    made = Comparison.objects.get()
    assert response.url == at("detail", made.pk)
    given = {"samples": 2, "temperature": 0.5, "max_completion_length": 16}
    assert made.settings == {**given, "judge_tokens": 0, "judge_cost": 0.0}
    assert (made.seed, made.created_by, made.automatic) == (7, bob, False)


@pytest.mark.parametrize(
    ("name", "value"), [("samples", "0"), ("samples", "many"), ("temperature", "3"), ("seed", "-1"), ("seed", "")]
)
def test_a_wrong_value_is_shown_at_its_field_and_kept(as_bob, run, name, value):
    response = as_bob.post(at("compare", run.pk), {**GOOD, name: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [name]
    assert 'value="16"' in response.content.decode()
    assert not Comparison.objects.exists()


def test_what_cannot_be_compared_says_so(as_bob, run):
    run.taskset_version.items.filter(split="test").delete()
    response = as_bob.post(at("compare", run.pk), GOOD)
    assert response.status_code == 422
    assert "no test items" in response.content.decode()


@pytest.mark.parametrize("name", ["compare", "again", "cancel"])
def test_who_may(request, run, name):
    pk = run.pk if name == "compare" else create_comparison(run=run).pk
    before = Comparison.objects.count()
    for client, status in (("as_vera", 403), ("as_rita", 403), ("as_charlie", 404)):
        assert request.getfixturevalue(client).post(at(name, pk), GOOD).status_code == status
    assert request.getfixturevalue("as_alice").post(at(name, 987654), GOOD).status_code == 404
    assert Comparison.objects.count() == before


@pytest.mark.parametrize("name", ["again", "cancel"])
def test_a_wrong_method(as_alice, run, name):
    assert as_alice.get(at(name, create_comparison(run=run).pk)).status_code == 405


def test_again_makes_another(as_bob, run):
    old = create_comparison(run=run, settings={"samples": 3})
    Comparison.objects.filter(pk=old.pk).update(status=Status.FAILED)
    response = as_bob.post(at("again", old.pk))
    made = Comparison.objects.exclude(pk=old.pk).get()
    assert response.url == at("detail", made.pk)
    assert made.settings == old.settings


def test_again_says_why_not(as_bob, run):
    old = create_comparison(run=run)
    run.taskset_version.items.filter(split="test").delete()
    page = as_bob.post(at("again", old.pk), follow=True).content.decode()
    assert "no test items" in page
    assert Comparison.objects.count() == 1


def test_a_waiting_one_is_cancelled_at_once(as_bob, run):
    comparison = create_comparison(run=run)
    as_bob.post(at("cancel", comparison.pk))
    comparison.refresh_from_db()
    assert comparison.status == Status.CANCELLED


def test_a_running_one_is_asked_to_stop(as_bob, run):
    comparison = create_comparison(run=run)
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.RUNNING)
    as_bob.post(at("cancel", comparison.pk))
    comparison.refresh_from_db()
    assert (comparison.status, comparison.wish) == (Status.RUNNING, "cancel")


def test_one_that_is_over_cannot_be_stopped(as_bob, run):
    comparison = create_comparison(run=run)
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.FAILED)
    assert "over already" in as_bob.post(at("cancel", comparison.pk), follow=True).content.decode()
