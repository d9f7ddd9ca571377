"""Add, change, duplicate, delete and restore items. Every write keeps the derived columns in step."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.answers import read_answer
from rftstudio.tasksets.definition import Definition, definition_of
from rftstudio.tasksets.derive import asks_something, check_messages, derive, new_key
from rftstudio.tasksets.models import ItemImport, TaskItem, TaskItemQuerySet, TaskSet
from rftstudio.tasksets.text import check_text, check_value, read_split, read_tags

MAX_KEY = 64
MAX_NOTES = 20_000
BATCH = 1000


@transaction.atomic
def add_items(*, taskset: TaskSet, by: User | None, rows: Sequence[Mapping[str, Any]]) -> list[TaskItem]:
    """Add many items, or none.

    A row has `fields` and `reference_answer`, and may have `split`, `tags`, `notes`, `key` and `messages`. A missing
    reference is allowed in a draft. Raises `SpecError` with path `row N: …` for the first row that cannot be kept.
    """
    definition = definition_of(taskset)
    items = []
    for number, row in enumerate(rows, start=1):
        try:
            items.append(draft_row(row, definition))
        except SpecError as error:
            raise SpecError(error.message, path=f"row {number}: {error.path}", fix=error.fix) from None
    return insert(taskset=taskset, by=by, items=items, definition=definition)


def draft_row(row: Mapping[str, Any], definition: Definition) -> TaskItem:
    """An unsaved item from a row's values. Raises `SpecError` with the part as its path."""
    fields = dict(row.get("fields") or {})
    for name, value in fields.items():
        check_value(value, path=name)
    messages = check_messages(row["messages"]) if row.get("messages") else None
    if messages is None and not asks_something(fields, definition):
        names = ", ".join(field["name"] for field in definition["input_fields"])
        raise SpecError("Every input field is empty.", path="fields", fix=f"Fill in at least one of: {names}.")
    notes = str(row.get("notes") or "")
    check_text(notes, path="notes")
    if len(notes) > MAX_NOTES:
        message = f"The notes have {len(notes):,} characters; at most {MAX_NOTES:,} fit."
        raise SpecError(message, path="notes", fix="Shorten them.")
    key = str(row.get("key") or "").strip()
    check_text(key, path="id")
    if len(key) > MAX_KEY:
        message = f"The id has {len(key)} characters; at most {MAX_KEY} fit."
        raise SpecError(message, path="id", fix="Shorten it, or leave ids out.")
    return TaskItem(
        key=key,
        fields={**{field["name"]: "" for field in definition["input_fields"]}, **fields}
        if messages is None
        else fields,
        messages=messages,
        reference_answer=read_answer(
            row.get("reference_answer"), definition["answer_type"], definition["answer_options"]
        ),
        notes=notes,
        tags=read_tags(row.get("tags")),
        split=read_split(row.get("split")),
    )


def insert(
    *,
    taskset: TaskSet,
    by: User | None,
    items: Iterable[TaskItem],
    definition: Definition,
    taken: set[str] | None = None,
    source: ItemImport | None = None,
    hidden_since: datetime | None = None,
) -> list[TaskItem]:
    """Save checked items. taken: the task set's keys so far, extended in place. Raises `SpecError` for a used key."""
    taken = taken_keys(taskset) if taken is None else taken
    items = list(items)
    _make_room(taskset, {item.key for item in items if item.key}, taken)
    fresh = []
    for item in items:
        if item.key and item.key in taken:
            fix = "Give every item its own id, or leave ids out."
            raise SpecError(f"There is already an item with the id “{item.key}”.", path="id", fix=fix)
        item.key = item.key or new_key(item, taken)
        taken.add(item.key)
        item.taskset, item.author, item.source_import, item.deleted_at = taskset, by, source, hidden_since
        fresh.append(derive(item, definition))
    created = TaskItem.objects.bulk_create(fresh, batch_size=BATCH)
    touch(taskset)
    return created


def taken_keys(taskset: TaskSet) -> set[str]:
    """Keys in use, those of deleted items too, which may come back."""
    return set(taskset.items.values_list("key", flat=True))


def _make_room(taskset: TaskSet, wanted: set[str], taken: set[str]) -> None:
    """A deleted item gives its key up to a new one that asks for it, so that a file can be imported once more."""
    keys = sorted(wanted & taken)
    for start in range(0, len(keys), BATCH):
        for old in taskset.items.deleted().filter(key__in=keys[start : start + BATCH]).only("key"):
            taken.discard(old.key)
            old.key = f"{old.key[:40]}~{old.pk}"
            taken.add(old.key)
            old.save(update_fields=["key"])


def save_item(*, item: TaskItem, by: User | None, **values: Any) -> TaskItem:
    """Change some of an item's fields, messages, reference_answer, split, tags, notes. Raises `SpecError`."""
    definition = definition_of(item.taskset)
    row = {
        "key": item.key,
        "fields": item.fields,
        "messages": item.messages,
        "reference_answer": item.reference_answer,
        "split": item.split,
        "tags": item.tags,
        "notes": item.notes,
        **values,
    }
    if "reference_answer" not in values:
        row["reference_answer"] = None  # unchanged, and a wrong one must not keep the tags from being saved
    checked = draft_row(row, definition)
    for name in ("fields", "messages", "split", "tags", "notes"):
        setattr(item, name, getattr(checked, name))
    if "reference_answer" in values:
        item.reference_answer = checked.reference_answer
    derive(item, definition).save()
    touch(item.taskset)
    return item


@transaction.atomic
def duplicate_item(*, item: TaskItem, by: User | None) -> TaskItem:
    """A copy next to nothing of its own: same content and split, a new key."""
    copy = TaskItem(
        fields=item.fields,
        messages=item.messages,
        reference_answer=item.reference_answer,
        notes=item.notes,
        tags=item.tags,
        split=item.split,
    )
    return insert(taskset=item.taskset, by=by, items=[copy], definition=definition_of(item.taskset))[0]


def set_split(*, taskset: TaskSet, items: TaskItemQuerySet, split: str, by: User | None) -> int:
    """Put items into a split by hand ("" gives them back to be dealt). Returns how many changed."""
    count = taskset.items.live().filter(pk__in=items.values("pk")).exclude(split=split).update(
        split=split, updated_at=timezone.now()
    )  # fmt: skip
    touch(taskset)
    return count


def delete_items(*, taskset: TaskSet, items: TaskItemQuerySet, by: User | None) -> tuple[int, datetime]:
    """Take items out of the draft. Returns how many, and the moment by which `restore_items` finds them again."""
    moment = timezone.now()
    count = taskset.items.live().filter(pk__in=items.values("pk")).update(deleted_at=moment)
    touch(taskset)
    return count, moment


def restore_items(*, taskset: TaskSet, items: TaskItemQuerySet, by: User | None) -> int:
    """Put deleted items back, but none of an import that never ended. Returns how many."""
    wanted = taskset.items.deleted().filter(pk__in=items.values("pk"))
    count = taskset.items.filter(pk__in=wanted.values("pk")).update(deleted_at=None)
    touch(taskset)
    return count


def touch(taskset: TaskSet) -> None:
    TaskSet.objects.filter(pk=taskset.pk).update(updated_at=timezone.now())
