"""The form of one item: its fields (or its imported conversation), the reference answer, split, tags, notes."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorDict

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import as_text
from rftstudio.tasksets.actions.items import MAX_NOTES
from rftstudio.tasksets.definition import Definition
from rftstudio.tasksets.derive import asks_something, check_messages
from rftstudio.tasksets.forms.answer import AnswerField
from rftstudio.tasksets.forms.rows import Rows
from rftstudio.tasksets.models import Split, TaskItem
from rftstudio.tasksets.text import check_text, read_tags

SPLITS = [("", "Not dealt yet"), *Split.choices]
ROLES = (
    ("system", "Instructions"),
    ("user", "You ask"),
    ("assistant", "The model answered"),
    ("developer", "Developer"),
)


class AskedField(forms.CharField):
    """A field of the item. One of them must be filled in, which the form as a whole checks."""

    def validate(self, value: str) -> None:
        """Empty is fine for a single field."""


class ItemForm(forms.Form):
    """Fields are made from the task set's input fields; `turns` are the rows of a conversation, where there is one."""

    use_required_attribute = False

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, definition: Definition, item: TaskItem | None = None
    ) -> None:
        super().__init__(data, initial=_initial(item))
        self.definition = definition
        self.item = item
        messages = (item.messages if item else None) or []
        if data is not None:
            self.turns = Rows.from_data("turns", ("role", "content"), data)
        else:
            self.turns = Rows("turns", ("role", "content"), messages)
        self.is_conversation = len(self.turns) > 0
        if not self.is_conversation:
            for entry in definition["input_fields"]:
                self.fields[f"field-{entry['name']}"] = AskedField(
                    label=entry.get("label") or entry["name"],
                    help_text=entry.get("help", ""),
                    strip=False,
                    widget=forms.Textarea(attrs={"rows": 3 if len(definition["input_fields"]) < 3 else 2}),
                )
        self.fields["reference_answer"] = AnswerField(definition["answer_type"], definition["answer_options"])
        self.fields["split"] = forms.ChoiceField(
            choices=SPLITS, required=False, help_text="Leave it open: items are dealt out evenly before publishing."
        )
        self.fields["tags"] = forms.CharField(
            required=False,
            help_text="To filter by, with commas between: tricky, child.",
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        self.fields["notes"] = forms.CharField(
            required=False,
            max_length=MAX_NOTES,
            help_text="Why this is the right answer; the model never sees it.",
            widget=forms.Textarea(attrs={"rows": 2}),
        )

    def apply(self, command: str) -> None:
        """Carry out a button of the conversation's rows, or `plain`: go back to the task's fields."""
        self._errors = ErrorDict()
        self.turns.apply(command)

    @property
    def input_names(self) -> list[str]:
        return [name for name in self.fields if name.startswith("field-")]

    @property
    def inputs(self) -> list[Any]:
        return [self[name] for name in self.input_names]

    def typed_fields(self) -> dict[str, Any]:
        """The fields as they stand in the form; columns that the task no longer has are kept."""
        kept = dict(self.item.fields) if self.item else {}
        for name in self.input_names:
            text = str(self.data.get(name, "") if self.is_bound else self.initial.get(name, "")).replace("\r\n", "\n")
            key = name.removeprefix("field-")
            kept[key] = _same_kind(text, kept.get(key))
        return kept

    def typed_messages(self) -> list[dict[str, str]] | None:
        if not self.is_conversation:
            return None
        rows = [
            {"role": row.get("role"), "content": (row.get("content") or "").replace("\r\n", "\n")} for row in self.turns
        ]
        return [row for row in rows if (row["content"] or "").strip()]

    def clean(self) -> dict[str, Any]:
        for name in self.input_names:
            try:
                check_text(str(self.cleaned_data.get(name, "")))
            except SpecError as error:
                self.add_error(name, f"{error.message} {error.fix}")
        try:
            check_text(str(self.cleaned_data.get("notes", "")))
        except SpecError as error:
            self.add_error("notes", f"{error.message} {error.fix}")
        if self.is_conversation:
            try:
                check_messages(self.typed_messages())
            except SpecError as error:
                self.add_error(None, f"{error.message} {error.fix}")
        elif not self.errors and not asks_something(self.typed_fields(), self.definition):
            self.add_error(self.input_names[0] if self.input_names else None, "Fill in what the model is asked.")
        return self.cleaned_data

    def clean_tags(self) -> list[str]:
        try:
            return read_tags(self.cleaned_data["tags"])
        except SpecError as error:
            raise ValidationError(f"{error.message} {error.fix}") from None

    def values(self) -> dict[str, Any]:
        """What `save_item` and `add_items` take, after `is_valid`."""
        return {
            "fields": self.typed_fields(),
            "messages": self.typed_messages(),
            **{name: self.cleaned_data[name] for name in ("reference_answer", "split", "tags", "notes")},
        }


class CellForm(forms.Form):
    """One cell of the table: `reference_answer`, `split` or `tags`."""

    def __init__(self, data: Mapping[str, Any] | None, *, definition: Definition, item: TaskItem, cell: str) -> None:
        super().__init__(data, initial=_initial(item), auto_id=f"cell-{item.pk}-%s")
        whole = ItemForm(definition=definition, item=item)
        self.cell = cell
        if cell == "reference_answer":
            field: forms.Field = AnswerField(
                definition["answer_type"], definition["answer_options"], compact=True, help_text=""
            )
        else:
            field = whole.fields[cell]
            field.help_text = ""
        field.widget.attrs |= {"autofocus": True, "aria-label": field.label or cell}
        self.fields[cell] = field

    @property
    def field(self) -> Any:
        return self[self.cell]

    def clean_tags(self) -> list[str]:
        try:
            return read_tags(self.cleaned_data["tags"])
        except SpecError as error:
            raise ValidationError(f"{error.message} {error.fix}") from None


def _initial(item: TaskItem | None) -> dict[str, Any]:
    if item is None:
        return {}
    return {
        **{f"field-{name}": as_text(value) for name, value in item.fields.items()},
        "reference_answer": item.reference_answer,
        "split": item.split,
        "tags": ", ".join(item.tags),
        "notes": item.notes,
    }


def _same_kind(text: str, before: Any) -> Any:
    """A field that held a number or a list keeps its kind, where what was typed still is one."""
    if before is None or isinstance(before, str):
        return text
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return text
