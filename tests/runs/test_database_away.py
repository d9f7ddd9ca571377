"""A database that is locked (SQLite) or drops every connection (PostgreSQL) for a while: supervisors wait for it."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection

from rftstudio.runs.jobs import Status
from rftstudio.runs.tasks import start_job
from tests.runs.conftest import started
from tests.runs.test_recovery import assert_whole
from tests.runs.test_supervisor import ended

pytestmark = pytest.mark.slow
AWAY = 6.0  # seconds; a statement gives up after a half


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else writes and does not end."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def dropped() -> Iterator[None]:
    """Every connection but this one is cut, again and again, as by a server that restarts."""
    done = threading.Event()
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid NOT IN (%s, pg_backend_pid())"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        mine = cursor.fetchone()[0]

    def work() -> None:
        while not done.wait(0.05):
            with connection.cursor() as cursor:  # a thread has a connection of its own
                cursor.execute(cut, [mine])
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def away() -> object:
    return locked() if connection.vendor == "sqlite" else dropped()


def lines(run) -> int:
    try:
        return (run.directory / "events.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("RFT_TEST_LOCK_SECONDS", "0.5")


def troubles() -> int:
    return (settings.JOBS_DIR / "supervisors.log").read_text().count("The database does not answer")


def test_in_the_middle_of_a_run(impatient, launch, until):
    run = launch(steps=400)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() > 3)
    (supervisor,), before, seen = started("supervise"), lines(run), troubles()
    with away():
        time.sleep(AWAY)
        assert supervisor.is_running()
        assert lines(run) > before + 50, "the child needs no database"
    until(lambda: ended(run), looking_round=True)
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert troubles() > seen
    assert_whole(run, 400)
    assert run.events.filter(type="started").count() == 1, "the child was not started again"


def test_while_the_run_ends(impatient, launch, until):
    run = launch(steps=60)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() > 3)
    with away():
        until(lambda: not started("counting_job"))
        time.sleep(2)
    until(lambda: ended(run), looking_round=True)
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert_whole(run, 60)


def test_while_its_supervisor_starts(impatient, launch, until):
    run = launch(steps=30)
    start_job("runs", "run", run.pk)
    with away():
        time.sleep(AWAY)
    until(lambda: ended(run), looking_round=True)
    assert run.status == Status.SUCCEEDED
    assert_whole(run, 30)
    assert run.events.filter(type="started").count() == 1


def test_a_failure_told_by_its_exit_code_is_not_forgotten_meanwhile(impatient, launch, until):
    """A job that has no room for last words says it by its code alone, and only once."""
    run = launch(steps=60, full_at=20)
    start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics").count() > 3)
    with away():
        until(lambda: not [one for one in started("counting_job") if one.status() != "zombie"])
        time.sleep(2)
    until(lambda: ended(run))
    assert (run.status, run.culprit) == (Status.FAILED, "system")
    assert "The disk is full" in run.error
