"""A broker that goes and comes back: what runs is not touched, what is launched meanwhile waits and starts later."""

import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.conf import settings

from rftstudio.lib.broker import find_broker
from rftstudio.runs import actions
from rftstudio.runs.jobs import Status
from tests.runs.conftest import started
from tests.runs.household import Household
from tests.runs.test_recovery import assert_whole
from tests.runs.test_supervisor import ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Server:
    """The broker, which can be killed and started again over the same files."""

    def __init__(self, folder) -> None:
        self.found = find_broker(folder)
        if not self.found.command or self.found.socket is None:
            pytest.skip("no broker server on this machine")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.found.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path)
    yield one
    one.kill()


@pytest.fixture
def household(server, processes, monkeypatch, tmp_path):
    monkeypatch.setenv("RFT_TEST_LOOK_SECONDS", "1")
    home = Household(broker=server.found.url, folder=tmp_path)
    home.start("worker")
    home.start("web")
    yield home
    home.close()


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def post(home: Household, path: str, session: str) -> tuple[int, float]:
    """Status and seconds of a button pressed in a browser."""
    token = "a" * 32
    headers = {"Cookie": f"sessionid={session}; csrftoken={token}"}
    request = Request(f"http://127.0.0.1:{home.port}{path}", f"csrfmiddlewaretoken={token}".encode(), headers)
    began = time.monotonic()
    try:
        code = build_opener(Stay).open(request, timeout=60).status
    except HTTPError as error:
        code = error.code
    return code, time.monotonic() - began


def test_what_runs_goes_on_and_what_is_launched_waits(server, household, launch, until, bob, as_bob):
    run = launch(steps=300)
    until(lambda: run.events.filter(type="metrics").count() > 3, seconds=120)
    other = launch(steps=5)
    actions.pause_run(run=other, by=None)
    server.kill()
    code, seconds = post(household, f"/runs/{other.pk}/resume/", as_bob.cookies["sessionid"].value)
    assert (code, seconds < 20) == (302, True), "a click is answered"
    other.refresh_from_db()
    assert other.status == Status.QUEUED
    until(lambda: ended(run), seconds=90)
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert_whole(run, 300)
    assert run.events.filter(type="started").count() == 1
    until(lambda: not started())
    other.refresh_from_db()
    assert other.status == Status.QUEUED, "its place is free, but nobody can be told"
    server.start()
    until(lambda: ended(other), seconds=150)
    assert (other.status, other.error) == (Status.SUCCEEDED, "")
    assert_whole(other, 5)


FILES = """
import pathlib, shutil, sys
from rftstudio.lib import broker
broker._server = lambda: ("", "")  # as on a machine that has no server
import django
django.setup()
from django.conf import settings
from rftstudio.runs import queue
import rftstudio.celery
assert settings.BROKER.kind == "filesystem"
messages = pathlib.Path(settings.BROKER.transport_options["data_folder_in"])
queue.wake("runs.reconcile")
print("sent", len(list(messages.iterdir())))
shutil.rmtree(messages)
messages.write_text("")
queue.wake("runs.reconcile")
messages.unlink()
messages.mkdir()
queue.wake("runs.reconcile")
print("sent", len(list(messages.iterdir())))
"""


def test_messages_as_files_whose_folder_cannot_be_written(tmp_path):
    env = {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "rftstudio.settings", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", FILES]
    done = subprocess.run(command, env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["sent", "1", "sent", "1"]
    assert done.stderr.count("The broker does not answer; runs.reconcile waits for the next look round.") == 1
