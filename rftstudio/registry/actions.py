"""What can be done to models: make them known, time them, keep what a training produced."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.launch.environment import environment
from rftstudio.registry.model_files import read_model
from rftstudio.registry.models import BaseModel, TunedModel

EMBEDDED = {"folder": "smollm2-135m-instruct", "name": "SmolLM2-135M-Instruct", "licence": "Apache-2.0"}
TIMING_SECONDS = 480  # a timing that takes longer is given up: it runs inside a short task
ASK_AGAIN = timedelta(minutes=10)


def register_embedded() -> BaseModel:
    """The row of the model that ships with the default install. Repeating it brings the row up to date.

    Raises `SpecError` where the model has not been fetched yet.
    """
    directory = Path(settings.MODELS_DIR) / EMBEDDED["folder"]
    return _register(
        source=BaseModel.Source.EMBEDDED, name=EMBEDDED["name"], directory=directory, licence=EMBEDDED["licence"]
    )


def register_local(*, name: str, directory: Path, licence: str = "") -> BaseModel:
    """A model in a directory of this machine. Raises `SpecError` naming what is missing there."""
    if not name.strip():
        raise SpecError("The model has no name.", path="name", fix="Give it one.")
    return _register(source=BaseModel.Source.LOCAL, name=name.strip(), directory=directory.resolve(), licence=licence)


def _register(*, source: str, name: str, directory: Path, licence: str) -> BaseModel:
    facts = read_model(directory)
    model, _ = BaseModel.objects.update_or_create(
        name=name,
        defaults={
            "source": source,
            "location": str(directory),
            "licence": licence,
            "n_parameters": facts.n_parameters,
            "context_length": facts.context_length,
        },
    )
    return model


def ask_for_timing(*, model: BaseModel) -> bool:
    """Note that a timing is wanted and say whether the caller is the one to start it."""
    if model.is_timed:
        return False
    now = timezone.now()
    asked = model.timing.get("asked_at")
    if asked and now - datetime.fromisoformat(asked) < ASK_AGAIN:
        return False
    changed = BaseModel.objects.filter(pk=model.pk, timing=model.timing).update(timing={"asked_at": now.isoformat()})
    return bool(changed)


def forget_timing(*, model: BaseModel) -> BaseModel:
    """Let the next one who asks time it anew."""
    model.timing = {}
    model.save(update_fields=["timing"])
    return model


def note_untimed(*, model: BaseModel, why: str) -> BaseModel:
    """A timing did not work; pages say so instead of waiting for it."""
    model.timing = {"asked_at": timezone.now().isoformat(), "error": why[:500]}
    model.save(update_fields=["timing"])
    return model


def time_model(*, model: BaseModel) -> BaseModel:
    """Time one training step of a model on this machine and keep the figures. Takes up to minutes.

    Raises `SystemFault` with the last line of what the engine said when it does not work.
    """
    with tempfile.TemporaryDirectory(prefix="rft-timing-") as folder:
        result = Path(folder) / "timing.json"
        command = [
            sys.executable, "-P", "-m", "rftstudio.engine.training", "time",
            "--model", model.location, "--out", str(result),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment(os.environ, offline=model.source != BaseModel.Source.HUB),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMING_SECONDS,
                check=False,
            )
            figures: dict[str, Any] = json.loads(result.read_text(encoding="utf-8")) if done.returncode == 0 else {}
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise SystemFault(f"{model} could not be timed: {error}") from error
    if not figures:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise SystemFault(f"{model} could not be timed: {said}")
    model.timing = {"record": figures, "timed_at": timezone.now().isoformat()}
    model.save(update_fields=["timing"])
    return model


def keep_tuned_model(
    *,
    workspace: Workspace,
    base_model: BaseModel,
    name: str,
    path: Path,
    adapter_hash: str,
    lineage: dict[str, Any],
    by: User | None,
) -> TunedModel:
    """The row of an adapter that a training produced. Raises `SystemFault` where its files are not there."""
    if not (path / "adapter_config.json").is_file():
        raise SystemFault(f"The adapter's files are not in {path}.")
    return TunedModel.objects.create(
        workspace=workspace,
        base_model=base_model,
        name=name[:200],
        path=str(path),
        adapter_hash=adapter_hash,
        lineage=lineage,
        created_by=by,
    )
