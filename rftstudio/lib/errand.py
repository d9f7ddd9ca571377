"""Work of seconds to minutes that a worker does for a row: claimed once, with progress, finished or failed.

A row waits until somebody claims it with a nonce; only the claimer may write to it after that. A worker that died is
noticed by its silence, and the row can be sent off again. For jobs that outlive workers see `runs/jobs.py`.
"""

import logging
import secrets
from datetime import timedelta
from importlib import import_module
from typing import Any, Self

from celery import current_app
from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
STALE = timedelta(seconds=60)  # silence after which a worker is taken for dead


class Superseded(Exception):
    """Somebody else works on this row now, or it is gone."""


class Errand(models.Model):
    """status, and how far it is: `done` of `total`. error: a sentence for a person where it failed."""

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

    def step(self, **changes: Any) -> None:
        """Note progress or the end. Raises `Superseded` where the row is no longer this worker's."""
        mine = type(self)._default_manager.filter(pk=self.pk, worker=self.worker, status=self.Status.RUNNING)
        if not mine.update(**changes, updated_at=timezone.now()):
            raise Superseded
        for name, value in changes.items():
            setattr(self, name, value)

    def fail(self, error: str) -> None:
        """The end, with a sentence. Does nothing where the row is no longer this worker's."""
        type(self)._default_manager.filter(pk=self.pk, worker=self.worker, status=self.Status.RUNNING).update(
            status=self.Status.FAILED, error=error, updated_at=timezone.now()
        )
