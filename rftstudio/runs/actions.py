"""What can be done to trainings: launch, pause, resume, continue, cancel. What they leave behind: `settle.py`."""

import shutil
from contextlib import nullcontext, suppress
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.registry.actions import register_embedded
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue
from rftstudio.runs.continuing import started_from
from rftstudio.runs.drafts import prove_draft, publish_drafts
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.models import Checkpoint, Run
from rftstudio.runs.plan import make_planned, plan_baseline, plan_run, with_budget
from rftstudio.tasksets.models import TaskSet, TaskSetVersion


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
) -> Run:
    """A queued training with its job directory, on its way. settings: what differs from the preset.

    start: the checkpoint of another training to go on from; its adapter is copied.

    Raises `SpecError` whose path is a launch form's field, before anything is written, and `SystemFault`
    when the directory cannot be.
    """
    plan = plan_run(
        taskset_version=taskset_version,
        grader_version=grader_version,
        base_model=base_model,
        preset=preset,
        settings=settings,
        by=by,
        seed=seed,
        name=name,
        start=start,
    )
    [plan] = with_budget([plan], comparisons=1)
    with transaction.atomic():
        queue.require_room(plan.run.workspace)
        return make_planned(plan)


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
    made: list[Run] = []
    # On SQLite a transaction is the lock: one is opened before the checks only where they need a draft published first.
    drafts = taskset_version is None or grader_version is None
    try:
        with transaction.atomic() if drafts else nullcontext():
            tasks, marks = publish_drafts(
                taskset=taskset, grader=grader, taskset_version=taskset_version, grader_version=grader_version, by=by
            )
            plans = [plan_run(taskset_version=tasks, grader_version=marks, by=by, **launch)]
            if baseline and plans[0].run.way.reinforces:
                plans.append(plan_baseline(plans[0].run, by=by, start=plans[0].start))
            # Each with its base, and the two with each other.
            plans = with_budget(plans, comparisons=3 if len(plans) > 1 else 1)
            with transaction.atomic():
                queue.require_room(taskset.workspace, jobs=len(plans))
                for plan in plans:
                    first = made[0] if made else None
                    made.append(make_planned(plan, baseline_for=first, first=first))
    except BaseException:
        for run in made:  # its row is gone again
            shutil.rmtree(run.directory, ignore_errors=True)
        raise
    return made[0]


def launch_baseline(*, run: Run, by: User | None) -> Run:
    """An SFT for a reinforcement that was launched without (`plan_baseline`), or whose own came to nothing. One each.

    Raises `SpecError` with "baseline" as its path where there is nothing to copy, to start from or to compare with, or
    is one already.
    """
    _require_no_baseline(run)
    planned = plan_baseline(run, by=by, start=started_from(run))
    [plan] = with_budget([planned], comparisons=2)  # with its base, and with the training
    with transaction.atomic():
        queue.require_room(run.workspace)
        _require_no_baseline(run)  # pressed twice, the second waited for the line
        Run.objects.filter(baseline_for=run).update(baseline_for=None)  # what came to nothing stands alone
        return make_planned(plan, baseline_for=run)


def _require_no_baseline(run: Run) -> None:
    run.refresh_from_db(fields=["status", "tuned_model"])
    if run.can_have_baseline:
        return
    if not run.way.reinforces:
        message, fix = "Only a training by reinforcement has an SFT baseline.", "Open such a one."
    elif run.status in (Status.FAILED, Status.CANCELLED):
        message = "This training is over without having been finished, so nothing would be compared with a baseline."
        fix = "Launch it again, with a baseline beside it."
    else:
        message, fix = "This training has its SFT baseline.", "Look at its page."
    raise SpecError(message, path="baseline", fix=fix)


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
