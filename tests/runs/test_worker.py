"""A real worker on a real broker, killed in the middle: the run does not notice."""

import os
import signal
import subprocess
import sys
import time

import pytest
from celery import current_app
from django.conf import settings

from rftstudio.lib.broker import find_broker
from rftstudio.runs.jobs import Status
from tests.runs.conftest import started
from tests.runs.test_recovery import assert_whole
from tests.runs.test_supervisor import ended

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(tmp_path):
    """The address of a broker of this test's own."""
    found = find_broker(tmp_path)
    if not found.command or found.socket is None:
        pytest.skip("no broker server on this machine")
    server = subprocess.Popen(found.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while not found.socket.exists() and time.monotonic() < end:
        time.sleep(0.05)
    yield found.url
    server.kill()
    server.wait()


@pytest.fixture
def worker(broker, processes, tmp_path):
    """A worker with beat, in a session of its own."""
    log = (tmp_path / "worker.log").open("wb")
    schedule = f"--schedule={tmp_path / 'beat'}"
    command = [sys.executable, "-m", "celery", "-A", "rftstudio", "worker", "-B", schedule, "-c", "1", "-P", "prefork"]
    env = {**os.environ, "BROKER_URL": broker}
    process = subprocess.Popen(
        command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=settings.BASE_DIR
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def tasks_are_sent():
    """Tasks go to the broker instead of being run in place. (`monkeypatch` cannot put this setting back.)"""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = False
    yield
    current_app.conf.task_always_eager = before


def test_the_run_outlives_the_worker(worker, broker, launch, until, tasks_are_sent):
    run = launch(steps=150)
    with current_app.connection_for_write(url=broker) as connection:
        for _ in range(3):  # delivered more than once: started once
            current_app.send_task("runs.start_job", args=["runs", "run", run.pk], connection=connection)
    until(lambda: run.events.filter(type="metrics").count() > 3, seconds=90)
    (supervisor,) = started("supervise")
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert supervisor.is_running()
    until(lambda: ended(run))
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 150)
    assert run.events.filter(type="started").count() == 1


def test_a_lost_message_is_found_by_the_periodic_look(worker, launch, until):
    run = launch(steps=5)
    until(lambda: ended(run), seconds=90)
    assert run.status == Status.SUCCEEDED
