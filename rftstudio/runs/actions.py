"""What can be done to trainings: launch, cancel, settle, keep a checkpoint. Verbs; each returns the object."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine import presets
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import Job, Model, write_job
from rftstudio.graders.actions import publish_grader
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.registry.actions import keep_tuned_model, register_embedded
from rftstudio.registry.models import BaseModel, TunedModel
from rftstudio.runs import queue
from rftstudio.runs.check import check_launch
from rftstudio.runs.expect import expected_seconds
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.models import Checkpoint, Run
from rftstudio.tasksets.actions import publish_version
from rftstudio.tasksets.models import AnswerType, TaskSet, TaskSetVersion


def launch_run(
    *,
    taskset_version: TaskSetVersion,
    grader_version: GraderVersion,
    base_model: BaseModel,
    preset: str,
    settings: dict[str, Any],
    by: User | None,
    seed: int = 0,
    name: str = "",
) -> Run:
    """A queued training with its job directory, on its way. settings: what differs from the preset.

    Raises `SpecError` whose path is a launch form's field, before anything is written, and `SystemFault`
    when the directory cannot be.
    """
    checked = check_launch(
        taskset_version=taskset_version,
        grader_version=grader_version,
        base_model=base_model,
        preset=preset,
        settings=settings,
        seed=seed,
    )
    taskset = taskset_version.taskset
    job = Job(
        kind="training",
        model=Model(base_model.location, base_model.name, base_model.revision or None),
        grader=grader_version.spec,
        settings=checked.settings,
        data={split: f"{split}.jsonl" for split in checked.items},
        seed=seed,
        preset=preset,
        json_answers=taskset.answer_type == AnswerType.JSON,
        labels={"taskset": str(taskset_version), "grader": str(grader_version)},
    )
    with transaction.atomic():
        run = Run.objects.create(
            workspace=taskset.workspace,
            taskset_version=taskset_version,
            grader_version=grader_version,
            base_model=base_model,
            name=(name or f"{taskset.name}, {presets.PRESETS[preset].label.lower()}")[:160],
            preset=preset,
            settings=checked.settings,
            seed=seed,
            expected_seconds=expected_seconds(base_model, checked.settings, checked.items, taskset=taskset),
            created_by=by,
        )
        _set_aside(run.directory)
        write_job(run.directory, job, checked.items)
        queue.submit(run)
    return run


def find_models() -> None:
    """Make the embedded model known where the install has it and nobody has said so yet."""
    if not BaseModel.objects.exists():
        with suppress(SpecError):
            register_embedded()


@transaction.atomic
def publish_and_launch(
    *,
    taskset: TaskSet,
    grader: Grader,
    taskset_version: TaskSetVersion | None,
    grader_version: GraderVersion | None,
    by: User | None,
    **launch: Any,
) -> Run:
    """`launch_run`, with the drafts published first where no version is given. All of it happens or nothing does.

    Raises `SpecError` with "taskset_version" or "grader_version" as its path where a draft cannot be published.
    """
    if taskset_version is None:
        with _errors_at("taskset_version"):
            taskset_version = publish_version(taskset=taskset, by=by)
    if grader_version is None:
        with _errors_at("grader_version"):
            grader_version = publish_grader(grader=grader, by=by)
    return launch_run(taskset_version=taskset_version, grader_version=grader_version, by=by, **launch)


@contextmanager
def _errors_at(path: str) -> Iterator[None]:
    """The author's mistakes in here belong to that field."""
    try:
        yield
    except SpecError as error:
        where = f"{error.path}: " if error.path else ""
        raise SpecError(f"{where}{error.message}", path=path, fix=error.fix) from error


def cancel_run(*, run: Run, by: User | None) -> Run:
    """Ask for the end. A waiting run ends at once, a running one after its step. Raises `SpecError` once it is over."""
    cancel_job(job=run, by=by)
    return run


def cancel_job(*, job: EngineJob, by: User | None) -> EngineJob:
    """The same for any job. Whoever of two comes second finds it done."""
    rows = type(job)._default_manager.filter(pk=job.pk)
    ended = rows.filter(status=Status.QUEUED).update(status=Status.CANCELLED, finished_at=timezone.now())
    if not ended and not rows.filter(status=Status.RUNNING).update(wish="cancel"):
        raise SpecError("This is over already.", fix="There is nothing to cancel.")
    job.refresh_from_db()
    return job


def settle_run(*, run: Run) -> Run:
    """Take the result in: figures, and the tuned model of a training that went to its end."""
    run.result = _result(run.directory)
    run.save(update_fields=["result"])
    best = best_checkpoint(run)
    if run.status == Status.SUCCEEDED and best is not None:
        keep_checkpoint(checkpoint=best, by=run.created_by)
    return run


def keep_checkpoint(*, checkpoint: Checkpoint, by: User | None) -> TunedModel:
    """Make a checkpoint the run's tuned model. Raises `SpecError` where it has been removed."""
    run = checkpoint.run
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


def _set_aside(directory: Path) -> None:
    """A directory from before this row existed (an older database's) is kept under another name."""
    if not directory.exists():
        return
    number = 1
    while (aside := directory.with_name(f"{directory.name}.old-{number}")).exists():
        number += 1
    shutil.move(directory, aside)
