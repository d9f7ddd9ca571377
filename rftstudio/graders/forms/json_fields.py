"""Form of `json_fields`: a row for each field, with its weight and the grader that compares it."""

from collections.abc import Mapping
from typing import Any

from rftstudio.graders.forms.fields import FlagField, JsonField, NumberField, SpecField
from rftstudio.graders.forms.kind import AnswerForm, SpecForm


class JsonFieldForm(SpecForm):
    path = SpecField(
        label="Field", help_text="Points between names, places in a list from 0 in brackets: diagnosis[0].code."
    )
    weight = NumberField(label="Weight", term="")
    required = FlagField(label="Required", term="", help_text="Scores 0 where the answer leaves it out.")


class JsonFieldsForm(AnswerForm):
    kind = "json_fields"
    question = "The answer is JSON; each field is compared in its own way"
    example = "A form with a code, a date and a dose, each compared in its own way."
    heading = "parts"
    rows_key = "fields"
    row_form = JsonFieldForm
    row_noun = "field"

    json_schema = JsonField(
        label="JSON Schema", rows=6, help_text="Where given, an answer that fits it earns the schema's weight."
    )
    schema_weight = NumberField(label="Weight of the schema")

    @classmethod
    def split(cls, spec: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        rows = spec.get("fields") or []
        return [({key: value for key, value in row.items() if key != "grader"}, row["grader"]) for row in rows]

    def join(self, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> Any:
        return [{**row, "grader": grader} for row, grader in rows]

    @classmethod
    def blank_row(cls, number: int) -> dict[str, Any]:
        return {"path": "", "weight": 1.0, "required": True}

    def child_path(self, row_path: str) -> str:
        return f"{row_path}.grader"
