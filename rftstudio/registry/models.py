"""Base models to train and the tuned models that came of it, with their lineage."""

from datetime import datetime
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models

from rftstudio.accounts.models import Workspace


class BaseModel(models.Model):
    """A model to start from. Shared by all workspaces of the install; operators register them."""

    class Source(models.TextChoices):
        EMBEDDED = "embedded", "Embedded"
        LOCAL = "local", "Local directory"
        HUB = "hub", "Hugging Face hub"

    source = models.CharField(max_length=10, choices=Source.choices)
    name = models.CharField(max_length=160, unique=True)
    location = models.CharField(max_length=500)  # directory, or hub id
    revision = models.CharField(max_length=64, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    n_parameters = models.BigIntegerField(null=True, blank=True)
    context_length = models.PositiveIntegerField(default=2048)  # tokens
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
        """Whether its directory is there; a hub model is fetched when it is used."""
        return self.source == self.Source.HUB or Path(self.location).is_dir()


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
