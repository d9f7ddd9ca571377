"""Form of `rubric`: criteria in the expert's words, each with a weight, a condition and a check."""

from collections.abc import Mapping
from typing import Any

from django import forms

from rftstudio.graders.forms.fields import (
    OMIT,
    ChoiceField,
    FlagField,
    LinesField,
    NumberField,
    SpecField,
    TemplateField,
    TextField,
)
from rftstudio.graders.forms.kind import KindForm, SpecForm

NAME_WORDS = 4
# Words that end no name.
_HANGING = frozenset(
    (
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "the",
        "their",
        "to",
        "with",
    )
)


class CriterionForm(SpecForm):
    sentence = TextField(
        label="Criterion",
        big=True,
        widget=forms.Textarea(attrs={"rows": 1, "class": "one-line", "placeholder": "Names the drug and its dose"}),
        help_text="What a good answer does. A judge is asked just this. Any other check decides by its own rule below, "
        "and the sentence is for people.",
    )
    name = SpecField(label="Short name", help_text="For charts. Empty: its first words.")
    weight = NumberField(label="Weight", term="")
    polarity = ChoiceField(
        label="A good answer",
        choices=[("must", "must do this"), ("must_not", "must not do this")],
    )
    critical = ChoiceField(
        label="If it fails",
        choices=[
            ("none", "only its own weight is lost"),
            ("zero", "the whole score is 0"),
            ("cap", "the whole score is capped"),
        ],
    )
    cap = NumberField(label="Capped at")
    threshold = NumberField(label="Fails below")
    applies_value = TemplateField(
        label="Only where this column",
        at="applies_if.value",
        help_text="Such as {{ item.pregnant }}. Empty: the criterion applies to every item.",
    )
    applies_equals = LinesField(
        label="is one of",
        at="applies_if.equals",
        rows=1,
        help_text="One a line. None: where the column is not empty.",
    )
    applies_negate = FlagField(label="Turned round: where it is not", at="applies_if.negate")

    def read(self) -> dict[str, Any]:
        found = super().read()
        condition = found.get("applies_if", {})
        if not str(condition.get("value", "")).strip():
            if condition.get("equals") or condition.get("negate"):
                self.add_error("applies_value", "Say which column, such as {{ item.pregnant }}.")
            found.pop("applies_if", None)
        return found

    def flags(self, values: Mapping[str, Any]) -> list[str]:
        found = ["must not"] if values.get("polarity") == "must_not" else []
        if values.get("critical") == "zero":
            found.append("decides: 0 if it fails")
        elif values.get("critical") == "cap":
            found.append(f"caps the whole at {values.get('cap', '')}")
        return [*found, "some items only"] if self.has_condition else found

    @property
    def has_condition(self) -> bool:
        return bool(self["applies_value"].data or self["applies_equals"].data or self["applies_negate"].data)


class RubricForm(KindForm):
    kind = "rubric"
    question = "Several criteria in my own words, each with a weight"
    example = "A letter that names the drug, gives the dose, and must not promise a cure."
    heading = "parts"
    rows_key = "criteria"
    row_form = CriterionForm
    row_noun = "criterion"

    @classmethod
    def split(cls, spec: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [({k: v for k, v in row.items() if k != "check"}, row["check"]) for row in spec["criteria"]]

    def join(self, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> Any:
        criteria: list[dict[str, Any]] = []
        taken = {str(row.get("name", "")).strip() for row, _ in rows}
        for number, (row, check) in enumerate(rows, 1):
            name = str(row.get("name", ""))
            if not name.strip():
                name = _free(_first_words(str(row.get("sentence", ""))) or f"criterion {number}", taken)
                taken.add(name)
            criteria.append(
                {**{key: value for key, value in row.items() if value is not OMIT}, "name": name, "check": check}
            )
        return criteria

    @classmethod
    def blank_row(cls, number: int) -> dict[str, Any]:
        blank = {"name": "", "sentence": "", "weight": 1.0, "polarity": "must", "critical": "none"}
        return {**blank, "cap": 0.5, "threshold": 0.5}

    def child_path(self, row_path: str) -> str:
        return f"{row_path}.check"


def _first_words(sentence: str) -> str:
    words = sentence.lower().split()[:NAME_WORDS]
    while len(words) > 1 and words[-1] in _HANGING:
        words.pop()
    return " ".join(words)[:60].strip(" .,;:")


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free
