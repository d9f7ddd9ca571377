"""How the install is: database, broker, workers, sandbox. It looks and changes nothing; each look is short."""

from dataclasses import dataclass
from time import perf_counter

from django.conf import settings
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from rftstudio.celery import app

BROKER_SECONDS = 2.0
PING_SECONDS = 0.6
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Line:
    """One part of the install. good: it works; None where that cannot be told. words: a sentence."""

    name: str
    good: bool | None
    words: str
    fix: str = ""


def parts() -> list[Line]:
    """Every part, in the order in which one depends on the other."""
    broker = check_broker()
    return [check_database(), broker, check_workers(reachable=bool(broker.good))]


def check_database() -> Line:
    kind = KINDS.get(connection.vendor, connection.vendor)
    began = perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return Line(
            "Database",
            False,
            f"{kind} does not answer: {str(error).rstrip('.')}.",
            "Start it, or correct DATABASE_URL.",
        )
    return Line("Database", True, f"{kind} answers in {1000 * (perf_counter() - began):.1f} ms.")


def check_broker() -> Line:
    kind = settings.BROKER.kind
    try:
        with app.connection_for_write(connect_timeout=BROKER_SECONDS) as link:
            link.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except (OperationalError, OSError) as error:
        return Line(
            "Broker",
            False,
            f"The broker ({kind}) does not answer: {str(error).rstrip('.')}.",
            "Start it: ./studio up does.",
        )
    return Line("Broker", True, f"The broker ({kind}) answers.")


def check_workers(*, reachable: bool) -> Line:
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return Line("Workers", None, "Tasks run in the web server itself; there are no workers.")
    if not reachable:
        return Line("Workers", None, "Cannot be asked without the broker.")
    if settings.BROKER.kind == "filesystem":
        return Line("Workers", None, "This broker cannot ask its workers whether they are there.")
    try:
        answers = app.control.ping(timeout=PING_SECONDS)
    except (OperationalError, OSError) as error:
        return Line("Workers", False, f"They cannot be asked: {error}.", "Start the broker and the workers.")
    names = sorted(name for answer in answers for name in answer)
    if not names:
        return Line("Workers", False, "No worker answers.", "Start one: ./studio up does. Trainings wait until then.")
    return Line("Workers", True, f"{len(names)} answer{'s' if len(names) == 1 else ''}: {', '.join(names)}.")
