"""Comparisons: base and tuned answers to the same unseen items. Readiness checks: the base model's answers before."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from rftstudio.accounts.models import Workspace
from rftstudio.graders.models import GraderVersion
from rftstudio.registry.models import BaseModel
from rftstudio.runs.jobs import EngineJob
from rftstudio.runs.models import Run
from rftstudio.tasksets.models import TaskSet, TaskSetVersion


class Comparison(EngineJob):
    """Base against tuned on the test split of a run's task set version, or two tuned models against each other.

    against: the run whose model takes the place of the base; its answers, scores and columns are called "base" here.
    settings: the engine's evaluation settings. expected_seconds: by the training's own validation, None where it had
    none. result: what the engine reported (weights, versions, warnings).
    summary: the statistics, made once when it ends (`summary.py`).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="comparisons")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="comparisons")
    against = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.CASCADE, related_name="comparisons_against"
    )
    automatic = models.BooleanField(default=False)  # made because the run ended; at most one a run and opponent
    settings = models.JSONField(default=dict)
    seed = models.PositiveIntegerField(default=0)
    expected_seconds = models.FloatField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)
    summary = models.JSONField(default=dict, blank=True)

    job_folder: ClassVar[str] = "comparisons"
    logs: ClassVar[dict[str, str]] = {"events": "", "answers": "answers"}
    queue_rank: ClassVar[int] = 0  # minutes, and somebody waits for the answer: before the next training
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run"],
                condition=Q(automatic=True, against__isnull=True),
                name="one_automatic_comparison_a_run",
            ),
            models.UniqueConstraint(
                fields=["run", "against"], condition=Q(automatic=True), name="one_automatic_comparison_a_pair"
            ),
        ]

    def __str__(self) -> str:
        return f"Comparison for {self.run}"

    @property
    def taskset(self) -> TaskSet:
        return self.run.taskset_version.taskset

    @property
    def names(self) -> dict[str, str]:
        """What the two sides are called: base and tuned, or by how the two models were trained."""
        if self.against is None:
            return {"base": "Base", "tuned": "Tuned"}
        short = {"rft": "RFT", "sft_rft": "SFT + RFT", "sft": "SFT"}
        base, tuned = (short[run.way.name] for run in (self.against, self.run))
        if base == tuned:
            base, tuned = f"Training {self.against_id}", f"Training {self.run_id}"
        return {"base": base, "tuned": tuned}

    @property
    def short_names(self) -> dict[str, str]:
        """The same for columns of a file: base and tuned, or sft and rft."""
        return {side: name.lower().replace(" + ", "_").replace(" ", "_") for side, name in self.names.items()}

    def ingest(self, log: str, rows: list[dict[str, Any]]) -> None:
        from rftstudio.evaluations.ingest import ingest_rows

        ingest_rows(comparison=self, log=log, rows=rows)

    def settle(self) -> None:
        from rftstudio.evaluations.settle import settle_comparison

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


class Outcome(models.TextChoices):
    """What became of an item from base to tuned."""

    BETTER = "better", "Better"
    WORSE = "worse", "Worse"
    SAME = "same", "Same"
    NO_SCORE = "no_score", "No score"


class ComparedItem(models.Model):
    """One item of a finished comparison, ready to be sorted and searched: the answers' means and their difference."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()  # of the item in its version
    item_key = models.CharField(max_length=64)
    base_score = models.FloatField(null=True)
    tuned_score = models.FloatField(null=True)
    difference = models.FloatField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    changed = models.BooleanField(default=False)  # the answers' words differ
    tags = models.TextField(blank=True)  # a line each, with one before and after: "\ntricky\nchild\n"
    search_text = models.TextField(blank=True)  # fields, reference and answers, in lower case

    workspace_path: ClassVar[str] = "comparison__workspace"

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["comparison", "position"], name="compared_once")]

    def __str__(self) -> str:
        return f"{self.comparison_id}:{self.item_key}"


class Readiness(EngineJob):
    """Several answers of a base model to some training tasks, before anything is trained: will this train?

    Kept by task set and grader version. settings: the engine's evaluation settings. pass_score: from which an answer
    counts as right. n_items: tasks asked for, at most. summary: made once when it ends (`readiness/settle.py`).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="readiness_checks")
    taskset_version = models.ForeignKey(TaskSetVersion, on_delete=models.CASCADE, related_name="readiness_checks")
    grader_version = models.ForeignKey(GraderVersion, on_delete=models.CASCADE, related_name="readiness_checks")
    base_model = models.ForeignKey(BaseModel, on_delete=models.CASCADE, related_name="readiness_checks")
    settings = models.JSONField(default=dict)
    seed = models.PositiveIntegerField(default=0)
    pass_score = models.FloatField(default=1.0)
    n_items = models.PositiveIntegerField(default=64)
    expected_seconds = models.FloatField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)
    summary = models.JSONField(default=dict, blank=True)

    job_folder: ClassVar[str] = "readiness"
    logs: ClassVar[dict[str, str]] = {"events": "", "answers": "attempts"}
    parts: ClassVar[tuple[str, ...]] = ("ingest", "readiness.settle")
    queue_rank: ClassVar[int] = 0  # a minute or two, and somebody waits for it
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]
        verbose_name = "readiness check"

    def __str__(self) -> str:
        return f"Readiness of {self.taskset_version}"

    @property
    def taskset(self) -> TaskSet:
        return self.taskset_version.taskset

    def ingest(self, log: str, rows: list[dict[str, Any]]) -> None:
        from rftstudio.evaluations.ingest import ingest_attempts

        ingest_attempts(check=self, log=log, rows=rows)

    def settle(self) -> None:
        from rftstudio.evaluations.readiness.settle import settle_check

        settle_check(check=self)


class Attempt(models.Model):
    """One of the base model's answers in a readiness check, graded."""

    readiness = models.ForeignKey(Readiness, on_delete=models.CASCADE, related_name="attempts")
    seq = models.PositiveIntegerField()
    item_key = models.CharField(max_length=64)
    sample = models.PositiveIntegerField(default=0)
    text = models.TextField()
    tokens = models.PositiveIntegerField(default=0)
    truncated = models.BooleanField(default=False)
    score = models.FloatField(null=True)
    grade = models.JSONField(default=dict)

    workspace_path: ClassVar[str] = "readiness__workspace"

    class Meta:
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["readiness", "seq"], name="attempt_once")]
        indexes: ClassVar = [models.Index(fields=["readiness", "item_key"], name="attempts_by_item")]

    def __str__(self) -> str:
        return f"{self.readiness_id}:{self.item_key}:{self.sample}"
