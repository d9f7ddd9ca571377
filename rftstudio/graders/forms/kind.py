"""What every grader kind's form is, and the rows of kinds that hold others.

A form reads the flat texts of a page (`read`) and writes a spec as such texts (`texts`); `tree.py` joins forms into a
whole grader. Forms check only what the engine cannot see, such as a text that is no number; the engine checks the rest.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms

from rftstudio.graders.forms.fields import OMIT, HiddenField, KeepField, TemplateField

Texts = dict[str, str]


class SpecForm(forms.Form):
    """Fields of one object in a spec."""

    base_fields: ClassVar[dict[str, Any]]  # each has `at` and `write`, as the fields of `fields.py` do
    keep = KeepField()

    @classmethod
    def texts(cls, spec: Mapping[str, Any], *, without: Iterable[str] = ()) -> Texts:
        """The texts that `read` turns back into the same object. without: keys that are written elsewhere."""
        texts: Texts = {}
        left = {key: value for key, value in spec.items() if key not in ("type", *without)}
        for name, field in cls.base_fields.items():
            if name == "keep":
                continue
            steps = (field.at or name).split(".")
            value: Any = spec
            for step in steps:
                value = value.get(step, OMIT) if isinstance(value, Mapping) else OMIT
            left.pop(steps[0], None)
            text = "" if value is OMIT else field.write(value)
            if text is not None:
                texts[name] = text
        texts["keep"] = json.dumps(left, ensure_ascii=False)
        return texts

    def read(self) -> dict[str, Any]:
        """The object. A text that could not be read stands in it as typed; the form says what is wrong with it."""
        self.full_clean()
        found: dict[str, Any] = dict(self.cleaned_data.get("keep") or {})
        for name, field in self.fields.items():
            value = self.cleaned_data.get(name, self[name].data) if name != "keep" else OMIT
            if value is OMIT:
                continue
            *parents, last = (getattr(field, "at", "") or name).split(".")
            place = found
            for step in parents:
                place = place.setdefault(step, {})
            place[last] = value
        return found

    def flags(self, values: Mapping[str, Any]) -> list[str]:
        """What is unusual about these values, a few words each, for a folded row."""
        return []

    def paths(self, path: str) -> dict[str, tuple["SpecForm", str | None]]:
        """Where in the whole spec each field stands, for errors that name a place."""
        found: dict[str, tuple[SpecForm, str | None]] = {}
        for name, field in self.fields.items():
            if name != "keep":
                found[joined(path, getattr(field, "at", "") or name)] = (self, name)
        return found


class KindForm(SpecForm):
    """One grader kind. question: the kind in plain words. rows_key: where the spec holds graders inside this one.

    example: one line that shows what it is for; the kind's own summary where there is none. heading:
    under which of `chooser.GROUPS` the chooser has it; "" leaves that to the chooser.
    """

    kind: ClassVar[str]
    question: ClassVar[str]
    example: ClassVar[str] = ""
    heading: ClassVar[str] = ""
    rows_key: ClassVar[str] = ""
    row_form: ClassVar[type[SpecForm] | None] = None
    row_noun: ClassVar[str] = ""

    name = HiddenField(label="Name of the score")

    @property
    def fragment(self) -> str:
        return f"graders/kinds/{self.kind}.html"

    @classmethod
    def split(cls, spec: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The rows of a spec as (the row's own values, the grader in it)."""
        return []

    def join(self, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> Any:
        """The inverse of `split`: what stands at `rows_key`."""
        raise NotImplementedError

    @classmethod
    def blank_row(cls, number: int) -> dict[str, Any]:
        """What a new row, the `number`-th, starts with."""
        return {}

    def row_path(self, path: str, index: int, row: dict[str, Any]) -> str:
        """Where a row stands in the whole spec."""
        return f"{joined(path, self.rows_key)}[{index}]"

    def child_path(self, row_path: str) -> str:
        """Where a row's grader stands."""
        return row_path


class InputForm(KindForm):
    """A kind that looks at the answer, or a part of it."""

    input = TemplateField(
        label="What is marked",
        needed=True,
        help_text="Usually the whole answer, {{ sample.output_text }}. A part of a JSON answer is "
        "{{ sample.output_json.part }}.",
    )

    @property
    def usual_input(self) -> bool:
        """Whether the whole answer is marked, so that the template needs no attention."""
        return self["input"].data == "{{ sample.output_text }}" and not self["input"].errors


class AnswerForm(InputForm):
    """A kind that compares one thing with another."""

    reference = TemplateField(
        label="Compared with",
        help_text="Usually the item's reference answer, {{ item.reference_answer }}. A column: {{ item.column }}.",
    )

    @property
    def usual(self) -> bool:
        """Whether the whole answer is compared with the reference answer."""
        usual = self["reference"].data == "{{ item.reference_answer }}" and not self["reference"].errors
        return usual and self.usual_input


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
