"""Training runs, what they reported (events, checkpoints, rollouts), and answers graded once more."""

from typing import Any, ClassVar

from django.db import models

from rftstudio.accounts.models import Workspace
from rftstudio.engine.approaches import APPROACHES, DEFAULT_APPROACH, Approach
from rftstudio.graders.evidence import is_free
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.lib.errand import Errand
from rftstudio.registry.models import BaseModel, TunedModel
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.tasksets.models import TaskSet, TaskSetVersion

__all__ = ["Checkpoint", "Replay", "Rollout", "Run", "RunEvent", "Status"]


class Run(EngineJob):
    """One training: which version of what, with which settings, and how it went.

    parent, parent_step: the training whose checkpoint it started from, while that is there. origin: the same for good,
    as `continuing.start_of` writes it; {} where it started from the base model.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="runs")
    taskset_version = models.ForeignKey(TaskSetVersion, on_delete=models.PROTECT, related_name="runs")
    grader_version = models.ForeignKey(GraderVersion, on_delete=models.PROTECT, related_name="runs")
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="runs")
    tuned_model = models.OneToOneField(TunedModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="run")
    name = models.CharField(max_length=160, blank=True)
    preset = models.CharField(max_length=20)
    settings = models.JSONField(default=dict)
    seed = models.PositiveIntegerField(default=0)
    expected_seconds = models.FloatField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="continuations")
    parent_step = models.PositiveIntegerField(null=True, blank=True)
    origin = models.JSONField(default=dict, blank=True)
    # Of an SFT that was launched beside a reinforcement: which one it is the baseline of.
    baseline_for = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="baseline"
    )

    job_folder: ClassVar[str] = "runs"
    logs: ClassVar[dict[str, str]] = {"events": "events", "rollouts": "rollouts"}
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return self.name or f"Run {self.pk}"

    @property
    def taskset(self) -> TaskSet:
        return self.taskset_version.taskset

    @property
    def can_continue(self) -> bool:
        """Whether the machine failed it, and not its task set or grader. See `actions.continue_run`."""
        return self.status == Status.FAILED and self.culprit == "system" and self.tuned_model_id is None

    @property
    def way(self) -> Approach:
        """How it learns: by reinforcement, by copying reference answers, or both."""
        return APPROACHES[self.settings.get("approach", DEFAULT_APPROACH)]

    @property
    def beside(self) -> "Run | None":
        """The other training of the same launch, where there is one."""
        return self.baseline_for or Run.objects.filter(baseline_for=self).first()

    @property
    def can_have_baseline(self) -> bool:
        """Whether an SFT of the same could still be added, to be compared with it. See `actions.launch_baseline`."""
        over = self.status in (Status.FAILED, Status.CANCELLED)
        beside = self.beside
        return self.way.reinforces and not over and (beside is None or beside.came_to_nothing)

    @property
    def came_to_nothing(self) -> bool:
        """Whether it ended without a model, and not so that it could go on."""
        over = self.status in (Status.FAILED, Status.CANCELLED)
        return over and self.tuned_model_id is None and not self.can_continue

    @property
    def base_comparison(self) -> Any:
        """The newest comparison with the base model, not with another training's; None where there is none."""
        return self.comparisons.filter(against=None).first()

    def ingest(self, log: str, rows: list[dict[str, Any]]) -> None:
        from rftstudio.runs.ingest import ingest_rows

        ingest_rows(run=self, log=log, rows=rows)

    def settle(self) -> None:
        from rftstudio.runs.settle import settle_run

        settle_run(run=self)


class RunEvent(models.Model):
    """One line of `events.jsonl`."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=20)
    level = models.CharField(max_length=8, default="info")
    message = models.TextField(blank=True)
    step = models.PositiveIntegerField(null=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    workspace_path: ClassVar[str] = "run__workspace"

    class Meta:
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "seq"], name="event_once")]
        indexes: ClassVar = [models.Index(fields=["run", "type", "step"], name="events_by_type")]

    def __str__(self) -> str:
        return f"{self.run_id}:{self.seq} {self.type}"


class Checkpoint(models.Model):
    """A saved adapter and its validation reward."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.PositiveIntegerField()
    path = models.CharField(max_length=200)  # relative to the run's directory
    valid_reward_mean = models.FloatField(null=True)
    metrics = models.JSONField(default=dict)
    adapter_hash = models.CharField(max_length=64, blank=True)
    is_best = models.BooleanField(default=False)
    removed = models.BooleanField(default=False)

    workspace_path: ClassVar[str] = "run__workspace"

    class Meta:
        ordering: ClassVar = ["step"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "step"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.run_id} step {self.step}"


class Rollout(models.Model):
    """One sampled answer with its grade."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="rollouts")
    seq = models.PositiveIntegerField()
    step = models.PositiveIntegerField()
    phase = models.CharField(max_length=8)
    group = models.PositiveIntegerField()
    index = models.PositiveIntegerField()
    item_key = models.CharField(max_length=64)
    text = models.TextField()
    tokens = models.PositiveIntegerField(default=0)
    truncated = models.BooleanField(default=False)
    reward = models.FloatField(null=True)
    advantage = models.FloatField(null=True)
    discard = models.CharField(max_length=40, blank=True)
    grade = models.JSONField(default=dict)

    workspace_path: ClassVar[str] = "run__workspace"

    class Meta:
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "seq"], name="rollout_once")]
        indexes: ClassVar = [
            models.Index(fields=["run", "step", "phase", "group"], name="rollouts_by_step"),
            # All that is asked about a task through a training, without reading a text.
            models.Index(fields=["run", "item_key", "step", "phase", "reward"], name="rollouts_by_item"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}:{self.seq}"


class Replay(Errand):
    """What another grader, or another version, would have given for the answers of a training.

    number: the version that is tried, None for the draft as it was. cap: answers looked at, at most. result: as
    `replay.report` makes it.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="replays")
    grader = models.ForeignKey(Grader, on_delete=models.CASCADE, related_name="replays")
    number = models.PositiveIntegerField(null=True)
    content_hash = models.CharField(max_length=64)
    spec = models.JSONField()
    cap = models.PositiveIntegerField()
    result = models.JSONField(default=dict)

    task = "runs.replay"
    workspace_path: ClassVar[str] = "run__workspace"

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.label} over {self.run}"

    def may_repeat(self) -> bool:
        return is_free(self.spec)

    @property
    def label(self) -> str:
        return f"version {self.number}" if self.number else f"the draft ({self.content_hash[:7]})"
