"""THE conversion from a row to the engine's `Item`, for versions and for drafts.

Whatever a model sees or a grader reads comes through here, so that the preview beside a form, a training and a
comparison cannot differ.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.template import compile_template
from rftstudio.engine.types import Item, Message, Sample
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.definition import Definition, default_template, definition_of
from rftstudio.tasksets.models import TaskItem, TaskSet, TaskSetVersion, VersionItem

AnyRow = TypeVar("AnyRow", TaskItem, VersionItem, TaskItem | VersionItem)
_NO_SAMPLE = Sample("")


def render_messages(definition: Definition, fields: Mapping[str, Any]) -> tuple[Message, ...]:
    """What the model sees of an item: instructions, worked examples as solved turns, then the item's prompt.

    Raises `SpecError` where the prompt template cannot be filled in.
    """
    return (*_opening(definition), Message("user", render_prompt(definition, fields)))


def render_prompt(definition: Definition, fields: Mapping[str, Any]) -> str:
    """The prompt template filled in; a field the item lacks is empty. Raises `SpecError`."""
    names = [field["name"] for field in definition["input_fields"]]
    template = definition["prompt_template"]
    if not template.strip():
        template = default_template(definition["input_fields"])
    try:
        return compile_template(template).render(Item("", (), {**dict.fromkeys(names, ""), **fields}), _NO_SAMPLE)
    except (FieldError, NoScore) as error:
        fix = "Correct the prompt template in the task's settings."
        raise SpecError(str(error), path="prompt_template", fix=fix) from None


def _opening(definition: Definition) -> list[Message]:
    """The messages that all items of a definition share."""
    messages = []
    if definition["instructions"].strip():
        messages.append(Message("system", definition["instructions"]))
    for example in definition["worked_examples"]:
        messages.append(Message("user", render_prompt(definition, example["fields"])))
        answer = shown_answer(example["reference_answer"], definition["answer_type"])
        messages.append(Message("assistant", answer))
    return messages


def to_item(version: TaskSetVersion, version_item: VersionItem) -> Item:
    """A published item as the engine's `Item`."""
    return _item(version.definition, version_item)


def draft_item(taskset: TaskSet, task_item: TaskItem, *, definition: Definition | None = None) -> Item:
    """A draft item as the engine's `Item`. Raises `SpecError`. Give `definition` when converting many."""
    return _item(definition or definition_of(taskset), task_item)


def version_items(version: TaskSetVersion, split: str) -> list[Item]:
    """The items of one split of a version, in order."""
    return to_items(version, version.items.filter(split=split))


def to_items(version: TaskSetVersion, rows: Iterable[VersionItem]) -> list[Item]:
    """Many published items; the opening they share is rendered once."""
    opening = _opening(version.definition)
    return [_item(version.definition, row, opening=opening) for row in rows]


def to_conversations(definition: Definition, rows: Iterable[AnyRow]) -> Iterator[tuple[AnyRow, tuple[Message, ...]]]:
    """Each row with its messages, lazily. One whose prompt cannot be filled in has its fields' prompt left out."""
    opening = _opening(definition)
    for row in rows:
        try:
            yield row, _item(definition, row, opening=opening).messages
        except SpecError:
            yield row, tuple(opening)


def _item(definition: Definition, row: TaskItem | VersionItem, *, opening: Sequence[Message] | None = None) -> Item:
    if row.messages:
        messages = tuple(Message(message["role"], message["content"]) for message in row.messages)
    else:
        start = _opening(definition) if opening is None else opening
        messages = (*start, Message("user", render_prompt(definition, row.fields)))
    # A field that was added after the item was written is empty, not unknown, to a grader.
    fields = {**{field["name"]: "" for field in definition["input_fields"]}, **row.fields}
    return Item(row.key, messages, {**fields, "reference_answer": row.reference_answer})
