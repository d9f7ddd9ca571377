"""Form of `python`: the source, and what runs it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from rftstudio.graders.forms.fields import ChoiceField, HiddenField, TextField
from rftstudio.graders.forms.kind import KindForm

SPARE_LINES = 300  # numbered below the last line, for what is typed before the page is drawn again


class SourceField(TextField):
    """Code. Line ends are kept as LF, everything else as typed."""

    def __init__(self, **options: Any) -> None:
        attrs = {"class": "code-text", "data-code": "python", "spellcheck": "false", "wrap": "off", "rows": 12}
        widget = forms.Textarea(attrs={**attrs, "autocapitalize": "off", "autocomplete": "off"})
        super().__init__(widget=widget, big=True, template_name="graders/code_field.html", **options)

    def validate(self, value: str) -> None:
        if not value.strip():
            raise ValidationError("This is empty. Write def grade(sample, item): … that returns a number.")


class PythonForm(KindForm):
    kind = "python"
    question = "Something else: a Python function decides"
    example = "Read two dates and count the days between them."

    source = SourceField(
        label="The function",
        help_text='grade(sample, item) gets the answer as sample["output_text"] and the item\'s columns as item, and '
        "returns a number, usually from 0 to 1.",
    )
    engine = ChoiceField(
        label="Run by",
        choices=[
            ("", "Python, shut up in the sandbox of this machine"),
            ("monty", "Monty, a subset of Python that needs no sandbox"),
        ],
        help_text="Monty knows few modules. Choose it where this machine has no sandbox.",
    )
    image_tag = HiddenField(label="Image")

    @property
    def line_numbers(self) -> str:
        """Numbers to stand beside the source."""
        count = (self["source"].data or "").count("\n") + 1
        return "\n".join(str(number) for number in range(1, count + SPARE_LINES))
