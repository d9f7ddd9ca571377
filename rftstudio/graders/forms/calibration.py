"""Forms around calibration: a new set, answers for it, and what it asks of a launch. They read; they save nothing."""

from typing import Any

from django import forms

from rftstudio.graders.calibration import MAX_CASES
from rftstudio.graders.evidence import Source
from rftstudio.graders.keeping import MAX_ANSWER

MADE = [
    (Source.REFERENCE.value, "reference answers"),
    (Source.OTHER.value, "answers that are right for another item"),
    (Source.ATTACK.value, "answers of the red-team"),
]


class NewSetForm(forms.Form):
    name = forms.CharField(label="Name", required=False, max_length=120)
    filled = forms.BooleanField(
        label="Start with 24 answers made from the items",
        required=False,
        initial=True,
        help_text="Eight right ones, eight of other items, eight of the red-team. Add answers of a model as well.",
    )


class MadeForm(forms.Form):
    """Answers made from the items."""

    limit = forms.IntegerField(label="How many", min_value=1, max_value=100, initial=10)
    source = forms.ChoiceField(label="Which", choices=MADE)


class TypedForm(forms.Form):
    """An answer that somebody types or pastes."""

    item = forms.CharField(label="Item", max_length=64, help_text="Its name in the task set.")
    text = forms.CharField(
        label="Answer", required=False, max_length=MAX_ANSWER, strip=False, widget=forms.Textarea(attrs={"rows": 4})
    )


class RequirementForm(forms.Form):
    """What a grader must reach before a launch."""

    asked = forms.BooleanField(label="Launch only when the grader agrees with the experts", required=False)
    required = forms.FloatField(
        label="Spearman at least", min_value=0.05, max_value=1, initial=0.6, widget=forms.NumberInput({"step": "0.05"})
    )
    required_n = forms.IntegerField(
        label="On at least this many scored answers", min_value=10, max_value=MAX_CASES, initial=20
    )

    @property
    def least(self) -> float | None:
        value: Any = self.cleaned_data["required"]
        return float(value) if self.cleaned_data["asked"] else None
