"""A training that has been checked and may be made; and making it: its row and its job directory.

Checking reads weights' headers, tasks and grader and may take seconds. Making is quick, since it holds the line.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings as settings_of_studio

from rftstudio.accounts.models import User
from rftstudio.engine import presets
from rftstudio.engine.approaches import SFT, SFT_RFT
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.judges.purse import FILE
from rftstudio.engine.job import Job, Model, SharedBudget, WordLists, list_files, write_job
from rftstudio.engine.types import Item
from rftstudio.graders.models import GraderVersion
from rftstudio.graders.toolbox import Toolbox
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue
from rftstudio.runs.check import check_launch
from rftstudio.runs.continuing import adapter_directory, start_of
from rftstudio.runs.expect import expected_seconds
from rftstudio.runs.judged import has_budget, training_shares
from rftstudio.runs.models import Checkpoint, Run
from rftstudio.tasksets.models import AnswerType, Split, TaskSetVersion


@dataclass(frozen=True)
class Plan:
    """run: not saved yet. n_test: tasks to compare on. start: the checkpoint of another training to go on from."""

    run: Run
    job: Job
    items: dict[str, list[Item]]
    n_test: int
    lists: WordLists
    start: Checkpoint | None


def plan_run(
    *,
    taskset_version: TaskSetVersion,
    grader_version: GraderVersion,
    base_model: BaseModel,
    preset: str,
    settings: dict[str, Any],
    by: User | None,
    seed: int = 0,
    name: str = "",
    start: Checkpoint | None = None,
) -> Plan:
    """As `actions.launch_run`, up to where something is written. Raises `SpecError` whose path is a form's field."""
    checked = check_launch(
        taskset_version=taskset_version,
        grader_version=grader_version,
        base_model=base_model,
        preset=preset,
        settings=settings,
        seed=seed,
        start=start,
    )
    taskset = taskset_version.taskset
    toolbox = Toolbox.of(taskset.workspace, grader_version.spec)
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
        lists=list_files(toolbox.lists),
        judges=toolbox.endpoints(),
        secrets=toolbox.secrets(),
        report_to=tuple(settings_of_studio.REPORT_TO),
        start=start_of(start) if start else None,
    )
    run = Run(
        workspace=taskset.workspace,
        taskset_version=taskset_version,
        grader_version=grader_version,
        base_model=base_model,
        name=(name or f"{taskset.name}, {presets.PRESETS[preset].label.lower()}{_kind(checked.settings)}")[:160],
        preset=preset,
        settings=checked.settings,
        seed=seed,
        expected_seconds=expected_seconds(base_model, checked.settings, checked.items, taskset=taskset),
        created_by=by,
        parent=start.run if start else None,
        parent_step=start.step if start else None,
        origin=job.start.lineage if job.start else {},
    )
    return Plan(run, job, checked.items, len(checked.test), toolbox.lists, start)


def plan_baseline(run: Run, *, by: User | None, start: Checkpoint | None = None) -> Plan:
    """The SFT that a reinforcement has to beat: everything alike but the way of learning. run: saved or planned.

    start: the checkpoint that the training itself starts from. Raises `SpecError`; path: "baseline" where there is
    nothing to copy, else a launch form's field.
    """
    try:
        return plan_run(
            taskset_version=run.taskset_version,
            grader_version=run.grader_version,
            base_model=run.base_model,
            preset=run.preset,
            settings={**run.settings, "approach": SFT},
            seed=run.seed,
            name=f"{run.name[:140]}: SFT baseline",
            by=by,
            start=start,
        )
    except SpecError as error:
        if error.path == "approach":
            error.path = "baseline"
        raise


def with_budget(plans: Sequence[Plan], *, comparisons: int) -> list[Plan]:
    """The trainings of one launch, which share a budget for judges where it has one, each with a part of its own.

    comparisons: how many follow by themselves; they share it as well.
    """
    first = plans[0]
    if not (first.job.judges and has_budget(first.run.settings)):
        return list(plans)
    shares = training_shares(
        [plan.run.settings for plan in plans],
        n_validation=len(first.items[Split.VALIDATION.value]),
        n_test=first.n_test,
        comparisons=comparisons,
    )
    return [
        replace(plan, job=replace(plan.job, budget=SharedBudget(FILE, round(share, 4))))
        for plan, share in zip(plans, shares, strict=True)
    ]


def make_planned(plan: Plan, *, baseline_for: Run | None = None, first: Run | None = None) -> Run:
    """Save the row, write the directory, put it on its way. Call it in a transaction that has asked for room.

    baseline_for: the training that it is the baseline of. first: the first training of the same launch, where this is
    not the first. Raises `SystemFault` when the directory cannot be written.
    """
    run, job = plan.run, plan.job
    run.baseline_for = baseline_for
    run.save(force_insert=True)
    _set_aside(run.directory)
    if job.budget and first:
        file = os.path.relpath(first.directory / job.budget.file, run.directory)
        job = replace(job, budget=replace(job.budget, file=file))
    adapter = adapter_directory(plan.start) if plan.start else None
    write_job(run.directory, job, plan.items, plan.lists, adapter=adapter)
    queue.submit(run)
    return run


def _kind(settings: dict[str, Any]) -> str:
    """What a name says of the way of learning where it is not the usual one; begins with a comma."""
    return {SFT: ", SFT", SFT_RFT: ", SFT first"}.get(settings["approach"], "")


def _set_aside(directory: Path) -> None:
    """A directory from before this row existed (an older database's) is kept under another name."""
    if not directory.exists():
        return
    number = 1
    while (aside := directory.with_name(f"{directory.name}.old-{number}")).exists():
        number += 1
    shutil.move(directory, aside)
