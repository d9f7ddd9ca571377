"""Which job runs when: the line of queued rows, the free places, and who looks after a running one.

The row is the truth and a message is only a wake-up: one that is lost is made up for by `reconcile`, one
too many finds nothing to do. Every change here is compare-and-set, so any number of workers may call it.
"""

import logging
import secrets
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from rftstudio.accounts.models import Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.runs import spawn
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.line import Line, Running, Waiting

log = logging.getLogger(__name__)
LOOKED = "looked-round"  # a file in JOBS_DIR, as new as the last periodic look
UNATTENDED_SECONDS = 60  # six looks
LOCK_NUMBER = 0x52465453  # PostgreSQL's advisory lock for handing out places; any number that nobody else uses


def job_models() -> list[type[EngineJob]]:
    """Every kind of job of the install, what goes first first."""
    found = [model for model in apps.get_models() if issubclass(model, EngineJob)]
    return sorted(found, key=lambda model: model.queue_rank)


def submit(job: EngineJob) -> None:
    """Put a queued row on its way once the transaction it was made in is committed."""
    arguments = [job._meta.app_label, job._meta.model_name, job.pk]
    transaction.on_commit(lambda: wake("runs.start_job", arguments))


def wake(name: str, arguments: list[object] | None = None, *, after: float = 0) -> None:
    """Send a task by its name. A broker that is away costs seconds, not the job: `reconcile` looks again."""
    if current_app.conf.task_always_eager:
        return  # no worker to wake: whoever runs tasks in place calls them
    try:
        current_app.send_task(name, args=arguments or [], countdown=after or None)
    except (OperationalError, OSError):
        log.warning("The broker does not answer; %s waits for the next look round.", name)


def start_waiting() -> list[EngineJob]:
    """Give every free place to the next in line and start its supervisor. Exactly once for each row."""
    started: list[EngineJob] = []
    while (job := _claim_next()) is not None:
        spawn.start_supervisor(job)
        started.append(job)
    return started


def take_over_lost() -> list[EngineJob]:
    """New supervisors for running rows whose heart has stopped."""
    now = timezone.now()
    old = now - timedelta(seconds=settings.JOB_STALE_SECONDS)
    taken: list[EngineJob] = []
    for model in job_models():
        lost = model._default_manager.filter(Q(heartbeat_at=None) | Q(heartbeat_at__lt=old), status=Status.RUNNING)
        for job in lost:
            seen = {"supervisor": job.supervisor, "heartbeat_at": job.heartbeat_at}
            nonce = new_nonce()
            won = model._default_manager.filter(pk=job.pk, status=Status.RUNNING, **seen).update(
                supervisor=nonce, heartbeat_at=_first_beat()
            )
            if won:
                log.warning("%s %s has lost its supervisor; a new one takes over.", job.label, job.pk)
                job.supervisor = nonce
                spawn.start_supervisor(job)
                taken.append(job)
    return taken


def look_round() -> tuple[int, int]:
    """The periodic look, which leaves a mark: how many supervisors were replaced, how many jobs started."""
    mark = Path(settings.JOBS_DIR) / LOOKED
    with suppress(OSError):  # on a full disk the look matters more than its mark
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    return len(take_over_lost()), len(start_waiting())


def unattended(job: EngineJob) -> bool:
    """Whether a job waits and nobody has looked at the line for long: the worker or its broker does not run."""
    try:
        looked = (Path(settings.JOBS_DIR) / LOOKED).stat().st_mtime
    except OSError:
        looked = 0.0
    return time.time() - max(looked, job.created_at.timestamp()) > UNATTENDED_SECONDS


def require_room(workspace: Workspace, *, jobs: int = 1) -> None:
    """Call it in the transaction that makes the rows. Raises `SpecError` where too many of a workspace's jobs wait.

    jobs: how many are to be made; two where an SFT baseline (path "baseline") is wanted beside a training.
    """
    one_at_a_time()
    waiting = 0
    for model in job_models():
        rows: QuerySet[Any] = model._default_manager.filter(status=Status.QUEUED)
        waiting += rows.filter(workspace_id=workspace.pk).count()
    if waiting + jobs > workspace.max_waiting > waiting:
        raise SpecError(
            f"The line of this workspace has room for {workspace.max_waiting - waiting} more, not for {jobs}.",
            path="baseline",
            fix="Launch without the baseline, or wait until something has started.",
        )
    if waiting >= workspace.max_waiting:
        raise SpecError(
            f"{waiting} {'job' if waiting == 1 else 'jobs'} of this workspace {'waits' if waiting == 1 else 'wait'} in "
            f"line already, and no more than {workspace.max_waiting} may.",
            fix="Wait until one of them has started or stop one, or ask an owner to raise the limit.",
        )


def read_line(*, also: Waiting | None = None) -> Line:
    """What runs and what waits on the whole install, in as many queries for a hundred jobs as for one.

    also: one more that waits, to see where it would stand.
    """
    waiting: list[Waiting] = [also] if also else []
    holding: list[Running] = []
    for model in job_models():
        for job in model._default_manager.filter(status__in=(Status.QUEUED, Status.RUNNING)):
            if job.status == Status.RUNNING:
                holding.append(Running(job.workspace_id, seconds_left(job)))
            else:
                since = job.created_at.timestamp()
                waiting.append(
                    Waiting((job.label, job.pk), job.workspace_id, model.queue_rank, since, seconds_left(job))
                )
    workspaces = {one.workspace for one in waiting}
    limits = dict(Workspace.objects.filter(pk__in=workspaces).values_list("pk", "max_running"))
    return Line(settings.MAX_RUNNING_JOBS, waiting, holding, limits, _served(workspaces))


def seconds_left(job: EngineJob) -> float | None:
    """Of a job that runs, or that waits: from its pace so far, else from what was expected; None where nobody can tell.

    What has been paused and waits again has worked before: its clock stands still meanwhile.
    """
    done, total = job.progress.get("done") or 0, job.progress.get("total") or 0
    spent = job.seconds_spent
    if job.status == Status.QUEUED and job.finished_at is None:
        spent = None
    if done and total and spent:
        return max(0.0, spent / done * (total - done))
    expected: float | None = getattr(job, "expected_seconds", None)
    return None if expected is None else max(0.0, expected - (spent or 0.0))


def running() -> list[EngineJob]:
    """The jobs that hold a place now."""
    return [job for model in job_models() for job in model._default_manager.filter(status=Status.RUNNING)]


def is_idle() -> bool:
    """Whether no job runs, nor waits for its place."""
    under_way = (Status.QUEUED, Status.RUNNING)
    return not any(model._default_manager.filter(status__in=under_way).exists() for model in job_models())


def new_nonce() -> str:
    return secrets.token_hex(12)


def one_at_a_time() -> None:
    """To be called in a transaction that looks what runs and takes a place: two of them must not interleave.

    SQLite's immediate transactions see to it already.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_NUMBER])


def _first_beat() -> datetime:
    """The heartbeat of a supervisor that is only being started: so far ahead that it is stale when its time is over."""
    return timezone.now() + timedelta(seconds=max(0, settings.JOB_START_SECONDS - settings.JOB_STALE_SECONDS))


def _claim_next() -> EngineJob | None:
    with transaction.atomic():
        one_at_a_time()
        models = {model._meta.label_lower: model for model in job_models()}
        while (chosen := read_line().next()) is not None:
            label, pk = chosen.key
            rows = models[label]._default_manager.filter(pk=pk, status=Status.QUEUED)
            job = rows.first()
            if job is None:
                continue  # withdrawn meanwhile; the line is read anew
            # A job that was paused has worked before: it counts as started so much earlier.
            worked = job.finished_at - job.started_at if job.started_at and job.finished_at else timedelta()
            won = rows.update(
                status=Status.RUNNING,
                supervisor=new_nonce(),
                heartbeat_at=_first_beat(),
                started_at=timezone.now() - worked,
                finished_at=None,
            )
            if won:
                job.refresh_from_db()
                return job
    return None


def _served(workspaces: set[int]) -> dict[int, float]:
    """When each of them last got a place, in seconds."""
    found: dict[int, float] = {}
    for model in job_models():
        rows: QuerySet[Any] = model._default_manager.exclude(started_at=None).order_by()
        rows = rows.filter(workspace_id__in=workspaces).values_list("workspace_id")
        for workspace, at in rows.annotate(at=Max("started_at")):
            found[workspace] = max(found.get(workspace, 0.0), at.timestamp())
    return found
