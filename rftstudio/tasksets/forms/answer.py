"""The reference answer as a form field: a widget that fits the answer type, and the shared check."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import normalise
from rftstudio.tasksets.answers import answer_text, choice_labels, read_answer

RADIOS = 7  # up to this many choices are shown at once
HELP = {
    "ranking": "One entry a line, the best first.",
    "set": "One entry a line, in any order.",
    "json": "A JSON object or list.",
}


class AnswerWidget(forms.Widget):
    """Radios or a list of choices, a number with its unit, one entry a line, checked JSON, or a text box."""

    template_name = "tasksets/widgets/answer.html"

    def __init__(
        self,
        answer_type: str,
        options: Mapping[str, Any],
        *,
        compact: bool = False,
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.answer_type = answer_type
        self.options = options
        self.labels = choice_labels(options) if answer_type == "choice" else []
        self.look = answer_type
        if answer_type == "choice" and not compact and len(self.labels) <= RADIOS:
            self.look = "radios"
            self.use_fieldset = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        text = "" if value is None else str(value)
        chosen = next((label for label in self.labels if normalise(label) == normalise(text)), text)
        context["widget"].update(
            look=self.look,
            text=text,
            chosen=chosen,
            foreign=bool(text) and self.answer_type == "choice" and chosen not in self.labels,
            choices=self.options.get("choices", []),
            unit=self.options.get("unit", ""),
            invalid="is-invalid" in context["widget"]["attrs"].get("class", ""),
        )
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        return str(data.get(name) or "")


class AnswerField(forms.Field):
    """Cleans to the stored value, or None where nothing was answered yet."""

    widget: AnswerWidget

    def __init__(self, answer_type: str, options: Mapping[str, Any], **kwargs: Any) -> None:
        kwargs.setdefault("label", "Reference answer")
        compact = kwargs.pop("compact", False)
        kwargs.setdefault("help_text", HELP.get(answer_type, ""))
        super().__init__(widget=AnswerWidget(answer_type, options, compact=compact), **kwargs)
        self.answer_type = answer_type
        self.options = options

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else answer_text(value, self.answer_type)

    def validate(self, value: Any) -> None:
        """A draft may lack the answer; the field is no optional one all the same, so the label does not say so."""

    def to_python(self, value: Any) -> Any:
        try:
            return read_answer(value, self.answer_type, self.options)
        except SpecError as error:
            raise ValidationError(f"{error.message} {error.fix}".strip()) from None


def render_answer(
    name: str, value: Any, answer_type: str, options: Mapping[str, Any], *, label: str, invalid: bool = False
) -> SafeString:
    """The widget alone, for a row of a form that is no form field."""
    attrs = {"id": f"id_{name}", "aria-label": label}
    if invalid:
        attrs |= {"aria-invalid": "true", "class": "is-invalid"}
    return AnswerWidget(answer_type, options, compact=True).render(name, value, attrs)
