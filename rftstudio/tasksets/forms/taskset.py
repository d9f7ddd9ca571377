"""The form that defines a task set: scalars as a Django form, choices, input fields and examples as rows.

It reads what was typed into a definition (`definition`, however wrong), and checks it with the shared checks
(`is_valid`). It saves nothing.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.forms.utils import ErrorDict

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import as_text
from rftstudio.tasksets.answers import answer_text, parse_json, read_answer
from rftstudio.tasksets.definition import MAX_NAME, Definition, check_definition, field_name
from rftstudio.tasksets.forms.answer import render_answer
from rftstudio.tasksets.forms.rows import Row, Rows
from rftstudio.tasksets.models import AnswerType

ANSWER_TYPES = (
    ("choice", "One choice from a list", "A label, a department, a grade, yes or no."),
    ("text", "Free text", "A sentence, a translation, a short explanation."),
    ("number", "A number", "A dose, an amount, a measurement."),
    ("ranking", "A ranked list", "Candidates in order, the best first."),
    ("set", "A set of items", "All findings, all codes; the order does not matter."),
    ("json", "Several fields", "A small record (JSON), such as code, date and severity."),
)
_TARGET = re.compile(r"(choices|input_fields|worked_examples)\[(\d+)\]")


class TaskSetForm(forms.Form):
    """What a task is. Rows: `choices`, `fields`, `examples`."""

    name = forms.CharField(
        max_length=MAX_NAME,
        help_text="What you would call this task in a conversation.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False,
        help_text="For your colleagues; the model never sees it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    instructions = forms.CharField(
        required=False,
        label="Instructions to the model",
        help_text="As you would brief a new colleague: what to do, what to watch for, how to answer. "
        "The field's term is system prompt.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    answer_type = forms.ChoiceField(
        choices=AnswerType.choices, initial="choice", widget=forms.RadioSelect, label="What is a right answer?"
    )
    unit = forms.CharField(
        required=False, max_length=40, label="Unit", help_text="Shown beside the number, such as mg/day."
    )
    schema = forms.CharField(
        required=False,
        label="Schema",
        help_text="A JSON Schema that every answer must fit.",
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
    )
    prompt_template = forms.CharField(
        required=False,
        label="Prompt",
        help_text="What the model is asked for each item; {{ item.name }} stands for the field called name.",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
    )

    def __init__(self, data: Mapping[str, str] | None = None, *, current: Definition | None = None) -> None:
        super().__init__(data, initial=_initial(current))
        current = current or {}
        options = current.get("answer_options", {})
        if data is not None:
            self.choice_rows = Rows.from_data("choices", ("label", "description"), data)
            self.field_rows = Rows.from_data("fields", ("uid", "label", "name", "help"), data)
            self.example_rows = Rows.from_data("examples", ("answer",), data)
        else:
            self.choice_rows = Rows("choices", ("label", "description"), options.get("choices", []))
            given = current.get("input_fields", [{"name": "text", "label": "Text", "help": ""}])
            self.field_rows = Rows(
                "fields", ("uid", "label", "name", "help"), ({**row, "uid": row["name"]} for row in given)
            )
            self.example_rows = Rows(
                "examples", ("answer",), (_example_row(row, current) for row in _examples(current))
            )
        for rows in (self.choice_rows, self.field_rows):
            while not rows or (rows is self.choice_rows and len(rows) < 2):
                rows.append({})
        self._name_rows()
        self._broken_schema: SpecError | None = None

    def apply(self, command: str) -> None:
        """Carry out a row button. Nothing is checked then: half a form is not an error."""
        self._errors = ErrorDict()
        for rows in (self.choice_rows, self.field_rows, self.example_rows):
            rows.apply(command)
        self._name_rows()

    def _name_rows(self) -> None:
        """Every field row gets a uid that stays while its name changes, so that examples keep to it."""
        used = {row.get("uid") for row in self.field_rows}
        number = 1
        for row in self.field_rows:
            if not row.get("uid"):
                while f"new-{number}" in used:
                    number += 1
                row.values["uid"] = f"new-{number}"
                used.add(row.get("uid"))

    def _typed(self, name: str) -> str:
        value = self.data.get(self.add_prefix(name), "") if self.is_bound else self.initial.get(name, "")
        return str(value).replace("\r\n", "\n")

    @property
    def chosen_type(self) -> str:
        typed = self._typed("answer_type")
        return typed if typed in AnswerType.values else "choice"

    def names(self) -> dict[str, str]:
        """uid → field name, made from the label where none was typed."""
        found: dict[str, str] = {}
        taken = [row.get("name").strip() for row in self.field_rows.filled()]
        for row in self.field_rows.filled():
            found[row.get("uid")] = row.get("name").strip() or field_name(row.get("label"), [*taken, *found.values()])
        return found

    def renames(self, before: Definition) -> dict[str, str]:
        """Old name → new name of the fields that a task set already has."""
        known = {field["name"] for field in before["input_fields"]}
        return {uid: name for uid, name in self.names().items() if uid in known and uid != name}

    def definition(self) -> dict[str, Any]:
        """What was typed, as a definition that may still be wrong."""
        names = self.names()
        options = self._options()
        return {
            "name": self._typed("name").strip(),
            "description": self._typed("description").strip(),
            "instructions": self._typed("instructions").strip(),
            "answer_type": self.chosen_type,
            "answer_options": options,
            "input_fields": [
                {
                    "name": names[row.get("uid")],
                    "label": row.get("label").strip() or names[row.get("uid")],
                    "help": row.get("help").strip(),
                }
                for row in self.field_rows.filled()
            ],
            "prompt_template": self._typed("prompt_template").strip(),
            "worked_examples": [self._example(row, names, options) for row in self.example_rows.filled()],
        }

    def _options(self) -> dict[str, Any]:
        if self.chosen_type == "choice":
            rows = self.choice_rows.filled()
            return {
                "choices": [
                    {"label": row.get("label").strip(), "description": row.get("description").strip()} for row in rows
                ]
            }
        if self.chosen_type == "number":
            unit = self._typed("unit").strip()
            return {"unit": unit} if unit else {}
        if self.chosen_type == "json" and self._typed("schema").strip():
            try:
                return {"schema": parse_json(self._typed("schema"), path="schema")}
            except SpecError as error:
                self._broken_schema = error
        return {}

    def _example(self, row: Row, names: Mapping[str, str], options: Mapping[str, Any]) -> dict[str, Any]:
        answer: Any = row.get("answer").replace("\r\n", "\n")
        with suppress(SpecError):  # kept as typed, so that the preview shows it; `clean` says what is wrong
            answer = read_answer(answer, self.chosen_type, options)
        fields = {name: row.get(f"f.{uid}").replace("\r\n", "\n") for uid, name in names.items()}
        return {"fields": fields, "reference_answer": answer}

    def clean(self) -> dict[str, Any]:
        definition = self.definition()
        if self._broken_schema:
            self._report(self._broken_schema)
        for index, row in enumerate(self.example_rows.filled()):
            path = f"worked_examples[{index}]"
            try:
                read_answer(row.get("answer"), self.chosen_type, definition["answer_options"], path=path)
            except SpecError as error:
                self._report(error)
        for found in check_definition(definition):
            self._report(found)
        return self.cleaned_data

    def _report(self, error: SpecError) -> None:
        text = f"{error.message} {error.fix}".strip()
        if match := _TARGET.match(error.path):
            rows = {
                "choices": self.choice_rows,
                "input_fields": self.field_rows,
                "worked_examples": self.example_rows,
            }[match[1]]
            filled = rows.filled()
            if int(match[2]) < len(filled):
                if filled[int(match[2])].errors:
                    return  # one error a row: the others follow from it
                filled[int(match[2])].errors.append(text)
                self.add_error(None, text)
                return
        name = error.path if error.path in self.fields else None
        if name is None or not self.has_error(name):
            self.add_error(name, text)

    @property
    def type_cards(self) -> list[dict[str, Any]]:
        return [
            {"value": value, "label": label, "help": help_text, "checked": value == self.chosen_type}
            for value, label, help_text in ANSWER_TYPES
        ]

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The example rows as the page shows them: an input a field, and the answer's widget."""
        definition = self.definition()
        labels = {
            row.get("uid"): row.get("label").strip() or row.get("name") or "Field" for row in self.field_rows.filled()
        }
        return [
            {
                "row": row,
                "inputs": [
                    {"name": row.name(f"f.{uid}"), "label": labels[uid], "text": row.get(f"f.{uid}")} for uid in labels
                ],
                "answer": render_answer(
                    row.name("answer"),
                    row.get("answer"),
                    definition["answer_type"],
                    definition["answer_options"],
                    label=f"Answer of example {row.number}",
                    invalid=bool(row.errors),
                ),
            }
            for row in self.example_rows
        ]


def _initial(current: Definition | None) -> dict[str, Any]:
    if current is None:
        return {"answer_type": "choice"}
    schema = current["answer_options"].get("schema")
    return {
        **{part: current[part] for part in ("name", "description", "instructions", "answer_type", "prompt_template")},
        "unit": current["answer_options"].get("unit", ""),
        "schema": json.dumps(schema, ensure_ascii=False, indent=2) if schema else "",
    }


def _examples(current: Definition) -> list[Any]:
    return list(current.get("worked_examples", []))


def _example_row(example: Mapping[str, Any], current: Definition) -> dict[str, str]:
    values = {f"f.{name}": as_text(value) for name, value in example["fields"].items()}
    return {**values, "answer": answer_text(example["reference_answer"], current["answer_type"])}
