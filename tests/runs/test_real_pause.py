"""The engine itself paused under a supervisor and resumed, on a model small enough for a test."""

import pytest

from rftstudio.registry.actions import register_local
from rftstudio.runs import actions
from rftstudio.runs.jobs import Status
from rftstudio.runs.tasks import start_job
from tests.factories import make_run, make_taskset
from tests.runs.conftest import started
from tests.runs.test_supervisor import ended, paused

pytestmark = [pytest.mark.slow, pytest.mark.training]
SETTINGS = {"steps": 300, "eval_interval": 100, "batch_size": 8, "group_size": 4, "max_completion_length": 4}


def test_a_training_is_paused_resumed_and_whole(processes, workspace, until, monkeypatch, tmp_path):
    from tests.engine.tiny import save_tiny_model

    monkeypatch.setenv("RFT_TEST_ENGINE", "real")
    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny"))
    taskset = make_taskset(workspace=workspace, published=True, worked_examples=[], instructions="answer with one word")
    run = make_run(workspace=workspace, taskset=taskset, base_model=model, settings=SETTINGS)
    assert start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics", step__gte=2).exists(), seconds=200)
    actions.pause_run(run=run, by=None)
    until(lambda: paused(run), seconds=120)
    until(lambda: not started(), seconds=60)
    assert run.result["status"] == "paused"
    done = run.progress["done"]
    assert 2 <= done < 300
    actions.resume_run(run=run, by=None)
    assert start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics", step__gt=done).exists() or ended(run), seconds=200)
    assert run.events.filter(message=f"Going on after step {done}.").exists()
    actions.cancel_run(run=run, by=None)
    until(lambda: ended(run), seconds=120)
    assert run.status == Status.CANCELLED
    steps = list(run.events.filter(type="metrics").order_by("seq").values_list("step", flat=True))
    assert steps == list(range(len(steps)))
