"""Jobs that really run: supervisors and children as processes over the test's own database."""

import json
import os
import signal
import time

import psutil
import pytest
from django.conf import settings
from django.db import connection

from rftstudio.runs import queue
from tests.factories import make_run


@pytest.fixture
def processes(transactional_db, monkeypatch):
    """Lets `spawn` start supervisors that know the test's database; ends everything they started."""
    if connection.vendor == "sqlite":
        url = f"sqlite:///{connection.settings_dict['NAME']}"
    else:
        values = connection.settings_dict
        url = f"postgres://{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.runs.child_settings")
    monkeypatch.setenv("DATA_DIR", str(settings.DATA_DIR))
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("BROKER_URL", "memory://")
    monkeypatch.setattr(settings, "JOB_STALE_SECONDS", 4)
    yield
    for process in started():
        process.kill()


def started(word: str = "") -> list[psutil.Process]:
    """Supervisors and children of this test's data directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            ours = str(settings.DATA_DIR) in words or process.environ().get("DATA_DIR") == str(settings.DATA_DIR)
        except psutil.Error:
            continue
        of_a_job = any(name in words for name in ("supervise", "counting_job", "rftstudio.engine"))
        if ours and process.pid != os.getpid() and word in words and of_a_job:
            found.append(process)
    return found


@pytest.fixture
def launch(processes, workspace):
    """Queue a counting job: `launch(steps=…, crash_at=…)`. See `counting_job.py`."""

    def _launch(**counting):
        run = make_run(workspace=workspace)
        path = run.directory / "job.json"
        job = json.loads(path.read_text())
        job["settings"] = {"steps": 40, "step_seconds": 0.02, **counting}
        path.write_text(json.dumps(job))
        return run

    return _launch


@pytest.fixture
def until():
    """Wait for something: `until(lambda: …)`; with `looking_round`, the periodic task runs meanwhile."""

    def _until(condition, seconds=45, looking_round=False):
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"nothing came of it in {seconds} s"
            if looking_round:
                queue.take_over_lost()
                queue.start_waiting()
            time.sleep(0.1)
        return found

    return _until


@pytest.fixture
def kill():
    def _kill(process):
        process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], timeout=5)

    return _kill
