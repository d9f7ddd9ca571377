"""A launch form filled in as another training was: to repeat it, or to go on from one of its checkpoints with changes.

What cannot be had any more is said at its field; nothing is launched here.
"""

from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine import presets
from rftstudio.engine.errors import SpecError
from rftstudio.graders.models import Grader
from rftstudio.registry.models import BaseModel
from rftstudio.runs.continuing import INSTEAD, facts_of, kept_checkpoints
from rftstudio.runs.models import Checkpoint, Run


@dataclass(frozen=True)
class Again:
    """run: the one to repeat. start: its checkpoint to go on from. notes: by field, what is not as it was, and why."""

    run: Run
    start: Checkpoint | None
    initial: dict[str, Any]
    notes: dict[str, str] = field(default_factory=dict)


def as_run(run: Run, *, grader: Grader | None, step: int | None = None) -> Again:
    """grader: the one that the task set uses now. step: of the checkpoint to go on from; None to start afresh."""
    notes: dict[str, str] = {}
    initial: dict[str, Any] = {"preset": run.preset, "seed": run.seed, "taskset_version": str(run.taskset_version_id)}
    initial |= _changed_dials(run)
    _grader(run, grader, initial, notes)
    _base_model(run, initial, notes)
    if run.preset not in presets.PRESETS:
        initial["preset"] = presets.DEFAULT_PRESET
        notes["preset"] = f"The preset “{run.preset}” is not offered any more; its settings stand under Advanced."
    start = None
    if step is None and run.origin:
        if run.parent is not None and run.parent_step is not None:
            start = kept_checkpoints(run.parent).filter(step=run.parent_step).first()
        if start is None:
            where = f"step {run.origin['step']} of “{run.origin['name']}”"
            notes["start"] = f"It started from {where}, which is gone. {INSTEAD}"
    elif step is not None:
        start = kept_checkpoints(run).filter(step=step).first()
        if start is None:
            notes["start"] = f"The checkpoint of step {step} is not kept any more. {INSTEAD}"
    if start is not None:
        _start(start, initial, notes)
    ending = f", from step {step}" if start and step is not None else ", again"
    initial["name"] = f"{str(run)[: 160 - len(ending)].removesuffix(ending)}{ending}"
    return Again(run, start, initial, notes)


def _changed_dials(run: Run) -> dict[str, Any]:
    """The settings that differ from what preset and method have, as a form shows them."""
    usual = presets.usual(run.preset, run.settings, answer_limit=run.taskset.answer_limit)
    changed = {name: value for name, value in run.settings.items() if usual.get(name) != value}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in changed.items()}


def _grader(run: Run, grader: Grader | None, initial: dict[str, Any], notes: dict[str, str]) -> None:
    marked_by = run.grader_version
    if grader is not None and marked_by.grader_id == grader.pk:
        initial["grader_version"] = str(marked_by.pk)
    else:
        why = "has been archived" if marked_by.grader.archived_at else "is not the one that these tasks use any more"
        notes["grader_version"] = f"“{marked_by.grader}”, which marked that training, {why}. Choose a version of this."


def _base_model(run: Run, initial: dict[str, Any], notes: dict[str, str]) -> None:
    if run.base_model.is_here:
        initial["base_model"] = run.base_model_id
        return
    other = next((model for model in BaseModel.objects.all() if model.is_here), None)
    if other is not None:
        initial["base_model"] = other.pk
    notes["base_model"] = (
        f"{run.base_model}, which that training was made from, is not on this machine any more. "
        "Fetch it again, or choose another one."
    )


def _start(start: Checkpoint, initial: dict[str, Any], notes: dict[str, str]) -> None:
    """Rank and scale stay those of the checkpoint, whatever preset is chosen."""
    initial["start"] = start.pk
    try:
        facts = facts_of(start)
    except SpecError as error:
        notes["start"] = f"{error.message} {error.fix}"
        return
    initial |= {"lora_rank": facts.rank, "lora_alpha": f"{facts.alpha:g}"}
