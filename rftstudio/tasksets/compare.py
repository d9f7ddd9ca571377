"""What changed between two versions, or between a version and the draft. Counts in SQL; details a page at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef

from rftstudio.engine.grading.text import as_text
from rftstudio.tasksets.answers import answer_line
from rftstudio.tasksets.definition import WORDS, Definition, changed_parts, definition_of
from rftstudio.tasksets.models import Split, TaskItem, TaskSet, TaskSetVersion, VersionItem

SHOWN = 50


def count_changes(taskset: TaskSet, version: TaskSetVersion | None, *, definition: Definition | None = None) -> int:
    """How many items and parts of the definition differ between the draft and a version."""
    if version is None:
        return 0
    live = taskset.items.live().order_by()
    kept = version.items.order_by().filter(
        key=OuterRef("key"), content_hash=OuterRef("content_hash"), split=OuterRef("split")
    )
    fresh_or_changed = live.filter(~Exists(kept)).count()
    removed = version.items.order_by().filter(~Exists(live.filter(key=OuterRef("key")))).count()
    return fresh_or_changed + removed + len(changed_parts(version.definition, definition or definition_of(taskset)))


@dataclass
class Changed:
    """An item that differs: what it was, what it is, column by column."""

    key: str
    parts: list[tuple[str, str, str]]


@dataclass
class Comparison:
    """Everything that differs. The lists are cut to `SHOWN` entries; the counts are not."""

    parts: list[str] = field(default_factory=list)
    added: list[Any] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    n_added: int = 0
    n_removed: int = 0
    n_changed: int = 0

    @property
    def total(self) -> int:
        return len(self.parts) + self.n_added + self.n_removed + self.n_changed


def compare(before: TaskSetVersion, after: "TaskSet | TaskSetVersion") -> Comparison:
    """From a version to a later one, or to the draft."""
    is_draft = isinstance(after, TaskSet)
    definition = definition_of(after) if isinstance(after, TaskSet) else after.definition
    rows: Any = after.items.live() if isinstance(after, TaskSet) else after.items.all()
    old = _index(before.items.all())
    new = _index(rows)
    added = [key for key in new if key not in old]
    removed = [key for key in old if key not in new]
    changed = [key for key in new if key in old and old[key] != new[key]]
    answer_type = definition["answer_type"]
    was = {row.key: row for row in before.items.filter(key__in=[*removed[:SHOWN], *changed[:SHOWN]])}
    now = {row.key: row for row in rows.filter(key__in=[*added[:SHOWN], *changed[:SHOWN]])}
    return Comparison(
        parts=[WORDS[part] for part in changed_parts(before.definition, definition)],
        added=[_line(now[key], answer_type, is_draft) for key in added[:SHOWN]],
        removed=[_line(was[key], answer_type, False) for key in removed[:SHOWN]],
        changed=[Changed(key, _differences(was[key], now[key], answer_type)) for key in changed[:SHOWN]],
        n_added=len(added),
        n_removed=len(removed),
        n_changed=len(changed),
    )


def _index(rows: Any) -> dict[str, tuple[str, str]]:
    return {key: (content, split) for key, content, split in rows.values_list("key", "content_hash", "split")}


def _line(row: TaskItem | VersionItem, answer_type: str, is_draft: bool) -> dict[str, Any]:
    return {
        "key": row.key,
        "text": _asked(row),
        "answer": answer_line(row.reference_answer, answer_type),
        "pk": row.pk if is_draft else None,
    }


def _asked(row: TaskItem | VersionItem) -> str:
    if row.messages:
        return str(row.messages[-1]["content"])
    return " · ".join(as_text(value) for value in row.fields.values() if value)


def _differences(
    was: TaskItem | VersionItem, now: TaskItem | VersionItem, answer_type: str
) -> list[tuple[str, str, str]]:
    found = []
    for name in dict.fromkeys([*was.fields, *now.fields]):
        found.append((name, as_text(was.fields.get(name)), as_text(now.fields.get(name))))
    found.append(("Conversation", _talk(was.messages), _talk(now.messages)))
    answers = (answer_line(was.reference_answer, answer_type), answer_line(now.reference_answer, answer_type))
    found.append(("Reference answer", *answers))
    found.append(("Split", _split(was.split), _split(now.split)))
    found.append(("Tags", ", ".join(was.tags), ", ".join(now.tags)))
    return [(name, old, new) for name, old, new in found if old != new]


def _talk(messages: Iterable[dict[str, str]] | None) -> str:
    return "\n".join(f"{message['role']}: {message['content']}" for message in messages or ())


def _split(value: str) -> str:
    return str(Split(value).label) if value else "not dealt yet"
