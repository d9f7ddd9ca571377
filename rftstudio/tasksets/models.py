"""Task sets: what a model is asked, the items with their reference answers, and published versions.

A draft (TaskSet, WorkedExample, TaskItem) is edited freely; a version is a frozen copy with a content
hash, which graders, runs and comparisons refer to.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from rftstudio.accounts.models import Workspace
from rftstudio.tasksets.answers import answer_limit


class AnswerType(models.TextChoices):
    """The shape of a right answer; the values are the engine's."""

    TEXT = "text", "Free text"
    NUMBER = "number", "A number"
    CHOICE = "choice", "One choice from a list"
    RANKING = "ranking", "A ranked list"
    SET = "set", "A set of items"
    JSON = "json", "JSON (several fields)"


class Split(models.TextChoices):
    TRAIN = "train", "Training"
    VALIDATION = "validation", "Validation"
    TEST = "test", "Test"


class Problem(models.TextChoices):
    """What keeps an item from being published. One item has at most one: the first found."""

    EMPTY = "empty", "Nothing to ask"
    UNREADABLE = "unreadable", "Characters that cannot be kept"
    UNANSWERED = "unanswered", "No reference answer"
    ANSWER = "answer", "Reference answer does not fit"


class TaskSetQuerySet(models.QuerySet["TaskSet"]):
    def for_workspace(self, workspace: Workspace) -> "TaskSetQuerySet":
        return self.filter(workspace=workspace)

    def active(self) -> "TaskSetQuerySet":
        return self.filter(archived_at=None)


class TaskSet(models.Model):
    """A task as an expert writes it: instructions, columns, a prompt built from them, and the answer's shape.

    input_fields: [{"name", "label", "help"}]; `name` is the template variable (`item.name`).
    answer_options: {"choices": [{"label", "description"}]} for a choice, {"schema": {...}} for JSON,
    {"unit": "mg"} for a number; else empty.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tasksets")
    name = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    instructions = models.TextField(blank=True)
    answer_type = models.CharField(max_length=10, choices=AnswerType.choices, default=AnswerType.TEXT)
    answer_options = models.JSONField(default=dict, blank=True)
    input_fields = models.JSONField(default=list, blank=True)
    prompt_template = models.TextField(blank=True)
    sample_slug = models.SlugField(max_length=60, blank=True)  # the shipped sample it came from
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = TaskSetQuerySet.as_manager()
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-updated_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def field_names(self) -> list[str]:
        return [field["name"] for field in self.input_fields]

    @property
    def choice_labels(self) -> list[str]:
        return [choice["label"] for choice in self.answer_options.get("choices", [])]

    @property
    def answer_limit(self) -> int | None:
        return answer_limit(self.answer_type, self.answer_options)

    @property
    def latest_version(self) -> "TaskSetVersion | None":
        return self.versions.order_by("-number").first()


class WorkedExample(models.Model):
    """A solved example shown to the model before every task. Never one of the items."""

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="worked_examples")
    position = models.PositiveIntegerField(default=0)
    fields = models.JSONField(default=dict)
    reference_answer = models.JSONField(null=True)

    workspace_path: ClassVar[str] = "taskset__workspace"

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return f"Example {self.position} of {self.taskset}"


class TaskItemQuerySet(models.QuerySet["TaskItem"]):
    def live(self) -> "TaskItemQuerySet":
        return self.filter(deleted_at=None)

    def deleted(self) -> "TaskItemQuerySet":
        """What somebody deleted; not the rows of an import that is still being saved, which are hidden the same way."""
        whole = models.Q(source_import=None) | models.Q(source_import__status=ItemImport.Status.SAVED)
        return self.filter(whole, deleted_at__isnull=False)

    def without_split(self) -> "TaskItemQuerySet":
        return self.filter(split="")


class TaskItem(models.Model):
    """One task with its reference answer. `key` stays the same through versions.

    Rows are written by actions only, which keep the derived columns (search_text, tag_text, problem, content_hash)
    in step; `prepared` computes them.
    """

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=64)
    fields = models.JSONField(default=dict)
    messages = models.JSONField(null=True, blank=True)  # imported conversations override the prompt template
    reference_answer = models.JSONField(null=True, blank=True)
    notes = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True)
    split = models.CharField(max_length=10, choices=Split.choices, blank=True)
    search_text = models.TextField(blank=True)  # fields, answer, tags and notes in lower case, for the table's search
    tag_text = models.TextField(blank=True)  # "|short|tricky|", for the table's filter on any database
    problem = models.CharField(max_length=12, choices=Problem.choices, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)  # of all that a version keeps, but for the split
    source_import = models.ForeignKey("ItemImport", null=True, on_delete=models.SET_NULL, related_name="items")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TaskItemQuerySet.as_manager()
    workspace_path: ClassVar[str] = "taskset__workspace"

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["taskset", "key"], name="item_key_once_a_taskset")]
        indexes: ClassVar = [
            models.Index(fields=["taskset", "deleted_at", "split", "id"], name="items_by_split"),
            # Covers the one grouped query behind every filter's options and counts, so that no row is read for it.
            models.Index(
                fields=["taskset", "deleted_at", "split", "problem", "author", "tag_text"], name="item_facets"
            ),
            models.Index(fields=["taskset", "deleted_at", "key", "content_hash", "split"], name="items_by_content"),
        ]

    def __str__(self) -> str:
        return self.key


class TaskSetVersion(models.Model):
    """A frozen, numbered copy. `definition` holds everything of the task set but its items."""

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    definition = models.JSONField()
    counts = models.JSONField(default=dict)  # items a split
    note = models.CharField(max_length=300, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "taskset__workspace"

    class Meta:
        ordering: ClassVar = [F("number").desc()]
        constraints: ClassVar = [models.UniqueConstraint(fields=["taskset", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return f"{self.taskset} v{self.number}"

    @property
    def short_hash(self) -> str:
        return self.content_hash[:10]

    @property
    def answer_limit(self) -> int | None:
        return answer_limit(self.definition["answer_type"], self.definition["answer_options"])


class VersionItem(models.Model):
    """An item as it was when its version was published: the engine's row, whole."""

    version = models.ForeignKey(TaskSetVersion, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=64)
    split = models.CharField(max_length=10, choices=Split.choices)
    fields = models.JSONField(default=dict)
    messages = models.JSONField(null=True, blank=True)
    reference_answer = models.JSONField(null=True)
    tags = models.JSONField(default=list, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)

    workspace_path: ClassVar[str] = "version__taskset__workspace"

    class Meta:
        ordering: ClassVar = ["position"]
        indexes: ClassVar = [
            models.Index(fields=["version", "split", "position"], name="frozen_by_split"),
            models.Index(fields=["version", "key", "content_hash", "split"], name="frozen_by_content"),
        ]

    def __str__(self) -> str:
        return self.key


class ItemImport(models.Model):
    """An uploaded file on its way in: mapped, checked and previewed before anything is saved."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        CHECKING = "checking", "Checking"
        CHECKED = "checked", "Checked"
        SAVING = "saving", "Saving"
        SAVED = "saved", "Saved"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    taskset = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="imports")
    file_name = models.CharField(max_length=255)
    path = models.CharField(max_length=500)
    format = models.CharField(max_length=10)
    dialect = models.JSONField(default=dict)  # {"encoding", "delimiter", "notes"}: how the file is read
    columns = models.JSONField(default=list)  # [{"name", "examples": [...]}]
    mapping = models.JSONField(default=dict)  # {"targets": [one a column], "all_or_nothing": bool}
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.UPLOADED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)  # {"good": n, "bad": n, "problems": [{row, column, message, fix}]}
    error = models.TextField(blank=True)
    worker = models.CharField(max_length=16, blank=True)  # nonce of whoever works on it; empty while it waits
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)  # the last sign of life of a check or a save
    finished_at = models.DateTimeField(null=True, blank=True)

    workspace_path: ClassVar[str] = "taskset__workspace"

    def __str__(self) -> str:
        return f"{self.file_name} into {self.taskset}"
