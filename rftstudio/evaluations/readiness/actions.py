"""Start readiness checks, and carry out a remedy. What follows a check's end is `settle.py`."""

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import Adapter, Job, Model, list_files, write_job
from rftstudio.engine.presets import DEFAULT_PRESET, check_evaluation, resolve
from rftstudio.evaluations.models import Readiness
from rftstudio.evaluations.readiness.choose import chosen_rows
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.toolbox import Toolbox
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue
from rftstudio.runs.check import check_sampling
from rftstudio.runs.drafts import prove_draft, publish_drafts
from rftstudio.runs.expect import expected_sampling
from rftstudio.tasksets.actions import delete_items
from rftstudio.tasksets.models import AnswerType, Split, TaskSet, TaskSetVersion
from rftstudio.tasksets.rows import to_items

N_ITEMS = 64
SAMPLES = 8
FEWEST_SAMPLES = 2  # a single answer has nothing to differ from


def usual_settings(taskset: TaskSet | TaskSetVersion) -> dict[str, Any]:
    """As a training samples: temperature 1, the default preset's longest answer; several answers a task."""
    longest = resolve(DEFAULT_PRESET, answer_limit=taskset.answer_limit)["max_completion_length"]
    return check_evaluation({"samples": SAMPLES, "temperature": 1.0, "max_completion_length": longest})


def start_check(
    *,
    taskset_version: TaskSetVersion,
    grader_version: GraderVersion,
    base_model: BaseModel,
    by: User | None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    n_items: int = N_ITEMS,
    pass_score: float = 1.0,
) -> Readiness:
    """Queue a check. settings: what differs from `usual_settings` (engine/presets.py, `EVALUATION_DIALS`).

    Raises `SpecError` (path: the field) where the model could not answer or the grader not mark, `SystemFault` where
    the disk refuses.
    """
    values = check_evaluation({**usual_settings(taskset_version), **(settings or {})})
    if values["samples"] < FEWEST_SAMPLES:
        message = "One answer to a task has nothing to differ from."
        raise SpecError(message, path="samples", fix=f"Take at least {FEWEST_SAMPLES}.")
    items = to_items(taskset_version, chosen_rows(taskset_version, seed=seed, n_items=n_items))
    check_sampling(
        taskset_version=taskset_version,
        grader_version=grader_version,
        base_model=base_model,
        items=items,
        settings=values,
    )
    taskset = taskset_version.taskset
    toolbox = Toolbox.of(taskset.workspace, grader_version.spec)
    job = Job(
        kind="evaluation",
        model=Model(base_model.location, base_model.name, base_model.revision or None),
        grader=grader_version.spec,
        settings=values,
        data={"items": "items.jsonl"},
        seed=seed,
        json_answers=taskset_version.definition["answer_type"] == AnswerType.JSON,
        adapters=(Adapter("base"),),
        labels={"taskset": str(taskset_version), "grader": str(grader_version)},
        lists=list_files(toolbox.lists),
        judges=toolbox.endpoints(),
        secrets=toolbox.secrets(),
    )
    directory: Path | None = None
    try:
        with transaction.atomic():
            queue.require_room(taskset.workspace)
            check = Readiness.objects.create(
                workspace=taskset.workspace,
                taskset_version=taskset_version,
                grader_version=grader_version,
                base_model=base_model,
                settings=values,
                seed=seed,
                pass_score=pass_score,
                n_items=n_items,
                expected_seconds=expected_sampling(base_model, values, items, taskset=taskset),
                progress={"done": 0, "total": len(items) * values["samples"]},
                created_by=by,
            )
            directory = check.directory
            shutil.rmtree(directory, ignore_errors=True)  # of a row that was never committed
            write_job(directory, job, {"items": items}, toolbox.lists)
            queue.submit(check)
    except BaseException:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return check


def publish_and_check(
    *,
    taskset: TaskSet,
    grader: Grader,
    taskset_version: TaskSetVersion | None,
    grader_version: GraderVersion | None,
    by: User | None,
    **check: Any,
) -> Readiness:
    """`start_check`, with the drafts published first where no version is given, as a launch does."""
    prove_draft(grader=grader, grader_version=grader_version, by=by)
    with transaction.atomic():
        tasks, marks = publish_drafts(
            taskset=taskset, grader=grader, taskset_version=taskset_version, grader_version=grader_version, by=by
        )
        return start_check(taskset_version=tasks, grader_version=marks, by=by, **check)


def check_again(*, check: Readiness, by: User | None) -> Readiness:
    """A new check of the same versions with the same settings. Raises as `start_check`."""
    return start_check(
        taskset_version=check.taskset_version,
        grader_version=check.grader_version,
        base_model=check.base_model,
        by=by,
        settings=check.settings,
        seed=check.seed,
        n_items=check.n_items,
        pass_score=check.pass_score,
    )


def drop_solved(*, check: Readiness, by: User | None) -> tuple[int, datetime]:
    """Take the tasks that were always right out of the draft. Those that were changed since stay.

    Returns how many, and the moment by which `restore_items` finds them again.
    """
    taskset = check.taskset
    solved = check.summary.get("solved", [])
    frozen = dict(check.taskset_version.items.filter(key__in=solved).values_list("key", "content_hash"))
    live = taskset.items.live().filter(key__in=solved, split=Split.TRAIN).values_list("pk", "key", "content_hash")
    same = [pk for pk, key, content in live if frozen.get(key) == content]
    return delete_items(taskset=taskset, items=taskset.items.filter(pk__in=same), by=by)
