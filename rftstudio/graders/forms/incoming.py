"""The form that takes a grader from elsewhere: pasted, or a file."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from rftstudio.engine.grading.exchange.reading import MAX_CHARACTERS


class IncomingForm(forms.Form):
    text = forms.CharField(
        label="Paste it here",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "class": "mono import-text", "spellcheck": "false"}),
        help_text="OpenAI: a grader, or the “method” of a fine-tuning job. promptfoo: a config, a test, or a list of "
        "assertions. JSON or YAML.",
    )
    file = forms.FileField(
        label="Or choose a file",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".json,.yaml,.yml,application/json,text/yaml"}),
    )
    source = forms.ChoiceField(
        label="It comes from",
        required=False,
        choices=[("", "find out"), ("openai", "OpenAI (graders)"), ("promptfoo", "promptfoo (assertions)")],
    )
    name = forms.CharField(label="Name of the grader here", required=False, max_length=120)

    def clean_file(self) -> str:
        file: Any = self.cleaned_data.get("file")
        if file is None:
            return ""
        if file.size > 4 * MAX_CHARACTERS:
            raise ValidationError(f"The file has {file.size // 1024:,} KiB. One grader is much smaller.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ValidationError("The file is not text in UTF-8. Save it as JSON or YAML.") from None

    @property
    def given(self) -> str:
        """What is to be read: the file where one was chosen."""
        return self.cleaned_data.get("file") or self.cleaned_data.get("text") or ""
