"""The timed step: asked for once, one at a time, never beside a job, and put right by a real training's steps."""

import dataclasses
import json
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from rftstudio.engine.estimate import Timing, step_seconds, training_seconds
from rftstudio.engine.presets import TrainingSettings
from rftstudio.runs import pace, queue, timing
from rftstudio.runs.expect import workload_of_run
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.runs.tasks import look_after_errands, look_at_speeds, time_model
from tests.factories import make_base_model
from tests.runs.made import run_at

pytestmark = pytest.mark.django_db
RECORD = Timing(1.0, 0.001, 0.02, 0.002, 0.003).to_json()


@pytest.fixture
def model(db):
    return make_base_model()


@pytest.fixture
def woken(monkeypatch):
    names = []
    monkeypatch.setattr(queue, "wake", lambda name, arguments=None, after=0: names.append(name))
    return names


def measuring(monkeypatch, code):
    """What stands for the engine: a Python program that finds where to write its figures in `sys.argv[1]`."""
    monkeypatch.setattr(timing, "command", lambda model, result: [sys.executable, "-c", code, str(result)])


def figures(monkeypatch):
    write = f"open(sys.argv[1], 'w').write({json.dumps(RECORD)!r})"
    measuring(monkeypatch, f"import os, sys; assert 'SECRET_KEY' not in os.environ; {write}")


def test_asked_for_once(model, woken):
    other = type(model).objects.get(pk=model.pk)
    assert timing.ask_for_timing(model=model)
    assert timing.ask_for_timing(model=other), "somebody else saw the row before it changed"
    model.refresh_from_db()
    assert timing.ask_for_timing(model=model), "it is being timed"
    assert woken == ["runs.time_model"]


def test_kept(model, monkeypatch):
    figures(monkeypatch)
    assert not time_model(model.pk), "nobody has asked"
    timing.ask_for_timing(model=model)
    assert time_model(model.pk)
    model.refresh_from_db()
    assert model.is_timed
    assert model.timing["record"] == RECORD
    assert not time_model(model.pk), "a message delivered twice times once"
    assert not time_model(99999)


def test_one_that_fails_says_why(model, monkeypatch):
    measuring(monkeypatch, "raise MemoryError('too big')")
    timing.ask_for_timing(model=model)
    assert not time_model(model.pk)
    model.refresh_from_db()
    assert not model.is_timed
    assert "too big" in model.timing["error"]
    assert not timing.ask_for_timing(model=model)


def test_it_waits_for_the_end_of_a_job(model, workspace, monkeypatch, woken):
    figures(monkeypatch)
    timing.ask_for_timing(model=model)
    run = run_at(1, workspace=workspace)
    assert not time_model(model.pk), "a training was launched before the worker came to it"
    model.refresh_from_db()
    assert model.timing == {"waits": True}
    look_after_errands()
    model.refresh_from_db()
    assert model.timing == {"waits": True}
    Run.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED, finished_at=timezone.now())
    look_after_errands()
    assert woken == ["runs.time_model", "runs.time_model"]
    assert time_model(model.pk)


def meanwhile(change, *, after=1.0):
    """Do something while a timing is being measured."""

    def do():
        time.sleep(after)
        change()
        connection.close()

    thread = threading.Thread(target=do)
    thread.start()
    return thread


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
@pytest.mark.django_db(transaction=True)
def test_it_gives_way_to_a_job_that_is_launched(workspace, monkeypatch, status):
    model = make_base_model()
    run = run_at(1, workspace=workspace, status=Status.PAUSED)
    measuring(monkeypatch, "import time; time.sleep(60)")
    timing.ask_for_timing(model=model)
    launched = meanwhile(lambda: Run.objects.filter(pk=run.pk).update(status=status))
    began = time.monotonic()
    assert not time_model(model.pk)
    assert time.monotonic() - began < 10
    launched.join()
    model.refresh_from_db()
    assert model.timing == {"waits": True}


@pytest.mark.django_db(transaction=True)
def test_it_ends_where_the_model_is_another_one_now(monkeypatch):
    model = make_base_model()
    measuring(monkeypatch, "import time; time.sleep(60)")
    timing.ask_for_timing(model=model)
    read_anew = meanwhile(lambda: type(model).objects.filter(pk=model.pk).update(timing={}))
    began = time.monotonic()
    assert not time_model(model.pk)
    assert time.monotonic() - began < 10
    read_anew.join()
    model.refresh_from_db()
    assert model.timing == {}


@pytest.mark.django_db(transaction=True)
def test_signs_of_life_while_it_is_measured(monkeypatch):
    model = make_base_model()
    monkeypatch.setattr(timing, "LOOK_S", 0.05)
    monkeypatch.setattr(timing, "BEAT", timedelta(seconds=0.2))
    measuring(monkeypatch, f"import sys, time; time.sleep(2); open(sys.argv[1], 'w').write({json.dumps(RECORD)!r})")
    timing.ask_for_timing(model=model)
    seen = []

    def look():
        for _ in range(2):
            seen.append(type(model).objects.get(pk=model.pk).timing["beat_at"])
            time.sleep(0.5)

    looked = meanwhile(look, after=0.5)
    assert time_model(model.pk)
    looked.join()
    assert seen[0] < seen[1]


# One at a time ----------------------------------------------------------------------------------------------------


def measured(model, *, ago=timedelta(0)):
    """A worker measures it, and gave its last sign of life so long ago."""
    at = (timezone.now() - ago).isoformat()
    model.timing = {"asked_at": at, "beat_at": at}
    model.save()
    return model


def test_a_model_waits_while_another_is_measured(model, monkeypatch, woken):
    figures(monkeypatch)
    other = make_base_model(name="Another")
    assert timing.ask_for_timing(model=other)
    measured(model)
    assert not time_model(other.pk), "both were asked for before a worker came to one of them"
    third = make_base_model(name="A third")
    assert not timing.ask_for_timing(model=third)
    for one in (other, third):
        one.refresh_from_db()
        assert one.timing == {"waits": True}
    del woken[:]
    look_after_errands()
    assert woken == [], "it is still being measured"
    type(model).objects.filter(pk=model.pk).update(timing={"asked_at": timezone.now().isoformat()})
    assert time_model(model.pk)
    assert woken == ["runs.time_model"], "the next one, and not all of them at once"
    other.refresh_from_db()
    assert set(other.timing) == {"asked_at"}


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_measure_at_once(monkeypatch, tmp_path, woken):
    models = [make_base_model(name=name) for name in ("One", "Two")]
    alone = f"os.mkdir({str(tmp_path / 'measuring')!r}); time.sleep(2); os.rmdir({str(tmp_path / 'measuring')!r})"
    write = f"open(sys.argv[1], 'w').write({json.dumps(RECORD)!r})"
    measuring(monkeypatch, f"import os, sys, time; {alone}; {write}")
    for model in models:
        model.timing = {"asked_at": timezone.now().isoformat()}
        model.save()
    second = meanwhile(lambda: timing.time_model(model=models[1]), after=0.5)
    assert timing.time_model(model=models[0])
    second.join()
    models[1].refresh_from_db()
    assert models[1].timing == {"waits": True}


def test_time_it_again_joins_one_that_is_under_way(model, monkeypatch, woken):
    figures(monkeypatch)
    before = measured(model).timing
    assert timing.time_again(model=model)
    assert not time_model(model.pk), "a message delivered twice, or two that were sent"
    model.refresh_from_db()
    assert model.timing == before
    assert woken == []


def test_one_whose_worker_died_is_measured_anew(model, monkeypatch, woken):
    figures(monkeypatch)
    measured(model, ago=timing.STALE / 2)
    look_after_errands()
    assert woken == []
    measured(model, ago=2 * timing.STALE)
    look_after_errands()
    assert woken == ["runs.time_model"]
    assert time_model(model.pk)


def test_time_again_is_for_owners(model, workspace, as_alice, as_bob, as_charlie):
    url = f"/w/{workspace.slug}/models/{model.pk}/time/"
    assert as_bob.post(url).status_code == 403
    assert as_charlie.post(url).status_code == 404
    assert as_alice.get(url).status_code == 405
    model.timing = {"record": RECORD, "timed_at": "2026-01-01T00:00:00+00:00"}
    model.save()
    assert as_alice.post(url).status_code == 302
    model.refresh_from_db()
    assert set(model.timing) == {"asked_at"}
    assert as_alice.post(f"/w/{workspace.slug}/models/999/time/").status_code == 404
    run_at(1, workspace=workspace)
    assert "is timed when nothing does any more" in as_alice.post(url, follow=True).text


# What a real training teaches -----------------------------------------------------------------------------------


def finished(workspace, *, steps=10, timed_at="2026-01-01T00:00:00+00:00"):
    run = run_at(steps, workspace=workspace, status=Status.SUCCEEDED)
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now())
    run.base_model.timing = {"record": RECORD, "timed_at": timed_at}
    run.base_model.save()
    return run


def reported(run, *, spread, steps=10, **seconds):
    """The first steps had so large a share of groups with a spread, and took so long."""
    for event in run.events.filter(type="metrics", step__gt=0, step__lte=steps):
        event.data["timing"] |= seconds
        event.data["frac_reward_zero_std"] = round(1.0 - spread, 6)
        event.save()


def learned(run):
    """What its base model's timing has become, and what it was."""
    assert pace.learn_paces() == [run]
    run.base_model.refresh_from_db()
    return Timing.from_json(run.base_model.timing["record"]), Timing.from_json(RECORD)


def test_its_steps_correct_an_old_timing(workspace):
    run = finished(workspace)
    reported(run, spread=1.0, sampling=6.0, training=3.0)
    assert look_at_speeds()["taught"] == 1
    model = run.base_model
    model.refresh_from_db()
    assert model.timing["steps"] == 10
    seen, timed = Timing.from_json(model.timing["record"]), Timing.from_json(RECORD)
    assert seen.decode_row_s / timed.decode_row_s == pytest.approx(seen.prefill_token_s / timed.prefill_token_s)
    settings = TrainingSettings.read(run.settings)
    work = workload_of_run(run, answer_tokens=4.0)
    assert step_seconds(seen, work, settings) == pytest.approx((6.0, 3.0))
    assert step_seconds(timed, work, settings) != pytest.approx((6.0, 3.0))
    assert look_at_speeds()["taught"] == 0, "it has taught what it can"


def test_a_later_timing_and_a_few_steps_stay_as_they_are(workspace):
    run = finished(workspace, timed_at="2999-01-01T00:00:00+00:00")
    assert pace.learn_paces() == []
    run.events.filter(step__gt=pace.ENOUGH - 1).delete()
    run.base_model.timing["timed_at"] = "2026-01-01T00:00:00+00:00"
    run.base_model.save()
    assert pace.learn_paces() == []


def test_groups_without_a_spread_took_no_time_to_learn_from(workspace):
    run = finished(workspace)
    settings = TrainingSettings.read(run.settings)
    twice = dataclasses.replace(Timing.from_json(RECORD), train_token_s=2 * RECORD["train_token_s"])
    took = training_seconds(twice, workload_of_run(run, answer_tokens=4.0), settings, with_spread=0.5)
    reported(run, spread=0.5, sampling=6.0, training=took)
    reported(run, spread=0.25, steps=4, training=took / 9)
    seen, _ = learned(run)
    assert seen.train_token_s == pytest.approx(twice.train_token_s), "on which the times of SFT rest as well"


@pytest.mark.parametrize(("spread", "training"), [(0.0, 0.01), (0.25, 0.01), (1.0, 0.0)])
def test_steps_that_learned_next_to_nothing_do_not_tell_what_learning_costs(workspace, spread, training):
    run = finished(workspace)
    reported(run, spread=spread, sampling=6.0, training=training)
    seen, timed = learned(run)
    assert seen.train_token_s == timed.train_token_s
    assert seen.decode_row_s != timed.decode_row_s


def test_a_few_steps_with_a_spread_do_not_tell_it_either(workspace):
    run = finished(workspace)
    reported(run, spread=0.0, training=0.01)
    reported(run, spread=1.0, steps=pace.ENOUGH - 1, training=3.0)
    seen, timed = learned(run)
    assert seen.train_token_s == timed.train_token_s
