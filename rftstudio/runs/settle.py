"""What a training leaves behind: its result, and a tuned model made of one of its checkpoints."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.registry.actions import keep_tuned_model
from rftstudio.registry.models import TunedModel
from rftstudio.runs.jobs import ENDED_STATUSES, Status
from rftstudio.runs.models import Checkpoint, Run


def settle_run(*, run: Run) -> Run:
    """Take the result in: figures, and the tuned model of a training that went to its end."""
    run.result = _result(run.directory)
    run.save(update_fields=["result"])
    best = best_checkpoint(run)
    if run.status == Status.SUCCEEDED and best is not None:
        keep_checkpoint(checkpoint=best, by=run.created_by)
    return run


def keep_checkpoint(*, checkpoint: Checkpoint, by: User | None) -> TunedModel:
    """Make a checkpoint the tuned model. Raises `SpecError` where it has been removed or the run has not ended."""
    run = checkpoint.run
    if run.status not in ENDED_STATUSES:
        raise SpecError("This training has not ended.", fix="Stop it first, or wait for its end.")
    if checkpoint.removed:
        raise SpecError(f"The checkpoint of step {checkpoint.step} is not kept any more.", fix="Choose another one.")
    if run.tuned_model is not None:
        return run.tuned_model
    with transaction.atomic():
        run.tuned_model = keep_tuned_model(
            workspace=run.workspace,
            base_model=run.base_model,
            name=f"{run.taskset.name}, training {run.pk}, step {checkpoint.step}",
            path=run.directory / checkpoint.path,
            adapter_hash=checkpoint.adapter_hash,
            lineage=lineage(run, checkpoint),
            by=by,
        )
        run.save(update_fields=["tuned_model"])
    return run.tuned_model


def best_checkpoint(run: Run) -> Checkpoint | None:
    """By validation reward, of those that are kept; the one marked best by the engine where there is one."""
    kept = run.checkpoints.filter(removed=False)
    evaluated = kept.exclude(valid_reward_mean=None)
    return kept.filter(is_best=True).first() or evaluated.order_by("-valid_reward_mean", "-step").first()


def lineage(run: Run, checkpoint: Checkpoint) -> dict[str, Any]:
    """Where an adapter comes from, so that it can be told without the run's row."""
    return {
        "run": run.pk,
        "step": checkpoint.step,
        "valid_reward_mean": checkpoint.valid_reward_mean,
        "base_valid_reward_mean": run.result.get("base_valid_reward_mean"),
        # Of a training that went on from a checkpoint: which one, and what it got on these validation tasks.
        **({"start": run.origin} if run.origin else {}),
        "start_valid_reward_mean": run.result.get("start_valid_reward_mean"),
        "base_model": {"name": run.base_model.name, "revision": run.base_model.revision},
        "taskset": {
            "name": run.taskset.name,
            "version": run.taskset_version.number,
            "content_hash": run.taskset_version.content_hash,
        },
        "grader": {
            "name": run.grader_version.grader.name,
            "version": run.grader_version.number,
            "content_hash": run.grader_version.content_hash,
        },
        "preset": run.preset,
        "settings": run.settings,
        "seed": run.seed,
    }


def _result(directory: Path) -> dict[str, Any]:
    try:
        result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}
