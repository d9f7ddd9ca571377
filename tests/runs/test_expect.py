"""Expected times: from a timing record, asked for once, never measured beside a running job."""

import pytest
from django.utils import timezone

from rftstudio.engine.estimate import Timing
from rftstudio.runs import queue
from rftstudio.runs.expect import outlook_of
from tests.factories import make_base_model, make_run, make_taskset
from tests.runs.made import run_at

pytestmark = pytest.mark.django_db
RECORD = Timing(1.0, 0.001, 0.02, 0.002, 0.003).to_json()


@pytest.fixture
def woken(monkeypatch):
    names = []
    monkeypatch.setattr(queue, "wake", lambda name, arguments=None, after=0: names.append(name))
    return names


@pytest.fixture
def taskset(workspace):
    return make_taskset(workspace=workspace)


def timed(model):
    model.timing = {"record": RECORD, "timed_at": "2026-11-01T00:00:00+00:00"}
    model.save()
    return model


def look(taskset, model, preset="quick", **settings):
    return outlook_of(taskset=taskset, model=model, preset=preset, settings=settings)


def test_every_preset_and_the_chosen_one(taskset):
    outlook = look(taskset, timed(make_base_model()), steps=160)
    assert outlook.state == "timed"
    assert outlook.seconds["quick"] < outlook.seconds["balanced"] < outlook.seconds["thorough"]
    assert outlook.chosen > 1.5 * outlook.seconds["quick"]


def test_a_wrong_setting_leaves_only_the_chosen_time_open(taskset):
    outlook = look(taskset, timed(make_base_model()), group_size=5)
    assert outlook.chosen is None
    assert outlook.seconds["quick"] > 0


def test_asked_for_once(taskset, woken):
    model = make_base_model()
    assert look(taskset, model).state == "timing"
    model.refresh_from_db()
    assert look(taskset, model).state == "timing"
    assert woken == ["runs.time_model"]


def test_not_measured_beside_a_running_job(workspace, woken):
    run = run_at(1, workspace=workspace)
    assert look(run.taskset, run.base_model).state == "busy"
    assert look(run.taskset, run.base_model).state == "busy"
    assert run.base_model.timing == {"waits": True}, "measured once it has ended, whether or not a page is open"
    assert woken == []


def test_not_measured_beside_another_or_before_a_job_that_waits(taskset, workspace, woken):
    now = timezone.now().isoformat()
    other = make_base_model(name="Another")
    other.timing = {"asked_at": now, "beat_at": now}
    other.save()
    assert look(taskset, make_base_model()).state == "busy"
    other.delete()
    make_run(workspace=workspace, taskset=taskset, base_model=make_base_model(name="A third"))
    assert look(taskset, make_base_model(name="A fourth")).state == "busy"
    assert woken == []


def test_unknown_and_none(taskset):
    model = make_base_model()
    model.timing = {"asked_at": "2999-01-01T00:00:00+00:00", "error": "no"}
    model.save()
    model.timing["asked_at"] = "2999-01-01T00:00:00+00:00"
    assert look(taskset, model).state == "unknown"
    assert look(taskset, None).state == "none"
    model.location = "/nowhere"
    assert look(taskset, model).state == "none"


def test_answers_are_taken_to_be_as_long_as_last_time(workspace):
    run = run_at(3, workspace=workspace)
    model = timed(run.base_model)
    short = look(run.taskset, model, preset="thorough").seconds["thorough"]
    for event in run.events.filter(type="metrics"):
        event.data["completion_length_mean"] = 200.0
        event.save()
    assert look(run.taskset, model, preset="thorough").seconds["thorough"] > short


def test_a_launched_run_remembers_what_was_expected(workspace, taskset):
    run = make_run(workspace=workspace, taskset=taskset, base_model=timed(make_base_model()))
    assert run.expected_seconds == pytest.approx(look(taskset, run.base_model).seconds["quick"], rel=0.3)


def test_the_page_shows_and_updates_them(taskset, as_bob, woken):
    from rftstudio.graders.actions import create_grader

    create_grader(taskset=taskset, by=None)
    model = make_base_model()
    url = f"/tasksets/{taskset.pk}/launch/"
    page = as_bob.get(url).text
    assert "one step of a training is being timed on this machine" in page
    assert 'hx-trigger="every 3s"' in page
    timed(model)
    sent = {"base_model": model.pk, "preset": "quick", "steps": "40"}
    part = as_bob.get(f"{url}outlook/", sent, headers={"HX-Request": "true"}).text
    assert "expected on this machine, by one step timed" in part
    assert 'id="expected-thorough" hx-swap-oob="true"' in part
    assert "every 3s" not in part
    wrong = as_bob.get(f"{url}outlook/", {**sent, "steps": "many"}, headers={"HX-Request": "true"})
    assert wrong.status_code == 200


def test_the_page_says_when_the_times_will_be_known(workspace, as_bob, woken):
    run = run_at(1, workspace=workspace)
    page = as_bob.get(f"/tasksets/{run.taskset.pk}/launch/").text
    assert "As soon as nothing does, one step is timed" in page
    assert "told when nothing else runs" in page
    timed(run.base_model)
    run.base_model.timing["steps"] = 40
    run.base_model.save()
    assert "by the 40 steps of the last training" in as_bob.get(f"/tasksets/{run.taskset.pk}/launch/").text
