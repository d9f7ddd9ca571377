"""Work of seconds to minutes that a worker does for a row: claimed once, with progress, finished or failed.

A row waits until somebody claims it with a nonce; only the claimer may write to it after that, and its heart beats
while it works. A worker that died is noticed by its silence: `look_after` sends the row off once more, or says that it
was stopped. For jobs that outlive workers see `runs/jobs.py`.
"""

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, Self

from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
STALE = timedelta(seconds=60)  # silence after which a worker is taken for dead
BEAT = 15.0  # seconds between two signs of life while it works, however long one step takes
AGAIN = "The worker was stopped in the middle of this. It has been started once more."
STOPPED = "The worker was stopped before the end of this, most likely since the studio was shut down or started anew."
NOT_ALONE = "Starting it again asks somebody else again, so that is left to you."


class Superseded(Exception):
    """Somebody else works on this row now, or it is gone."""


class Errand(models.Model):
    """status, and how far it is: `done` of `total`.

    error: a sentence for a person where it failed; while it is open, that it had to be started once more.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    worker = models.CharField(max_length=16, blank=True)  # nonce of whoever works on it
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)  # the last sign of life

    task: str = ""  # name of the Celery task that works on such a row
    goes_on = False  # whether one that is done again goes on where it stopped, so that it may be often

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.status in (self.Status.WAITING, self.Status.RUNNING)

    @property
    def is_stale(self) -> bool:
        """No worker has given a sign of life for a while."""
        return self.is_open and self.updated_at < timezone.now() - STALE

    @property
    def share(self) -> int:
        """Per cent done."""
        return round(100 * self.done / self.total) if self.total else 0

    def may_repeat(self) -> bool:
        """Whether it can be done once more from the start without asking a person: it costs nothing but time."""
        return True

    def submit(self) -> None:
        """Wake a worker once the row is committed. A broker that is away costs nothing but time: see `is_stale`."""
        transaction.on_commit(self._send)

    def _send(self) -> None:
        if current_app.conf.task_always_eager:
            import_module(f"rftstudio.{self._meta.app_label}.tasks")  # registers it
            current_app.tasks[self.task](self.pk)
            return
        try:
            current_app.send_task(self.task, args=[self.pk])
        except (OperationalError, OSError):
            log.warning("The broker does not answer; %s %s waits until it is sent off again.", self.task, self.pk)

    @classmethod
    def claim(cls, pk: int) -> Self | None:
        """Take the row, or None where somebody else has it or it is over."""
        nonce = secrets.token_hex(8)
        now = timezone.now()
        rows = cls._default_manager.filter(pk=pk)
        mine = {"worker": nonce, "status": cls.Status.RUNNING, "updated_at": now}
        waiting = rows.filter(status=cls.Status.WAITING)
        dead = rows.filter(status=cls.Status.RUNNING, updated_at__lt=now - STALE)
        if not waiting.update(**mine) and not dead.update(**mine):
            return None
        return rows.get()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Signs of life from a thread while the block works. They end with the process, however that ends."""
        over = threading.Event()
        mine = type(self)._default_manager.filter(pk=self.pk, worker=self.worker, status=self.Status.RUNNING)

        def beat() -> None:
            while not over.wait(BEAT):
                try:
                    mine.update(updated_at=timezone.now())
                except DatabaseError:  # a busy database; the next beat may get through
                    log.warning("%s could not give a sign of life.", self)
            connection.close()  # this thread's own

        thread = threading.Thread(target=beat, name=f"heart of {self._meta.label} {self.pk}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def step(self, **changes: Any) -> None:
        """Note progress or the end. Raises `Superseded` where the row is no longer this worker's."""
        if changes.get("status") == self.Status.DONE:
            changes = {"error": "", **changes}  # that it had to be started twice is of no interest any more
        mine = type(self)._default_manager.filter(pk=self.pk, worker=self.worker, status=self.Status.RUNNING)
        if not mine.update(**changes, updated_at=timezone.now()):
            raise Superseded
        for name, value in changes.items():
            setattr(self, name, value)

    def revive(self) -> str:
        """What becomes of a row without a sign of life: "again", "stopped", or "" where it has given one since."""
        silent = type(self)._default_manager.filter(pk=self.pk, status=self.status, updated_at=self.updated_at)
        now = timezone.now()
        if self.status == self.Status.WAITING:  # nobody took it up: the message was lost, or the workers are busy
            found = silent.update(updated_at=now)
        elif self.may_repeat() and (self.goes_on or not self.error):
            found = silent.update(status=self.Status.WAITING, error=AGAIN, updated_at=now)
        else:
            why = "It was tried twice." if self.may_repeat() else NOT_ALONE
            found = silent.update(status=self.Status.FAILED, error=f"{STOPPED} {why}", updated_at=now)
            return "stopped" if found else ""
        if found:
            self.submit()
        return "again" if found else ""

    def fail(self, error: str) -> None:
        """The end, with a sentence. Does nothing where the row is no longer this worker's."""
        type(self)._default_manager.filter(pk=self.pk, worker=self.worker, status=self.Status.RUNNING).update(
            status=self.Status.FAILED, error=error, updated_at=timezone.now()
        )


def look_after() -> dict[str, int]:
    """Every open row of the install without a sign of life, as `revive` says: {"again", "stopped"}."""
    counts = {"again": 0, "stopped": 0}
    old = timezone.now() - STALE
    open_ = (Errand.Status.WAITING, Errand.Status.RUNNING)
    for model in apps.get_models():
        if issubclass(model, Errand):
            for row in model._default_manager.filter(status__in=open_, updated_at__lt=old):
                if word := row.revive():
                    counts[word] += 1
    return counts
