"""What speaks for or against a grader: answers that were kept, what experts give for them, what graders give.

An answer is kept once, with its item as it was then, and never changes. What a grader gives for it is remembered under
the grader's content hash where asking again would cost something, or somebody asked for it.
"""

import hashlib
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.types import Grade, Item
from rftstudio.lib.errand import Errand
from rftstudio.tasksets.definition import canonical
from rftstudio.tasksets.models import TaskSet

FIVE = (0.0, 0.25, 0.5, 0.75, 1.0)
_UNIT = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Source(models.TextChoices):
    """Where a kept answer comes from."""

    TYPED = "typed", "typed"
    REFERENCE = "reference", "reference answer"
    OTHER = "other", "another item’s answer"
    ATTACK = "attack", "red-team"
    ROLLOUT = "rollout", "training"
    COMPARISON = "comparison", "comparison"
    TRY = "try", "tried in the builder"


class KeptAnswer(models.Model):
    """An answer to an item of the task set. item: the engine's row as it was. origin: such as "training 4, step 20"."""

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="kept_answers")
    item_key = models.CharField(max_length=64)
    item = models.JSONField()
    text = models.TextField(blank=True)
    source = models.CharField(max_length=12, choices=Source.choices, default=Source.TYPED)
    origin = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64)  # of item and text
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "taskset__workspace"

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["taskset", "digest"], name="answer_kept_once")]

    def __str__(self) -> str:
        return f"{self.item_key}: {self.text[:40]}"

    @staticmethod
    def digest_of(item: dict[str, Any], text: str) -> str:
        return hashlib.sha256(canonical({"item": item, "text": text})).hexdigest()

    @property
    def as_item(self) -> Item:
        return Item.from_json(self.item)

    @property
    def prompt(self) -> str:
        """The last message of what the model was asked."""
        return str(self.item["messages"][-1]["content"]) if self.item.get("messages") else ""

    @property
    def words(self) -> int:
        return len(self.text.split())


class KeptGrade(models.Model):
    """What a grader gave for an answer. content_hash: `Subject.evidence_hash`, which knows its judges too."""

    answer = models.ForeignKey(KeptAnswer, on_delete=models.CASCADE, related_name="grades")
    content_hash = models.CharField(max_length=64)
    score = models.FloatField(null=True)
    grade = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "answer__taskset__workspace"

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["answer", "content_hash"], name="graded_once_a_hash")]

    def __str__(self) -> str:
        return f"{self.answer_id} by {self.content_hash[:10]}"


def is_free(spec: dict[str, Any]) -> bool:
    """Whether grading with it asks nobody. A spec that cannot be read asks nobody either."""
    try:
        return not parse_spec(spec).calls_in_all()
    except SpecError:
        return True


class Marking(Errand):
    """Kept answers on their way through a grader that takes its time. answers: their numbers.

    It may be repeated whatever it asks: what was marked before is kept, and not asked for again.
    """

    grader = models.ForeignKey("graders.Grader", on_delete=models.CASCADE, related_name="markings")
    content_hash = models.CharField(max_length=64)
    spec = models.JSONField()
    answers = models.JSONField(default=list)

    task = "graders.mark_answers"
    workspace_path: ClassVar[str] = "grader__taskset__workspace"

    def __str__(self) -> str:
        return f"Marking {self.pk}"


class RedTeam(Errand):
    """What a grader, draft or version, gave for answers that deserve nothing. shots: as the engine's `Shot`.

    content_hash: of the grader, its judges and the attacks there are (`redteam.key_of`).
    """

    grader = models.ForeignKey("graders.Grader", on_delete=models.CASCADE, related_name="red_teams")
    content_hash = models.CharField(max_length=64)
    spec = models.JSONField()
    shots = models.JSONField(default=list)
    n_items = models.PositiveIntegerField(default=0)
    tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)  # summed over grades
    cost = models.FloatField(default=0)  # money, at the judges' prices

    task = "graders.red_team"
    workspace_path: ClassVar[str] = "grader__taskset__workspace"

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["grader", "content_hash"], name="red_teamed_once_a_hash")
        ]

    def may_repeat(self) -> bool:
        return is_free(self.spec)

    def __str__(self) -> str:
        return f"Red-team of {self.grader_id}, {self.content_hash[:10]}"


class CalibrationSet(models.Model):
    """Answers that experts score without seeing what a grader gives.

    required: the least Spearman correlation on at least `required_n` scored answers that a grader must reach before a
    training with it is launched; None where nothing is required.
    """

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="calibration_sets")
    name = models.CharField(max_length=120)
    required = models.FloatField(null=True, blank=True, validators=_UNIT)
    required_n = models.PositiveIntegerField(default=20)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "taskset__workspace"

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name


class CalibrationCase(models.Model):
    """One answer of a set."""

    calibration_set = models.ForeignKey(CalibrationSet, on_delete=models.CASCADE, related_name="cases")
    answer = models.ForeignKey(KeptAnswer, on_delete=models.CASCADE, related_name="+")

    workspace_path: ClassVar[str] = "calibration_set__taskset__workspace"

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["calibration_set", "answer"], name="case_once_a_set")]

    def __str__(self) -> str:
        return str(self.answer)


class CalibrationScore(models.Model):
    """What one expert gives for one answer: 0, 0.25, 0.5, 0.75 or 1."""

    case = models.ForeignKey(CalibrationCase, on_delete=models.CASCADE, related_name="scores")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField(validators=_UNIT)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    workspace_path: ClassVar[str] = "case__calibration_set__taskset__workspace"

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["case", "by"], name="scored_once_by_each")]

    def __str__(self) -> str:
        return f"{self.case_id} by {self.by_id}: {self.score}"


class Rule(models.TextChoices):
    """What a regression case asks of a score."""

    AT_LEAST = "at_least", "at least"
    AT_MOST = "at_most", "at most"
    ABOUT = "about", "about"


class RegressionCase(models.Model):
    """An answer on which a grader was wrong once, and what every new version has to give for it."""

    ABOUT: ClassVar[float] = 0.1  # "about 0.5" is 0.4 to 0.6

    grader = models.ForeignKey("graders.Grader", on_delete=models.CASCADE, related_name="cases")
    answer = models.ForeignKey(KeptAnswer, on_delete=models.CASCADE, related_name="+")
    rule = models.CharField(max_length=8, choices=Rule.choices)
    wanted = models.FloatField(validators=_UNIT)
    why = models.TextField(blank=True)
    gave = models.FloatField(null=True, blank=True)  # what the grader gave when somebody objected
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_why = models.TextField(blank=True)
    retired_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    workspace_path: ClassVar[str] = "grader__taskset__workspace"

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["grader", "answer"], condition=Q(retired_at=None), name="regression_case_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.answer}: {self.asks}"

    @property
    def asks(self) -> str:
        """Such as "at least 0.80"."""
        return f"{self.get_rule_display()} {self.wanted:.2f}"

    def passes(self, score: float | None) -> bool:
        """No score is no pass: a grader that cannot mark the answer is not right about it."""
        if score is None:
            return False
        if self.rule == Rule.AT_LEAST:
            return score >= self.wanted - 1e-9
        if self.rule == Rule.AT_MOST:
            return score <= self.wanted + 1e-9
        return abs(score - self.wanted) <= self.ABOUT + 1e-9


def kept(found: Grade) -> dict[str, Any]:
    """The columns of a `KeptGrade` that come from a grade."""
    return {"score": found.score, "grade": found.to_json()}
