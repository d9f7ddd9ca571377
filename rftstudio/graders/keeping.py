"""Answers that are kept as evidence: typed, made from the items, or handed down by rooms above.

Verbs that return what they kept. An answer is kept once a task set, however often it is sent.
"""

from collections.abc import Iterator
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.redteam import KINDS, Target, attacks
from rftstudio.engine.types import Item
from rftstudio.graders.checking import reference_sample, spread
from rftstudio.graders.evidence import KeptAnswer, Source
from rftstudio.graders.trial import other_answers
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.rows import draft_item
from rftstudio.tasksets.text import check_text

MAX_ANSWER = 100_000  # characters
_LABELS_FROM = 300  # items that are looked through for all answers there are


def keep_answer(*, taskset: TaskSet, item: Item, text: str, source: str = Source.TYPED, origin: str = "") -> KeptAnswer:
    """The answer, kept now or before. Raises `SpecError` for one that cannot be stored."""
    if len(text) > MAX_ANSWER:
        raise SpecError(f"The answer has more than {MAX_ANSWER:,} characters.", path="text", fix="Use a shorter one.")
    text = text.replace("\r\n", "\n")
    if source in (Source.TYPED, Source.TRY):  # a model's own answer is kept as it stands in our rows, odd signs too
        check_text(text, path="text")
    row = item.to_json()
    kept, _ = KeptAnswer.objects.get_or_create(
        taskset=taskset,
        digest=KeptAnswer.digest_of(row, text),
        defaults={"item_key": item.id[:64], "item": row, "text": text, "source": source, "origin": origin[:200]},
    )
    return kept


def item_of(taskset: TaskSet, key: str) -> Item:
    """The live item of that name. Raises `SpecError`."""
    row = taskset.items.live().filter(key=key.strip()).first()
    if row is None:
        raise SpecError(
            f"There is no item “{key.strip()[:64]}”.", path="item", fix="Choose one of the task set’s items."
        )
    return draft_item(taskset, row)


def targets(taskset: TaskSet, limit: int) -> list[Target]:
    """Items to red-team a grader on, spread over the task set. Raises `SpecError` where none has a reference."""
    rows = spread(taskset, max(2, limit))
    if not rows:
        raise SpecError("No item has a reference answer yet.", fix="Add some items with their right answers first.")
    definition = definition_of(taskset)
    items = [draft_item(taskset, row, definition=definition) for row in rows]
    shown = [reference_sample(item, taskset.answer_type).output_text for item in items]
    others = other_answers([row.reference_answer for row in rows])
    labels = all_labels(taskset)
    return [
        Target(item, shown[place], "" if (other := others[place]) is None else shown[other], labels)
        for place, item in enumerate(items[:limit])
    ]


def all_labels(taskset: TaskSet) -> list[str]:
    """Every answer the task knows: its choices, or the entries of its lists. Empty for other answer types."""
    if taskset.choice_labels:
        return taskset.choice_labels
    if taskset.answer_type not in ("ranking", "set"):
        return []
    found: dict[str, None] = {}
    for reference in taskset.items.live().values_list("reference_answer", flat=True)[:_LABELS_FROM]:
        if isinstance(reference, list):
            found.update(dict.fromkeys(str(entry) for entry in reference))
    return list(found)


def made_answers(taskset: TaskSet, source: str, limit: int) -> Iterator[dict[str, Any]]:
    """Arguments for `keep_answer`: the reference answers, other items' answers, or the red-team's."""
    if source == Source.ATTACK:
        yield from _attacks(taskset, limit)
        return
    for target in targets(taskset, limit):
        text = target.reference if source == Source.REFERENCE else target.other
        if text or source == Source.REFERENCE:
            yield {"item": target.item, "text": text, "source": source}


def _attacks(taskset: TaskSet, limit: int) -> Iterator[dict[str, Any]]:
    """One attack an item, each kind in its turn, so that no expert scores the same joke five times."""
    found = targets(taskset, limit)
    texts = [dict(attacks(target)) for target in found]
    order = [kind for kind in KINDS if any(kind in each for each in texts)]
    for place in range(limit):
        # A second round through the kinds meets each item with another kind than the first did.
        at = (place + place // max(len(order), len(found))) % len(found)
        kind = order[place % len(order)]
        if kind in texts[at]:
            answer = {"item": found[at].item, "text": texts[at][kind]}
            yield answer | {"source": Source.ATTACK, "origin": KINDS[kind].title}
