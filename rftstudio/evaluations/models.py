"""Comparisons: base and tuned answers to the same unseen items, side by side."""

from typing import Any, ClassVar

from django.db import models

from rftstudio.accounts.models import Workspace
from rftstudio.runs.jobs import EngineJob
from rftstudio.runs.models import Run


class Comparison(EngineJob):
    """Base against tuned on the test split of a run's task set version. `summary` holds the statistics."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="comparisons")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="comparisons")
    settings = models.JSONField(default=dict)
    seed = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict, blank=True)
    summary = models.JSONField(default=dict, blank=True)

    job_folder: ClassVar[str] = "comparisons"
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"Comparison for {self.run}"

    def ingest(self, log: str, rows: list[dict[str, Any]]) -> None:
        from rftstudio.evaluations.ingest import ingest_rows

        ingest_rows(comparison=self, log=log, rows=rows)

    def settle(self) -> None:
        from rftstudio.evaluations.actions import settle_comparison

        settle_comparison(comparison=self)


class Answer(models.Model):
    """One model's answer to one item, graded."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="answers")
    seq = models.PositiveIntegerField()
    item_key = models.CharField(max_length=64)
    model = models.CharField(max_length=40)  # "base", "tuned"
    sample = models.PositiveIntegerField(default=0)
    text = models.TextField()
    tokens = models.PositiveIntegerField(default=0)
    truncated = models.BooleanField(default=False)
    score = models.FloatField(null=True)
    grade = models.JSONField(default=dict)

    workspace_path: ClassVar[str] = "comparison__workspace"

    class Meta:
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["comparison", "seq"], name="answer_once")]
        indexes: ClassVar = [models.Index(fields=["comparison", "item_key", "model"], name="answers_by_item")]

    def __str__(self) -> str:
        return f"{self.comparison_id}:{self.item_key}:{self.model}"
