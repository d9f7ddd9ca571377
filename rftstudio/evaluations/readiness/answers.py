"""The answers to one task of a check, and the tasks whose references look suspect, as the page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.evaluations.models import Attempt, Readiness
from rftstudio.evaluations.pairs import inputs_of
from rftstudio.evaluations.readiness.meaning import meaning_of
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import VersionItem


@dataclass(frozen=True, slots=True)
class Asked:
    """One task. inputs: (label, text). live_pk: its item in the draft, None where it is gone. Best answers first."""

    key: str
    inputs: Sequence[tuple[str, str]]
    reference: str
    tags: Sequence[str]
    live_pk: int | None
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A task whose reference answer the model contradicts. said: an answer as it was written."""

    key: str
    reference: str
    said: str
    count: int
    of: int
    task: str
    live_pk: int | None


def answers_to(check: Readiness, key: str) -> Asked | None:
    """None for a task that was not asked."""
    attempts = list(check.attempts.filter(item_key=key))
    row = check.taskset_version.items.filter(key=key).first() if attempts else None
    if row is None:
        return None
    definition = check.taskset_version.definition
    attempts.sort(key=lambda one: (one.score is None, -(one.score or 0.0), one.sample))
    return Asked(
        key=key,
        inputs=list(inputs_of(row, labels_of(definition))),
        reference=shown_answer(row.reference_answer, definition["answer_type"]),
        tags=row.tags,
        live_pk=_live(check, [key]).get(key),
        attempts=attempts,
    )


def suspects_of(check: Readiness) -> list[Doubt]:
    """In the task set's order."""
    found = {suspect["key"]: suspect for suspect in check.summary["suspects"]}
    if not found:
        return []
    definition = check.taskset_version.definition
    labels = labels_of(definition)
    live = _live(check, list(found))
    said: dict[str, list[str]] = {key: [] for key in found}
    for key, text in check.attempts.filter(item_key__in=found).values_list("item_key", "text"):
        said[key].append(text.strip())
    rows = check.taskset_version.items.filter(key__in=found).order_by("position")
    return [_doubt(row, found[row.key], said[row.key], live.get(row.key), definition, labels) for row in rows]


def labels_of(definition: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field.get("label") or field["name"] for field in definition["input_fields"]}


def _doubt(
    row: VersionItem,
    suspect: dict[str, Any],
    said: list[str],
    live_pk: int | None,
    definition: dict[str, Any],
    labels: dict[str, str],
) -> Doubt:
    return Doubt(
        key=row.key,
        reference=shown_answer(row.reference_answer, definition["answer_type"]),
        said=_said(said, suspect["meaning"], definition),
        count=suspect["count"],
        of=suspect["of"],
        task=" ".join(text for _, text in inputs_of(row, labels)),
        live_pk=live_pk,
    )


def _said(texts: list[str], meaning: str, definition: dict[str, Any]) -> str:
    """The commonest wording of what is meant."""
    kind, options = definition["answer_type"], definition["answer_options"]
    meant = [text for text in texts if meaning_of(text, kind, options) == meaning] or texts
    return max(meant, key=meant.count)


def _live(check: Readiness, keys: Sequence[str]) -> dict[str, int]:
    return dict(check.taskset.items.live().filter(key__in=keys).values_list("key", "pk"))
