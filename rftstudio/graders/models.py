"""Graders of a task set: a draft spec, and published versions that never change."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from rftstudio.graders.content import content_hash
from rftstudio.tasksets.models import TaskSet


class GraderQuerySet(models.QuerySet["Grader"]):
    def active(self) -> "GraderQuerySet":
        return self.filter(archived_at=None)

    def used_by(self, taskset: TaskSet) -> "Grader | None":
        """The one grader that marks a task set's answers."""
        return self.filter(taskset=taskset, in_use=True).first()


class Grader(models.Model):
    """How answers to a task set are marked. `spec` is the draft, in the engine's JSON, always a valid one."""

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="graders")
    name = models.CharField(max_length=120)
    spec = models.JSONField()
    in_use = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = GraderQuerySet.as_manager()
    workspace_path: ClassVar[str] = "taskset__workspace"

    class Meta:
        ordering: ClassVar = ["-updated_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["taskset"], condition=Q(in_use=True), name="one_grader_in_use")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def latest_version(self) -> "GraderVersion | None":
        return self.versions.order_by("-number").first()

    @property
    def content_hash(self) -> str:
        """The hash that the draft would be published under."""
        return content_hash(self.spec)


class GraderVersion(models.Model):
    """A frozen spec with its content hash."""

    grader = models.ForeignKey(Grader, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    content_hash = models.CharField(max_length=64)
    note = models.CharField(max_length=300, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "grader__taskset__workspace"

    class Meta:
        ordering: ClassVar = [F("number").desc()]
        constraints: ClassVar = [models.UniqueConstraint(fields=["grader", "number"], name="grader_version_once")]

    def __str__(self) -> str:
        return f"{self.grader} v{self.number}"

    @property
    def short_hash(self) -> str:
        return self.content_hash[:10]


from rftstudio.graders.evidence import (  # noqa: E402 F401 Django looks for a room's models here
    CalibrationCase,
    CalibrationScore,
    CalibrationSet,
    KeptAnswer,
    KeptGrade,
    Marking,
    RedTeam,
    RegressionCase,
)
