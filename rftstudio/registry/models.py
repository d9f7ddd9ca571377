"""Base models to train and the tuned models that came of it, with their lineage. What is on its way: `Arrival`."""

from datetime import datetime
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models

from rftstudio.accounts.models import Workspace
from rftstudio.engine.models.memory import Need, need_of, this_machine, too_large
from rftstudio.engine.models.seal import changed_files
from rftstudio.lib.errand import Errand


class BaseModel(models.Model):
    """A model to start from. Shared by all workspaces of the install; owners and operators add them.

    location: its directory, for a hub model too. revision: the commit it is pinned to, else a hash of its contents.
    facts: as `engine/models/seal.py` has them, and for a hub model its id. workspace: the one that added it.
    """

    class Source(models.TextChoices):
        EMBEDDED = "embedded", "Embedded"
        LOCAL = "local", "Local directory"
        HUB = "hub", "Hugging Face hub"

    source = models.CharField(max_length=10, choices=Source.choices)
    name = models.CharField(max_length=160, unique=True)
    location = models.CharField(max_length=500)
    revision = models.CharField(max_length=64, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    n_parameters = models.BigIntegerField(null=True, blank=True)
    context_length = models.PositiveIntegerField(default=2048)  # tokens
    facts = models.JSONField(default=dict, blank=True)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    timing = models.JSONField(default=dict, blank=True)  # a timed step on this machine (engine/estimate.py)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_timed(self) -> bool:
        return "timed_at" in self.timing

    @property
    def timed_at(self) -> datetime | None:
        return datetime.fromisoformat(self.timing["timed_at"]) if self.is_timed else None

    @property
    def is_here(self) -> bool:
        """Whether its directory is there."""
        return Path(self.location).is_dir()

    @property
    def changed_files(self) -> list[str]:
        """Files that are not what they were when it was added. Looks at sizes and dates."""
        return changed_files(Path(self.location), self.facts.get("files", []))

    @property
    def need(self) -> Need:
        """Memory that it takes on the machine that trains."""
        return need_of(self.n_parameters or 0, self.facts.get("shape", {}), this_machine())

    @property
    def too_large(self) -> str:
        """Why the machine that trains cannot hold it; nothing where it can."""
        return too_large(self.need, this_machine())

    @property
    def state(self) -> str:
        """For pages: "here", "gone", "changed" or "large"."""
        if not self.is_here:
            return "gone"
        return "changed" if self.changed_files else "large" if self.too_large else "here"


class HubToken(models.Model):
    """A workspace's token for the hub, encrypted (`lib/secrets.py`): for models that ask who fetches them."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="hub_token")
    token = models.TextField(editable=False)
    updated_at = models.DateTimeField(auto_now=True)


class Arrival(Errand):
    """A base model on its way: fetched from the hub, read from a directory, or made. done, total: in KiB.

    location: of a local directory. commit: of a hub model. note: what is being done, such as the file under way.
    base_model: what came of it, or the one that is read again.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="arrivals")
    source = models.CharField(max_length=10, choices=BaseModel.Source.choices)
    name = models.CharField(max_length=160)
    location = models.CharField(max_length=500, blank=True)
    hub_id = models.CharField(max_length=200, blank=True)
    commit = models.CharField(max_length=40, blank=True)
    revision = models.CharField(max_length=130, blank=True)  # as it was asked for: "main"
    licence = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=200, blank=True)
    fix = models.TextField(blank=True)  # what to do where it failed
    base_model = models.ForeignKey(BaseModel, null=True, on_delete=models.CASCADE, related_name="arrivals")

    task = "registry.bring_model"
    goes_on = True
    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def done_bytes(self) -> int:
        return self.done * 1024

    @property
    def total_bytes(self) -> int:
        return self.total * 1024


class TunedModel(models.Model):
    """An adapter that a run produced. `path` is the checkpoint's directory."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tuned_models")
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="tuned_models")
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=500)
    adapter_hash = models.CharField(max_length=64)
    lineage = models.JSONField(default=dict)  # run, task set version, grader version and their hashes
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "workspace"

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def short_hash(self) -> str:
        return self.adapter_hash[:10]

    @property
    def is_here(self) -> bool:
        return (Path(self.path) / "adapter_model.safetensors").is_file()
