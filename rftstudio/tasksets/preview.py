"""What the model will see, computed from forms that are not saved yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Message
from rftstudio.tasksets.definition import Definition, check_template
from rftstudio.tasksets.forms.taskset import TaskSetForm
from rftstudio.tasksets.models import TaskItem, TaskSet
from rftstudio.tasksets.rows import render_messages


@dataclass
class Preview:
    """Messages, or why there are none. place, count: which item of how many is shown; 0 of 0 for a made-up one."""

    messages: list[dict[str, str]] = field(default_factory=list)
    error: str = ""
    place: int = 0
    count: int = 0
    key: str = ""
    n_examples: int = 0

    @property
    def opening(self) -> list[dict[str, str]]:
        """Instructions, where there are any."""
        return self.messages[:1] if self.n_examples and self.messages[0]["role"] == "system" else []

    @property
    def examples(self) -> list[dict[str, str]]:
        start = len(self.opening)
        return self.messages[start : start + 2 * self.n_examples]

    @property
    def rest(self) -> list[dict[str, str]]:
        """What comes after the worked examples: the item itself."""
        return self.messages[len(self.opening) + 2 * self.n_examples :]

    @property
    def number(self) -> int:
        return self.place + 1

    @property
    def previous_place(self) -> int:
        return (self.place - 1) % max(self.count, 1)

    @property
    def next_place(self) -> int:
        return (self.place + 1) % max(self.count, 1)

    @property
    def characters(self) -> int:
        return sum(len(message["content"]) for message in self.messages)


def preview_definition(form: TaskSetForm, *, taskset: TaskSet | None, place: int) -> Preview:
    """The messages of the item at a place (wrapping around), under the definition as typed."""
    definition = form.definition()
    items = taskset.items.live() if taskset else TaskItem.objects.none()
    count = items.count()
    if not count:
        blanks = {entry["name"]: f"[{entry['label']}]" for entry in definition["input_fields"]}
        return preview_item(definition, blanks)
    item = items[place % count]
    renamed = {old: new for old, new in form.names().items() if old != new}
    fields = {renamed.get(name, name): value for name, value in item.fields.items()}
    shown = preview_item(definition, fields, messages=item.messages)
    shown.place, shown.count, shown.key = place % count, count, item.key
    return shown


def preview_item(
    definition: Definition, fields: Mapping[str, Any], *, messages: list[dict[str, str]] | None = None
) -> Preview:
    """The messages of one item: its own conversation, or the rendered ones."""
    if messages:
        return Preview(messages=messages)
    try:
        names = [entry["name"] for entry in definition["input_fields"]]
        check_template(definition["prompt_template"], names)
        for example in definition["worked_examples"]:
            if example["reference_answer"] is None:
                example["reference_answer"] = ""
        rendered: tuple[Message, ...] = render_messages(definition, fields)
    except SpecError as error:
        return Preview(error=f"{error.message} {error.fix}".strip())
    shown = [message.to_json() for message in rendered]
    return Preview(messages=shown, n_examples=len(definition["worked_examples"]))
