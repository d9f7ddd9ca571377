"""A training that goes on from another one's checkpoint: which can be taken, what has to stay as it was.

Reads rows and files, changes nothing. The engine looks again before it loads anything (`engine/training/start.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from rftstudio.engine.adapter import AdapterFacts, check_shape, read_adapter
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import Start
from rftstudio.registry.models import BaseModel
from rftstudio.runs.models import Checkpoint, Run

INSTEAD = "Start from another checkpoint, or from the base model."


def kept_checkpoints(*runs: Run) -> "QuerySet[Checkpoint]":
    """Those that a training could start from, as far as the rows know; the best one first, then the latest."""
    return Checkpoint.objects.filter(run__in=runs, removed=False).select_related("run").order_by("-is_best", "-step")


def adapter_directory(checkpoint: Checkpoint) -> Path:
    return checkpoint.run.directory / checkpoint.path


def started_from(run: Run) -> Checkpoint | None:
    """The checkpoint that a training itself started from; None where that was the base model.

    Raises `SpecError` (path "baseline") where it is gone: nothing else can start as that training did.
    """
    if not run.origin:
        return None
    found = None
    if run.parent is not None and run.parent_step is not None:
        found = kept_checkpoints(run.parent).filter(step=run.parent_step).first()
    if found is None:
        where = f"step {run.origin['step']} of “{run.origin['name']}”"
        raise SpecError(
            f"This training started from {where}, which is gone, so no baseline can start there.",
            path="baseline",
            fix="Launch an SFT by itself, and compare the two.",
        )
    return found


def facts_of(checkpoint: Checkpoint) -> AdapterFacts:
    """Raises `SpecError` (path "start") where the checkpoint is gone or its weights are not those that were saved."""
    named = f"The checkpoint of step {checkpoint.step} of “{checkpoint.run}”"
    directory = adapter_directory(checkpoint)
    if checkpoint.removed or not directory.is_dir():
        raise SpecError(f"{named} is not kept any more.", path="start", fix=INSTEAD)
    try:
        return read_adapter(directory, adapter_hash=checkpoint.adapter_hash)
    except SpecError as error:
        raise SpecError(f"{named} cannot be used. {error.message}", path="start", fix=INSTEAD) from error


def check_start(checkpoint: Checkpoint, *, base_model: BaseModel, settings: Mapping[str, Any]) -> None:
    """Raises `SpecError` at the launch form's field that does not go with the checkpoint."""
    facts = facts_of(checkpoint)
    trained = checkpoint.run.base_model
    if trained.pk != base_model.pk:
        raise SpecError(
            f"The checkpoint was trained on {trained}; it means nothing to {base_model}.",
            path="base_model",
            fix=f"Choose {trained}, or start from the base model.",
        )
    check_shape(facts, settings)


def start_of(checkpoint: Checkpoint) -> Start:
    """What the job is told of it, and what stays known of it when its training is deleted."""
    run = checkpoint.run
    lineage = {
        "run": run.pk,
        "name": str(run),
        "step": checkpoint.step,
        "adapter_hash": checkpoint.adapter_hash,
        "valid_reward_mean": checkpoint.valid_reward_mean,
        **({"start": run.origin} if run.origin else {}),
    }
    return Start(checkpoint.adapter_hash, f"step {checkpoint.step} of “{run}”", lineage=lineage)


def described(checkpoint: Checkpoint) -> str:
    """A choice of the launch form."""
    marks = ["the best"] if checkpoint.is_best else []
    if checkpoint.valid_reward_mean is not None:
        marks.append(f"validation reward {checkpoint.valid_reward_mean:.2f}")
    return f"Step {checkpoint.step} of “{checkpoint.run}”" + (f" ({', '.join(marks)})" if marks else "")
