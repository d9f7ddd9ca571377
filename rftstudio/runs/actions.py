"""What can be done to trainings: launch, pause, resume, continue, cancel. What they leave behind: `settle.py`."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings as settings_of_studio
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine import presets
from rftstudio.engine.approaches import SFT, SFT_RFT
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import Job, Model, list_files, write_job
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.toolbox import Toolbox
from rftstudio.registry.actions import register_embedded
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue
from rftstudio.runs.check import check_launch
from rftstudio.runs.continuing import adapter_directory, start_of
from rftstudio.runs.drafts import prove_draft, publish_drafts
from rftstudio.runs.expect import expected_seconds
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.models import Checkpoint, Run
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
    start: Checkpoint | None = None,
    baseline_for: Run | None = None,
) -> Run:
    """A queued training with its job directory, on its way. settings: what differs from the preset.

    start: the checkpoint of another training to go on from; its adapter is copied.
    baseline_for: the training that it is the baseline of.

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
    with transaction.atomic():
        queue.require_room(taskset.workspace)
        run = Run.objects.create(
            workspace=taskset.workspace,
            taskset_version=taskset_version,
            grader_version=grader_version,
            base_model=base_model,
            name=(name or f"{taskset.name}, {presets.PRESETS[preset].label.lower()}{_kind(checked.settings)}")[:160],
            baseline_for=baseline_for,
            preset=preset,
            settings=checked.settings,
            seed=seed,
            expected_seconds=expected_seconds(base_model, checked.settings, checked.items, taskset=taskset),
            created_by=by,
            parent=start.run if start else None,
            parent_step=start.step if start else None,
            origin=job.start.lineage if job.start else {},
        )
        _set_aside(run.directory)
        adapter = adapter_directory(start) if start else None
        write_job(run.directory, job, checked.items, toolbox.lists, adapter=adapter)
        queue.submit(run)
    return run


def find_models() -> None:
    """Make the embedded model known where the install has it and nobody has said so yet."""
    if not BaseModel.objects.exists():
        with suppress(SpecError):
            register_embedded()


def publish_and_launch(
    *,
    taskset: TaskSet,
    grader: Grader,
    taskset_version: TaskSetVersion | None,
    grader_version: GraderVersion | None,
    by: User | None,
    baseline: bool = False,
    **launch: Any,
) -> Run:
    """`launch_run`, with the drafts published first where no version is given. All of it happens or nothing does.

    baseline: train an SFT of the same tasks, preset and settings beside it (not beside an SFT).
    What a red-team found on the way is kept either way. Raises `SpecError` with "taskset_version" or "grader_version"
    as its path where a draft cannot be published.
    """
    prove_draft(grader=grader, grader_version=grader_version, by=by)
    baseline = baseline and launch["settings"].get("approach") != SFT
    made: list[Run] = []
    try:
        with transaction.atomic():
            tasks, marks = publish_drafts(
                taskset=taskset, grader=grader, taskset_version=taskset_version, grader_version=grader_version, by=by
            )
            if baseline:
                queue.require_room(taskset.workspace, jobs=2)
            made.append(launch_run(taskset_version=tasks, grader_version=marks, by=by, **launch))
            if baseline:
                launch_baseline(run=made[0], by=by, start=launch.get("start"))
    except BaseException:
        for run in made:  # its row is gone again
            shutil.rmtree(run.directory, ignore_errors=True)
        raise
    return made[0]


def launch_baseline(*, run: Run, by: User | None, start: Checkpoint | None = None) -> Run:
    """The SFT that a reinforcement has to beat: everything alike but the way of learning. One a training.

    start: the checkpoint that the training itself starts from.

    Raises `SpecError` with "baseline" as its path where there is nothing to copy, or is one already.
    """
    if not run.way.reinforces or Run.objects.filter(baseline_for=run).exists():
        raise SpecError("This training has its SFT baseline.", path="baseline", fix="Look at its page.")
    try:
        return launch_run(
            taskset_version=run.taskset_version,
            grader_version=run.grader_version,
            base_model=run.base_model,
            preset=run.preset,
            settings={**run.settings, "approach": SFT},
            seed=run.seed,
            name=f"{run.name[:140]}: SFT baseline",
            by=by,
            baseline_for=run,
            start=start,
        )
    except SpecError as error:
        if error.path == "approach":
            error.path = "baseline"
        raise


def _kind(settings: dict[str, Any]) -> str:
    """What a name says of the way of learning where it is not the usual one; begins with a comma."""
    return {SFT: ", SFT", SFT_RFT: ", SFT first"}.get(settings["approach"], "")


def cancel_run(*, run: Run, by: User | None) -> Run:
    """Ask for the end: at once where it does not run, else after its step. Raises `SpecError` once it is over."""
    cancel_job(job=run, by=by)
    return run


def cancel_job(*, job: EngineJob, by: User | None) -> EngineJob:
    """The same for any job. Whoever of two comes second finds it done."""
    rows = type(job)._default_manager.filter(pk=job.pk)
    now = timezone.now()
    for _ in range(2):  # what ran at the first look may be paused at the second
        ended = rows.filter(status__in=(Status.QUEUED, Status.PAUSED)).update(
            status=Status.CANCELLED, finished_at=Coalesce("finished_at", now)
        )
        if ended or rows.filter(status=Status.RUNNING).update(wish="cancel"):
            job.refresh_from_db()
            return job
    raise SpecError("This is over already.", fix="There is nothing to cancel.")


def pause_run(*, run: Run, by: User | None) -> Run:
    """Ask for a pause: at once where it waits, else after the step under way. Raises `SpecError` where it does not run.

    A wish to stop goes before it.
    """
    rows = Run.objects.filter(pk=run.pk)
    held = rows.filter(status=Status.QUEUED).update(status=Status.PAUSED)
    if not held and not rows.filter(status=Status.RUNNING, wish__in=("", "pause")).update(wish="pause"):
        if rows.filter(status=Status.RUNNING).exists():
            raise SpecError("This training is being stopped.", fix="Launch it again to go on.")
        raise SpecError("This training does not run.", fix="Only one that runs or waits can be paused.")
    run.refresh_from_db()
    return run


def resume_run(*, run: Run, by: User | None) -> Run:
    """Put a paused training back into the line; it goes on from where it paused.

    Raises `SpecError` for any other, and where the line of its workspace is full: it stays paused then.
    """
    if not _put_back(run, Q(status=Status.PAUSED)):
        raise SpecError("This training is not paused.", fix="Look at its page again.")
    return run


def continue_run(*, run: Run, by: User | None) -> Run:
    """Put a training back into the line that the machine failed; it goes on from what it had saved.

    Raises `SpecError` for any other: what failed for its task set or its grader would fail again, or mix the marks of
    two graders in one record, and one of which a checkpoint was kept as a model is over. Raises it, too, where the line
    of its workspace is full: it stays failed then.
    """
    if not _put_back(run, Q(status=Status.FAILED, culprit="system", tuned_model=None)):
        run.refresh_from_db()
        if run.status == Status.FAILED and run.tuned_model_id:
            raise SpecError("A checkpoint of this training was kept as a model.", fix="Launch it again to train more.")
        raise SpecError("This training was not ended by the machine.", fix="Look at its page again.")
    return run


def _put_back(run: Run, which: Q) -> bool:
    """Queue a training that has worked before; whether it was one of `which`. Raises `SpecError` where no room is."""
    with transaction.atomic():
        run.refresh_from_db()
        found = Run.objects.filter(which, pk=run.pk)
        if not found.exists():
            return False
        _require_room_again(run)
        # What its log says until here is over, above all that it paused or failed.
        handle = {"log": run.offsets.get("events", 0)}
        again = {"status": Status.QUEUED, "wish": "", "handle": handle, "error": "", "culprit": ""}
        if not found.update(**again):
            return False
        run.refresh_from_db()
        queue.submit(run)
    return True


def _require_room_again(run: Run) -> None:
    """The line's limit holds for what has worked before as for what is new."""
    try:
        queue.require_room(run.workspace)
    except SpecError as error:
        kept = "This training keeps all that it has learned and waits for you; try again then."
        raise SpecError(error.message, fix=f"{error.fix} {kept}") from None


def _set_aside(directory: Path) -> None:
    """A directory from before this row existed (an older database's) is kept under another name."""
    if not directory.exists():
        return
    number = 1
    while (aside := directory.with_name(f"{directory.name}.old-{number}")).exists():
        number += 1
    shutil.move(directory, aside)
