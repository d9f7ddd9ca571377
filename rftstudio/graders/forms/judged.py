"""Fields that the forms of judges have in common."""

from typing import Any

from django import forms

from rftstudio.graders.forms.fields import JsonField, SpecField
from rftstudio.graders.forms.kind import KindForm
from rftstudio.graders.forms.messages import MessagesField


def judge_field() -> SpecField:
    """Which judge."""
    return SpecField(
        label="Judge",
        term="model",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "judge-names"}),
        help_text="The name of a judge that is set up for this workspace.",
    )


class JudgedForm(KindForm):
    """A judge that is told what to do in the author's own words."""

    model = judge_field()
    input = MessagesField(
        label="What the judge is told",
        help_text="{{ sample.output_text }} stands for the answer, {{ item.column }} for a column. The studio tells it "
        "how to reply. Several messages: put system:, user: or assistant: on a line of its own above each.",
    )
    sampling_params = JsonField(
        label="How it is sampled",
        rows=2,
        help_text='Usually empty. For example {"temperature": 0, "seed": 1}; also top_p, max_completion_tokens, '
        "reasoning_effort.",
    )

    def read(self) -> dict[str, Any]:
        found = super().read()
        if not found.get("sampling_params", True):
            del found["sampling_params"]
        return found
