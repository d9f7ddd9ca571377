"""The status page: for whoever runs the install, and true."""

import pytest
from django.db import DatabaseError
from kombu.exceptions import OperationalError

from rftstudio.accounts.models import User
from rftstudio.engine.grading.sandbox import detect
from rftstudio.home import status
from tests.conftest import signed_in


@pytest.fixture
def as_operator(db):
    return signed_in(User.objects.create_superuser(username="op@example.org", email="op@example.org"))


def test_an_operator_sees_what_works(as_operator):
    page = as_operator.get("/status/").content.decode()
    assert "Database" in page
    assert "answers in" in page
    found = detect.detect()
    assert (found.combination.name if found.combination else found.refusal) in page
    assert page.count(">holds<") == (len(found.combination.layers) if found.combination else 0)


def test_a_missing_layer_is_shown_with_what_to_do(as_operator, monkeypatch):
    missing = {"namespaces": "unshare: Operation not permitted"}
    monkeypatch.setattr(detect, "_found", detect.Detection(detect.COMBINATIONS[1], missing))
    page = as_operator.get("/status/").content.decode()
    assert "unshare: Operation not permitted" in page
    assert "unprivileged user namespaces" in page
    assert page.count(">holds<") == 3


def test_a_refusal_is_shown(as_operator, monkeypatch):
    monkeypatch.setattr(detect, "_found", detect.Detection(None, {"seccomp": "the kernel refused the filter"}))
    page = as_operator.get("/status/").content.decode()
    assert "Python graders are kept but do not run" in page
    assert "CONFIG_SECCOMP_FILTER" in page


def test_a_limit_that_is_none_is_said(as_operator, monkeypatch):
    monkeypatch.setenv("PYTHON_GRADER_SECONDS", "many")
    assert "PYTHON_GRADER_SECONDS" in as_operator.get("/status/").content.decode()


@pytest.mark.parametrize("client_name", ["as_alice", "as_bob", "as_vera", "as_charlie"])
def test_nobody_else_sees_it(request, client_name):
    client = request.getfixturevalue(client_name)
    assert client.get("/status/").status_code == 404
    assert "/status/" not in client.get("/account/", follow=True).content.decode()


def test_it_cannot_be_written_to(as_operator):
    assert as_operator.post("/status/").status_code == 405


def test_its_address_is_in_the_menu_of_the_operator(as_operator):
    assert 'href="/status/"' in as_operator.get("/manual/").content.decode()


def test_a_database_that_is_gone_is_said(db, monkeypatch):
    def gone():
        raise DatabaseError("no such host")

    with monkeypatch.context() as patched:
        patched.setattr(status.connection, "cursor", gone)
        line = status.check_database()
    assert line.good is False
    assert "no such host" in line.words


def test_a_broker_that_is_gone_is_said(settings):
    link = status.app.connection_for_write
    try:
        status.app.connection_for_write = lambda **options: link("redis://127.0.0.1:1/0", **options)
        line = status.check_broker()
    finally:
        del status.app.connection_for_write
    assert line.good is False
    assert "does not answer" in line.words


def test_workers_that_do_not_answer_are_said(settings, monkeypatch):
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(status.app.control, "ping", lambda timeout: [])
    assert status.check_workers(reachable=True).good is False
    monkeypatch.setattr(status.app.control, "ping", lambda timeout: [{"celery@one": {"ok": "pong"}}])
    assert "celery@one" in status.check_workers(reachable=True).words
    assert status.check_workers(reachable=False).good is None

    def refused(timeout):
        raise OperationalError("closed")

    monkeypatch.setattr(status.app.control, "ping", refused)
    assert "closed" in status.check_workers(reachable=True).words
