"""Everything that would stop a training, found before anything is loaded or written.

Reads rows and files, changes nothing. Each error names the form field it belongs to.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings

from rftstudio.engine import presets, trackers
from rftstudio.engine.approaches import APPROACHES
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, check_variables, grade, parse_spec
from rftstudio.engine.grading.fits import why
from rftstudio.engine.grading.sandbox.status import refusal
from rftstudio.engine.types import Item
from rftstudio.graders.agreement import require_agreement
from rftstudio.graders.checking import reference_sample
from rftstudio.graders.models import GraderVersion
from rftstudio.graders.proof import NotProven
from rftstudio.graders.toolbox import Toolbox, missing_tools
from rftstudio.registry.model_files import read_model
from rftstudio.registry.models import BaseModel
from rftstudio.registry.tokens import too_long
from rftstudio.runs.continuing import check_start
from rftstudio.runs.judged import check_budget
from rftstudio.runs.models import Checkpoint
from rftstudio.runs.references import check_answers, with_answers
from rftstudio.tasksets.models import Split, TaskSetVersion
from rftstudio.tasksets.rows import version_items

GRADED = 40  # reference answers marked as a trial, spread over the training tasks
SHOWN = 3  # items named in an error
NEEDED_BYTES = 200_000_000  # a run's rollouts and checkpoints, at the least
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Checked:
    """A training that may be launched: its full settings and its items by split."""

    settings: dict[str, Any]
    items: dict[str, list[Item]]
    test: list[Item]


def check_launch(
    *,
    taskset_version: TaskSetVersion,
    grader_version: GraderVersion,
    base_model: BaseModel,
    preset: str,
    settings: dict[str, Any],
    seed: int = 0,
    start: Checkpoint | None = None,
) -> Checked:
    """Raises `SpecError` whose path is the name of a launch form's field. start: the checkpoint to go on from."""
    full = presets.resolve(preset, settings, answer_limit=taskset_version.answer_limit)
    if not 0 <= seed <= MAX_SEED:
        raise SpecError(f"{seed} is out of range.", path="seed", fix=f"Use a whole number from 0 to {MAX_SEED}.")
    if grader_version.grader.taskset_id != taskset_version.taskset_id:
        raise SpecError("This grader belongs to another task set.", path="grader_version", fix="Choose one of its own.")
    items = {split: version_items(taskset_version, split) for split in (Split.TRAIN.value, Split.VALIDATION.value)}
    for split, rows in items.items():
        if not rows:
            raise SpecError(
                f"Version {taskset_version.number} has no {Split(split).label.lower()} tasks.",
                path="taskset_version",
                fix="Give some tasks to that split and publish again.",
            )
    test = version_items(taskset_version, Split.TEST.value)
    _check_grader(grader_version, taskset_version, items[Split.TRAIN.value])
    check_budget(_toolbox(grader_version), full)
    _check_agreement(grader_version)
    _check_model(base_model)
    if start is not None:
        check_start(start, base_model=base_model, settings=full)
    if APPROACHES[full["approach"]].copies:
        items["train"] = with_answers(items["train"], taskset_version.definition["answer_type"])
        check_answers(base_model, items["train"], longest=full["max_completion_length"])
    _check_lengths(base_model, [*items["train"], *items["validation"], *test], full["max_completion_length"])
    trackers.require(django_settings.REPORT_TO, os.environ)
    _check_disk()
    return Checked(full, items, test)


def check_sampling(
    *,
    taskset_version: TaskSetVersion,
    grader_version: GraderVersion,
    base_model: BaseModel,
    items: list[Item],
    settings: dict[str, Any],
) -> None:
    """What would stop a base model from answering these items, or the grader from marking the answers.

    settings: of an evaluation. Raises `SpecError` as `check_launch`.
    """
    if grader_version.grader.taskset_id != taskset_version.taskset_id:
        raise SpecError("This grader belongs to another task set.", path="grader_version", fix="Choose one of its own.")
    if not items:
        raise SpecError(
            f"Version {taskset_version.number} has no training tasks.",
            path="taskset_version",
            fix="Give some tasks to that split and publish again.",
        )
    _check_grader(grader_version, taskset_version, items)
    check_budget(_toolbox(grader_version), settings)
    _check_model(base_model)
    _check_lengths(base_model, items, settings["max_completion_length"])
    _check_disk()


def _check_grader(version: GraderVersion, taskset_version: TaskSetVersion, items: list[Item]) -> Spec:
    """It can be read, knows the columns, and marks reference answers."""
    try:
        spec = parse_spec(version.spec)
        known = {name for item in items[:GRADED] for name in item.fields}
        if errors := check_variables(spec, known):
            raise errors[0]
    except SpecError as error:
        message = f"The grader does not fit: {error}"
        raise SpecError(message, path="grader_version", fix="Correct and publish it.") from None
    if reason := refusal(spec):
        raise SpecError(f"The grader cannot run on this machine. {reason}", path="grader_version")
    answer_type = taskset_version.definition["answer_type"]
    toolbox = _toolbox(version)
    if spec.calls_in_all():
        return spec  # asking a judge or a server about dozens of answers costs money and minutes
    for item in items[:: max(1, len(items) // GRADED)][:GRADED]:
        if item.fields.get("reference_answer") is None:
            continue
        with toolbox.lent():
            marked = grade(spec, item, reference_sample(item, answer_type))
        if marked.score is None:
            raise SpecError(
                f"The grader cannot mark the reference answer of {item.id}: {why(marked)}",
                path="grader_version",
                fix="Correct the item or the grader, then publish again.",
            )
    return spec


def _toolbox(version: GraderVersion) -> Toolbox:
    """Its judges and word lists. Raises `SpecError` where the workspace does not have them."""
    workspace = version.grader.taskset.workspace
    if missing := missing_tools(workspace, version.spec):
        message = f"{missing[0].path}: {missing[0].message}"
        raise SpecError(message, path="grader_version", fix=missing[0].fix)
    return Toolbox.of(workspace, version.spec)


def _check_agreement(version: GraderVersion) -> None:
    """It agrees with experts as far as the task set asks for."""
    try:
        require_agreement(version)
    except NotProven as error:
        error.path = "grader_version"
        raise


def _check_model(model: BaseModel) -> None:
    try:
        read_model(Path(model.location))
    except SpecError as error:
        raise SpecError(f"{model} cannot be used. {error.message}", path="base_model", fix=error.fix) from None
    if changed := model.changed_files:
        raise SpecError(
            f"The files of {model} have changed since it was added ({', '.join(changed[:SHOWN])}).",
            path="base_model",
            fix="Have it read again under “Models”, so that the training says which files it used.",
        )
    if problem := model.too_large:
        raise SpecError(f"{model} cannot be trained here. {problem}", path="base_model", fix="Choose a smaller one.")


def _check_lengths(model: BaseModel, items: list[Item], answer: int) -> None:
    context = model.context_length
    if answer >= context:
        raise SpecError(
            f"{model} reads at most {context:,} tokens, prompt and answer together.",
            path="max_completion_length",
            fix=f"Choose an answer well below {context:,} tokens.",
        )
    long = too_long(Path(model.location), items, limit=context - answer)
    if not long:
        return
    named = ", ".join(f"{item.id} ({count:,} tokens)" for item, count in long[:SHOWN])
    others = f" and {len(long) - SHOWN} more" if len(long) > SHOWN else ""
    room = context - max(count for _, count in long)
    raise SpecError(
        f"{model} reads at most {context:,} tokens, and {answer:,} are kept free for the answer. "
        f"Too long: {named}{others}.",
        path="max_completion_length" if room > 0 else "taskset_version",
        fix=f"Allow answers of at most {room:,} tokens, or shorten these tasks."
        if room > 0
        else "Shorten these tasks or the worked examples, then publish again.",
    )


def _check_disk() -> None:
    jobs = Path(django_settings.JOBS_DIR)
    jobs.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(jobs).free
    if free < NEEDED_BYTES:
        raise SpecError(
            f"Only {free // 1_000_000} MB of disk are free where trainings are kept; "
            f"{NEEDED_BYTES // 1_000_000} MB are needed.",
            fix="Free some space first.",
        )
