"""Form of `multi`: named graders and a formula over their scores."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rftstudio.graders.forms.fields import SpecField, TextField
from rftstudio.graders.forms.kind import KindForm, SpecForm, joined


class PartForm(SpecForm):
    key = SpecField(label="Name in the formula", term="", help_text="Letters, digits and _, such as right_desk.")

    def read(self) -> dict[str, Any]:
        found = super().read()
        if not str(found.get("key", "")).strip():
            self.add_error("key", "This is empty. The formula needs a name.")
        return {"key": str(found.get("key", "")).strip()}

    def paths(self, path: str) -> dict[str, tuple[SpecForm, str | None]]:
        return {path: (self, "key")}


class MultiForm(KindForm):
    kind = "multi"
    question = "Several graders, combined by a formula of my own"
    example = "0.7 × the right desk + 0.3 × kept short."
    heading = "parts"
    rows_key = "graders"
    row_form = PartForm
    row_noun = "grader"

    calculate_output = TextField(
        label="Formula",
        big=True,
        help_text="The score, from the scores of the graders above. + - * / ^ and parentheses; min, max, abs, floor, "
        "ceil, exp, sqrt, log. For example 0.7 * right_desk + 0.3 * short.",
    )

    @classmethod
    def split(cls, spec: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        # A part is named by its key unless it has another name of its own.
        return [
            ({"key": key}, {name: value for name, value in part.items() if (name, value) != ("name", key)})
            for key, part in spec["graders"].items()
        ]

    def join(self, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> Any:
        return {self._unique(index, rows): grader for index, (_, grader) in enumerate(rows)}

    @classmethod
    def blank_row(cls, number: int) -> dict[str, Any]:
        return {"key": f"part_{number}"}

    def row_path(self, path: str, index: int, row: dict[str, Any]) -> str:
        return f"{joined(path, self.rows_key)}.{row['key']}"

    def _unique(self, index: int, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
        """The row's name; a second one of the same name is told apart, so that none is lost before it is renamed."""
        names = Counter(row["key"] for row, _ in rows[:index])
        name = rows[index][0]["key"]
        return f"{name} ({names[name] + 1})" if name in names else str(name)
