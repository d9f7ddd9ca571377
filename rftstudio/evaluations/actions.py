"""Make comparisons, by hand or because a run ended. What follows their end is `settle.py`."""

import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import EngineError, SpecError, SystemFault
from rftstudio.engine.job import Adapter, Job, Model, SharedBudget, list_files, read_job, write_job
from rftstudio.engine.presets import check_evaluation
from rftstudio.engine.types import Item
from rftstudio.evaluations.models import Comparison
from rftstudio.graders.toolbox import Toolbox, missing_tools
from rftstudio.runs import queue
from rftstudio.runs.expect import seconds_for_answers
from rftstudio.runs.jobs import ENDED_STATUSES, Status
from rftstudio.runs.judged import check_budget, compared_samples, has_budget
from rftstudio.runs.models import Run
from rftstudio.tasksets.models import AnswerType, Split
from rftstudio.tasksets.rows import version_items

log = logging.getLogger(__name__)


def default_settings(run: Run) -> dict[str, Any]:
    """Answers as the run's own validation sampled them; several an item where the items are few."""
    taken = {"temperature": "eval_temperature"}
    taken |= {name: name for name in ("max_completion_length", "judge_tokens", "judge_cost")}
    given = {name: run.settings[source] for name, source in taken.items() if source in run.settings}
    n_items = run.taskset_version.counts.get(Split.TEST, 0)
    given["samples"] = compared_samples(n_items, given.get("temperature", 1.0))
    return check_evaluation(given)


SAME = {"taskset_version": "tasks", "grader_version": "grader", "base_model": "base model"}


def opponents_of(run: Run) -> QuerySet[Run]:
    """Trainings whose models can be compared with this one's task by task, the newest first."""
    same = {f"{name}_id": getattr(run, f"{name}_id") for name in SAME}
    found = Run.objects.filter(workspace=run.workspace, tuned_model__isnull=False, **same).exclude(pk=run.pk)
    return found.order_by("-pk")


def create_comparison(
    *,
    run: Run,
    by: User | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    automatic: bool = False,
    against: Run | None = None,
) -> Comparison:
    """Queue base against tuned over the test split, both with the same seeds.

    against: a run of the same tasks, grader and base model, whose tuned model takes the place of the base.
    settings: what differs from `default_settings` (engine/presets.py, `EVALUATION_DIALS`). seed: the run's, unless
    given. Raises `SpecError` (path: the setting) where nothing can be compared, `SystemFault` where the disk refuses.
    """
    values = check_evaluation({**default_settings(run), **(settings or {})})
    items = _items(run)
    toolbox = _toolbox(run)
    check_budget(toolbox, values)
    adapters = (_opponent(run, against), _tuned_adapter(run))
    total = 2 * len(items) * values["samples"]
    expected = seconds_for_answers(run, total)
    directory: Path | None = None
    try:
        with transaction.atomic():
            if not automatic:
                queue.require_room(run.workspace)
            comparison = Comparison.objects.create(
                workspace=run.workspace,
                run=run,
                against=against,
                automatic=automatic,
                settings=values,
                seed=run.seed if seed is None else seed,
                expected_seconds=expected,
                progress={"done": 0, "total": total},
                created_by=by,
            )
            directory = comparison.directory
            shutil.rmtree(directory, ignore_errors=True)  # of a row that was never committed
            job = _job(comparison, adapters, toolbox)
            job = replace(job, budget=_budget(comparison) if job.judges else None)
            write_job(directory, job, {"items": items}, toolbox.lists)
            queue.submit(comparison)
    except BaseException:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return comparison


def compare_once(*, run: Run) -> Comparison | None:
    """The comparison that follows a run by itself; None when the run has one already or nothing to compare.

    Called at the same moment by two workers it makes one. Where it cannot be made, a failed one says why, so that it
    is tried once and somebody can read the reason.
    """
    return _once(run=run, against=None)


def compare_pair_once(*, baseline: Run) -> Comparison | None:
    """A reinforcement against the SFT launched beside it, once both have a model; None where that is not so."""
    if baseline.baseline_for is None or baseline.status != Status.SUCCEEDED or baseline.tuned_model_id is None:
        return None
    return _once(run=baseline.baseline_for, against=baseline)


def _once(*, run: Run, against: Run | None) -> Comparison | None:
    with transaction.atomic():
        locked = Run.objects.select_for_update().filter(pk=run.pk, status=Status.SUCCEEDED).first()
        if locked is None or locked.tuned_model_id is None or locked.comparisons.filter(against=against).exists():
            return None
        try:
            return create_comparison(run=locked, by=locked.created_by, automatic=True, against=against)
        except EngineError as error:
            log.warning("Run %s cannot be compared: %s", run.pk, error)
            return Comparison.objects.create(
                workspace=locked.workspace,
                run=locked,
                against=against,
                automatic=True,
                status=Status.FAILED,
                error=str(error),
                culprit="author" if isinstance(error, SpecError) else "system",
                created_by=locked.created_by,
                finished_at=timezone.now(),
            )


def compare_again(*, comparison: Comparison, by: User | None = None) -> Comparison:
    """A new comparison with the settings and seed of an old one. Raises as `create_comparison`."""
    run, old = comparison.run, comparison.settings
    seed = comparison.seed if old else None
    return create_comparison(run=run, by=by, settings=old, seed=seed, against=comparison.against)


def _items(run: Run) -> list[Item]:
    items = version_items(run.taskset_version, Split.TEST)
    if not items:
        version = run.taskset_version.number
        raise SpecError(
            f"Version {version} of the task set has no test items, so there is nothing unseen to compare on.",
            fix="Put some items into the test split, publish, and train again.",
        )
    return items


def _opponent(run: Run, against: Run | None) -> Adapter:
    """What answers in the place of the base: the base itself, or another run's model. Its name is "base" all the same.

    Raises `SpecError` where the two cannot be compared task by task.
    """
    if against is None:
        return Adapter("base")
    for name, what in SAME.items():
        if getattr(run, f"{name}_id") != getattr(against, f"{name}_id"):
            raise SpecError(
                f"The two trainings do not have the same {what}, so their models cannot be compared task by task.",
                fix="Compare each with its base model.",
            )
    return Adapter("base", _tuned_adapter(against).path)


def _tuned_adapter(run: Run) -> Adapter:
    if run.tuned_model is None:
        raise SpecError("This training kept no model.", fix="Compare a training that finished with a checkpoint.")
    path = Path(run.tuned_model.path)
    if not path.is_absolute():
        path = Path(django_settings.DATA_DIR) / path
    if not path.is_dir():
        raise SpecError("The files of the tuned model are gone.", fix="Restore them from a backup, or train again.")
    return Adapter("tuned", str(path))


def _toolbox(run: Run) -> Toolbox:
    """The grader's judges, secrets and word lists. Raises `SpecError` where the workspace lost one of them."""
    spec = run.grader_version.spec
    if missing := missing_tools(run.workspace, spec):
        raise SpecError(f"The grader cannot be used any more: {missing[0].message}", fix=missing[0].fix)
    return Toolbox.of(run.workspace, spec)


def _budget(comparison: Comparison) -> SharedBudget | None:
    """What follows a launch by itself is paid from the launch's budget; whoever asks for more says what it may cost.

    Raises `SystemFault` where the launch has a budget and nobody can tell any more where it is spent from.
    """
    if not comparison.automatic:
        return None
    launched = comparison.against or comparison.run  # a baseline that came later has a budget of its own
    try:
        shared = read_job(launched.directory).budget
    except (SpecError, OSError) as error:
        if not has_budget(launched.settings):
            return None
        reason = error.message if isinstance(error, SpecError) else str(error)
        raise SystemFault(
            "The launch has a budget for judges, but what is left of it cannot be told, because the job.json of "
            f"“{launched}” cannot be read ({reason.rstrip('.')}). So nothing is spent unasked. Restore that file from "
            "a backup, or start a comparison by hand, which has a budget of its own."
        ) from error
    if shared is None:
        return None
    file = Path(os.path.relpath(launched.directory / shared.file, comparison.directory))
    return SharedBudget(str(file), _share(comparison, file, shared))


def _share(comparison: Comparison, file: Path, shared: SharedBudget) -> float:
    """All that is left may be compared with, unless the other training of the launch still has its part to spend."""
    beside = None if comparison.against else comparison.run.beside
    if beside is None or beside.status in ENDED_STATUSES:
        return 1.0
    with suppress(SpecError):
        other = read_job(beside.directory).budget
        if other and Path(os.path.relpath(beside.directory / other.file, comparison.directory)) == file:
            kept = round(1.0 - shared.share - other.share, 4)
            return kept if kept > 0 else 1.0  # nothing was kept in launches from when both had the same part
    return 1.0


def _job(comparison: Comparison, adapters: tuple[Adapter, Adapter], toolbox: Toolbox) -> Job:
    run, version = comparison.run, comparison.run.taskset_version
    base = run.base_model
    sides = comparison.names if comparison.against else {}  # else the adapters' own names say it
    return Job(
        kind="evaluation",
        model=Model(path=base.location, name=base.name, revision=base.revision or None),
        grader=run.grader_version.spec,
        settings=comparison.settings,
        data={"items": "items.jsonl"},
        seed=comparison.seed,
        json_answers=version.definition.get("answer_type") == AnswerType.JSON,
        adapters=adapters,
        labels={"taskset": str(version), "grader": str(run.grader_version), "run": str(run), **sides},
        lists=list_files(toolbox.lists),
        judges=toolbox.endpoints(),
        secrets=toolbox.secrets(),
    )
