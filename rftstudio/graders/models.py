"""Graders of a task set: a draft spec, and published versions that never change.

And what the graders of a workspace may call upon: judges, secrets, and lists of words with their other names.
"""

import re
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from rftstudio.accounts.models import Workspace
from rftstudio.graders.content import content_hash
from rftstudio.graders.named import named_lists, with_lists
from rftstudio.tasksets.models import TaskSet

LIST_NAME = re.compile(r"([a-z0-9_-]{1,60})(?:@([1-9][0-9]{0,5}))?")


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
    def pinned_spec(self) -> dict[str, Any]:
        """The draft as it would be published: word lists named with their version."""
        return WordListVersion.objects.pin(self.spec, self.taskset.workspace_id)

    @property
    def content_hash(self) -> str:
        """The hash that the draft would be published under."""
        return content_hash(self.pinned_spec)


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


class JudgeQuerySet(models.QuerySet["JudgeEndpoint"]):
    def active(self) -> "JudgeQuerySet":
        return self.filter(archived_at=None)


class JudgeEndpoint(models.Model):
    """A model that marks answers, behind an OpenAI-compatible address. Graders name it by `name`.

    key_token: the key, encrypted (`lib/secrets.py`); "" for none. prices: money per million tokens, in whatever
    currency the workspace reckons. embedded: the studio's own small model, which has no address of its own.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="judges")
    name = models.CharField(max_length=80)
    base_url = models.CharField(max_length=300, blank=True)
    model = models.CharField(max_length=200)
    key_token = models.TextField(blank=True, editable=False)
    price_in = models.FloatField(null=True, blank=True)
    price_out = models.FloatField(null=True, blank=True)
    concurrency = models.PositiveSmallIntegerField(default=8)
    timeout_s = models.FloatField(default=60.0)
    embedded = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = JudgeQuerySet.as_manager()
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="judge_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_key(self) -> bool:
        return bool(self.key_token)


class Secret(models.Model):
    """What a web address asks for before it marks answers. `endpoint` graders name it by `name`.

    token: the secret, encrypted (`lib/secrets.py`). origin: the one server that may be sent it, such as
    https://example.org, so that whoever writes graders cannot have it sent to a server of their own.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=80)
    origin = models.CharField(max_length=300)
    token = models.TextField(editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="secret_name_once")]

    def __str__(self) -> str:
        return self.name


class WordListQuerySet(models.QuerySet["WordList"]):
    def active(self) -> "WordListQuerySet":
        return self.filter(archived_at=None)


class WordList(models.Model):
    """Labels and their other names, such as an ontology. Graders name it by `slug`, published ones by `slug@number`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="word_lists")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = WordListQuerySet.as_manager()
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "slug"], name="word_list_slug_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def latest_version(self) -> "WordListVersion | None":
        return self.versions.order_by("-number").first()


class WordListVersionQuerySet(models.QuerySet["WordListVersion"]):
    def named(self, name: str, workspace: int) -> "WordListVersion | None":
        """What a grader of a workspace means: `genes` is the latest version now, `genes@3` the third."""
        parts = LIST_NAME.fullmatch(name.strip())
        if parts is None:
            return None
        found = self.filter(word_list__workspace=workspace, word_list__slug=parts[1])
        if parts[2]:
            found = found.filter(number=int(parts[2]))
        return found.select_related("word_list").order_by("-number").first()

    def pin(self, spec: dict[str, Any], workspace: int) -> dict[str, Any]:
        """The spec with `genes` written as `genes@3`; names that mean nothing stay."""
        names = {name for _, name in named_lists(spec)}
        found = {name: version.reference for name in names if (version := self.named(name, workspace))}
        pinned: dict[str, Any] = with_lists(spec, lambda name: found.get(name.strip(), name)) if found else spec
        return pinned


class WordListVersion(models.Model):
    """A list as it was uploaded. Never changes."""

    word_list = models.ForeignKey(WordList, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    file_name = models.CharField(max_length=255)
    n_labels = models.PositiveIntegerField()
    n_names = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WordListVersionQuerySet.as_manager()
    workspace_path: ClassVar[str] = "word_list__workspace"

    class Meta:
        ordering: ClassVar = [F("number").desc()]
        constraints: ClassVar = [models.UniqueConstraint(fields=["word_list", "number"], name="word_list_version_once")]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """How a published grader names it: `genes@3`."""
        return f"{self.word_list.slug}@{self.number}"


class WordListEntry(models.Model):
    """A label and its other names. position: its place in the file. search_text: all of it, in small letters."""

    version = models.ForeignKey(WordListVersion, on_delete=models.CASCADE, related_name="entries")
    position = models.PositiveIntegerField()
    label = models.TextField()
    names = models.JSONField(default=list)
    search_text = models.TextField()

    workspace_path: ClassVar[str] = "version__word_list__workspace"

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "position"], name="word_list_entry_once")]

    def __str__(self) -> str:
        return self.label


class WordListUpload(models.Model):
    """A file that was uploaded and looked at, and is no version yet. word_list: None where it makes a new list.

    path: the file's name in MEDIA_ROOT. columns: as `tasksets.imports.look` found them. reading: how the file is read
    (`lists/reading.py`). report: what came of it.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    word_list = models.ForeignKey(WordList, null=True, blank=True, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=120, blank=True)
    file_name = models.CharField(max_length=255)
    path = models.CharField(max_length=80)
    dialect = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    reading = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "workspace"

    def __str__(self) -> str:
        return self.file_name


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
