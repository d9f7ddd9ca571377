"""What can be done to models: make them known, keep what a training produced. What times them is `runs/timing.py`."""

import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import ProtectedError

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.models.contents import read_directory
from rftstudio.engine.models.refusals import require_usable
from rftstudio.engine.models.seal import facts_of
from rftstudio.registry.model_files import read_model
from rftstudio.registry.models import BaseModel, TunedModel

EMBEDDED = {"folder": "smollm2-135m-instruct", "name": "SmolLM2-135M-Instruct", "licence": "Apache-2.0"}


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
    """Read here and now; for what takes long see `arrivals.py`. Files that are known already are not hashed again."""
    known = BaseModel.objects.filter(name=name).first()
    if known and known.facts and known.location == str(directory) and not known.changed_files:
        facts = known.facts
        read_model(directory)
    else:
        contents = read_directory(directory)
        require_usable(contents)
        facts = facts_of(directory, contents)
    return keep_model(model=known, source=source, name=name, directory=directory, facts=facts, licence=licence)


def keep_model(
    *,
    model: BaseModel | None,
    source: str,
    name: str,
    directory: Path,
    facts: dict[str, Any],
    licence: str = "",
    revision: str = "",
    workspace: Workspace | None = None,
    by: User | None = None,
) -> BaseModel:
    """The row of a model whose directory is whole, from its facts. A model that is given is brought up to date."""
    model = model or BaseModel(name=name, workspace=workspace, created_by=by)
    if model.revision != (revision or facts["content_hash"]):
        model.timing = {}
    model.source, model.location, model.licence = source, str(directory), licence[:120]
    model.revision = revision or facts["content_hash"]
    model.n_parameters, model.context_length = facts["n_parameters"], facts["context_length"]
    model.facts = facts
    model.save()
    return model


def free_name(hub_id: str, commit: str) -> str:
    """What a hub model is called here: its id, with the commit where another revision has that name."""
    return f"{hub_id} ({commit[:7]})" if BaseModel.objects.filter(name=hub_id).exists() else hub_id


def uses_of(model: BaseModel) -> int:
    """How many trainings, checks and tuned models of all workspaces would lose it."""
    related = ("runs", "tuned_models", "readiness_checks")
    return sum(getattr(model, name).count() for name in related if hasattr(model, name))


def remove_model(*, model: BaseModel) -> None:
    """Forget a model; what was fetched for it is deleted, a local directory is left alone. Raises `SpecError`."""
    if model.source == BaseModel.Source.EMBEDDED:
        raise SpecError("This model belongs to the studio.", fix="It stays, so that there is always one to try.")
    if count := uses_of(model):
        times = "once" if count == 1 else f"{count} times"
        message = f"{model} is used {times} by trainings, checks or tuned models, which could not be repeated without."
        raise SpecError(message, fix="Keep it.")
    directory = Path(model.location)
    try:
        model.delete()
    except ProtectedError:
        raise SpecError(f"A training began to use {model} just now.", fix="Keep it.") from None
    ours = Path(settings.MODELS_DIR).resolve() / "hub"
    if model.source == BaseModel.Source.HUB and directory.resolve().is_relative_to(ours):
        shutil.rmtree(directory, ignore_errors=True)


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
