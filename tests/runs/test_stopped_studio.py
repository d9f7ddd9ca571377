"""`./studio up` stopped with Ctrl-C while a training runs: it says that the training goes on, and it does."""

import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings

from rftstudio.registry.actions import register_local
from rftstudio.runs.jobs import Status
from tests.factories import make_run, make_taskset
from tests.runs.conftest import started
from tests.runs.household import free_port
from tests.runs.test_supervisor import ended

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.timeout(600)]
STEPS = 400  # so many that they outlast the stop
UP = """
from rftstudio.command.place import Place
from rftstudio.command.processes import look_after
from rftstudio.command.up import services
place = Place()
look_after(place, services(place, debug=False), lambda: "ready")
"""


@pytest.fixture
def studio(processes, monkeypatch, tmp_path):
    """The processes of `./studio up`, without what it does to the database before."""
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.delenv("BROKER_URL")
    shown = tmp_path / "shown"
    with shown.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", UP], cwd=settings.BASE_DIR, stdout=output, stderr=output, env=dict(os.environ)
        )
    yield process, shown
    if process.poll() is None:
        process.terminate()
        process.wait(30)


def test_trainings_go_on(studio, workspace, until, tmp_path):
    from tests.engine.tiny import save_tiny_model

    process, shown = studio
    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny"))
    taskset = make_taskset(workspace=workspace, published=True, worked_examples=[], instructions="answer with one word")
    steps = {"steps": STEPS, "eval_interval": 100, "batch_size": 8, "group_size": 4, "max_completion_length": 4}
    run = make_run(workspace=workspace, taskset=taskset, base_model=model, settings=steps)
    until(lambda: run.events.filter(type="metrics", step__gte=1).exists(), seconds=250)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    told = shown.read_text()
    # Counted within a second, hundreds of steps before the training ends.
    assert "1 training or comparison goes on in the background; `./studio up` shows how far they are." in told
    assert "Stopped. Everything is kept in" in told
    until(lambda: ended(run), seconds=250)
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert [one.step for one in run.events.filter(type="metrics").order_by("seq")] == list(range(STEPS + 1))
    assert run.events.filter(type="started").count() == 1
    until(lambda: not started(), seconds=60)
