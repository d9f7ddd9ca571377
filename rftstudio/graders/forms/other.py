"""A grader without a form of its own, or nested too deep for one: its JSON, so that nothing is hidden or lost."""

from collections.abc import Mapping
from typing import Any

from rftstudio.graders.forms.fields import JsonField
from rftstudio.graders.forms.kind import KindForm, SpecForm, Texts


class OtherForm(KindForm):
    kind = "other"
    question = "Written as JSON"

    json = JsonField(label="Grader as JSON", rows=8, term="")

    @classmethod
    def texts(cls, spec: Mapping[str, Any], *, without: Any = ()) -> Texts:
        return {"json": cls.base_fields["json"].write(dict(spec)) or ""}

    def read(self) -> dict[str, Any]:
        self.full_clean()
        found = self.cleaned_data.get("json")
        if isinstance(found, dict):
            return found
        if not self.errors:
            self.add_error("json", 'This is empty. Write a grader: {"type": …}.')
        return {}

    def paths(self, path: str) -> dict[str, tuple[SpecForm, str | None]]:
        return {path: (self, "json")}
