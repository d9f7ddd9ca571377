"""A row that stands for an engine job: its status, its directory, who looks after it, what is wished of it.

Abstract: trainings, comparisons and readiness checks are all jobs, and the same supervisor owns any of them.
"""

from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Status(models.TextChoices):
    """OpenAI's fine-tuning job statuses, and `paused`."""

    VALIDATING_FILES = "validating_files", "Checking"
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    SUCCEEDED = "succeeded", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATUSES = (Status.VALIDATING_FILES, Status.QUEUED, Status.RUNNING)
ENDED_STATUSES = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class EngineJob(models.Model):
    """What every job row has.

    wish: what a person asked for ("cancel", "pause"), carried out by the supervisor. handle: the child, as
    `engine.launch` writes it, how often it was started anew, and how long the log of events was when it was
    resumed. offsets: how far each log of the directory has been ingested, in bytes. finished_at: of a paused
    job, since when it is paused.
    """

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.QUEUED, db_index=True)
    wish = models.CharField(max_length=10, blank=True)
    handle = models.JSONField(default=dict, blank=True)
    offsets = models.JSONField(default=dict, blank=True)
    supervisor = models.CharField(max_length=80, blank=True)  # nonce of the supervisor that owns the row
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)  # a sentence for a person
    culprit = models.CharField(max_length=10, blank=True)  # author, grader or system
    progress = models.JSONField(default=dict, blank=True)  # {"done", "total"}: steps, or answers
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    workspace_id: int  # every kind of job belongs to a workspace
    job_folder: ClassVar[str]  # under JOBS_DIR
    logs: ClassVar[dict[str, str]]  # what it writes, to the related rows made of it; "" where lines are no rows
    parts: ClassVar[tuple[str, ...]] = ("ingest", "settle")  # modules of its room that its supervisor needs
    queue_rank: ClassVar[int] = 1  # what is short goes first: a comparison does not wait for the next training

    class Meta:
        abstract = True

    @property
    def directory(self) -> Path:
        return Path(settings.JOBS_DIR) / self.job_folder / str(self.pk)

    @property
    def label(self) -> str:
        """`runs.run`: the model, as commands and messages name it."""
        return self._meta.label_lower

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def seconds_spent(self) -> float | None:
        """From its start to its end or to now, without pauses (see `queue`); None before it started."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    def ingest(self, log: str, rows: list[dict[str, Any]]) -> None:
        """Take rows of one log ("events", "rollouts", "answers"), idempotently by `seq`. Called in a transaction."""
        raise TypeError(f"{type(self).__name__} does not say how its logs are read.")

    def settle(self) -> None:
        """After the end: what follows from the result. Called once, after the last rows were ingested."""
        raise TypeError(f"{type(self).__name__} does not say what follows its end.")
