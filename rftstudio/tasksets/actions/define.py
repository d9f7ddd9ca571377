"""Make and change a task set's definition. Items follow: fields are renamed in them, problems looked up anew."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from rftstudio.accounts.models import User, Workspace
from rftstudio.tasksets.definition import CONTENT, Definition, check_definition, definition_of
from rftstudio.tasksets.derive import DERIVED, derive
from rftstudio.tasksets.models import TaskItem, TaskSet, WorkedExample

BATCH = 500
COLUMNS = ("name", "description", "instructions", "answer_type", "answer_options", "input_fields", "prompt_template")


@transaction.atomic
def create_taskset(
    *,
    workspace: Workspace,
    by: User | None,
    name: str,
    answer_type: str,
    description: str = "",
    instructions: str = "",
    answer_options: Mapping[str, Any] | None = None,
    input_fields: Sequence[Mapping[str, Any]] = (),
    prompt_template: str = "",
    worked_examples: Sequence[Mapping[str, Any]] = (),
    sample_slug: str = "",
) -> TaskSet:
    """A new task set. Raises `SpecError`, the first of what `check_definition` finds."""
    definition = {
        "name": name,
        "description": description,
        "instructions": instructions,
        "answer_type": answer_type,
        "answer_options": dict(answer_options or {}),
        "input_fields": [_whole_field(field) for field in input_fields],
        "prompt_template": prompt_template,
        "worked_examples": [dict(example) for example in worked_examples],
    }
    _refuse_wrong(definition)
    taskset = TaskSet(workspace=workspace, created_by=by, sample_slug=sample_slug)
    write_definition(taskset, definition)
    return taskset


@transaction.atomic
def update_taskset(
    *, taskset: TaskSet, by: User | None, definition: Definition, renames: Mapping[str, str] | None = None
) -> TaskSet:
    """Replace the draft's definition. renames: old field name → new one. Raises `SpecError`."""
    _refuse_wrong(definition)
    before = definition_of(taskset)
    renames = {old: new for old, new in (renames or {}).items() if old != new}
    write_definition(taskset, definition)
    if renames or any(before[part] != definition[part] for part in CONTENT if part != "instructions"):
        _follow(taskset, definition, renames)
    return taskset


def archive_taskset(*, taskset: TaskSet, by: User | None) -> TaskSet:
    """Put a task set away; nothing of it is lost."""
    TaskSet.objects.filter(pk=taskset.pk, archived_at=None).update(archived_at=timezone.now())
    taskset.refresh_from_db()
    return taskset


def restore_taskset(*, taskset: TaskSet, by: User | None) -> TaskSet:
    TaskSet.objects.filter(pk=taskset.pk).update(archived_at=None)
    taskset.refresh_from_db()
    return taskset


def _whole_field(field: Mapping[str, Any]) -> dict[str, str]:
    return {"name": field["name"], "label": field.get("label") or field["name"], "help": field.get("help", "")}


def _refuse_wrong(definition: Definition) -> None:
    errors = check_definition(definition)
    if errors:
        raise errors[0]


def write_definition(taskset: TaskSet, definition: Definition) -> None:
    """Save a checked definition. Does not bring the items in step."""
    for column in COLUMNS:
        setattr(taskset, column, definition[column])
    taskset.save()
    taskset.worked_examples.all().delete()
    WorkedExample.objects.bulk_create(
        WorkedExample(
            taskset=taskset,
            position=position,
            fields=dict(example["fields"]),
            reference_answer=example["reference_answer"],
        )
        for position, example in enumerate(definition["worked_examples"])
    )


def _follow(taskset: TaskSet, definition: Definition, renames: Mapping[str, str]) -> None:
    """Bring the items in step with a changed definition; deleted ones too, since they may come back."""
    changed: list[TaskItem] = []
    for item in taskset.items.iterator(chunk_size=BATCH):
        before = (item.problem, item.content_hash, item.search_text)
        if renames:
            item.fields = {renames.get(name, name): value for name, value in item.fields.items()}
        derive(item, definition)
        if renames or (item.problem, item.content_hash, item.search_text) != before:
            changed.append(item)
        if len(changed) >= BATCH:
            TaskItem.objects.bulk_update(changed, ["fields", *DERIVED], batch_size=BATCH)
            changed = []
    if changed:
        TaskItem.objects.bulk_update(changed, ["fields", *DERIVED], batch_size=BATCH)
