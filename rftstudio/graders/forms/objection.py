"""What somebody says who finds a grader wrong: the score it should have given, and why. Reads; saves nothing."""

from django import forms

from rftstudio.graders.cases import MAX_WHY
from rftstudio.graders.evidence import Rule


class ObjectionForm(forms.Form):
    """A rule and a score of 0 to 1."""

    rule = forms.ChoiceField(label="It should have given", choices=Rule.choices, initial=Rule.AT_MOST)
    wanted = forms.FloatField(
        label="Score",
        min_value=0,
        max_value=1,
        initial=0,
        widget=forms.NumberInput(attrs={"step": "0.05", "inputmode": "decimal"}),
        help_text="From 0 to 1. “About” allows 0.1 more or less.",
    )
    why = forms.CharField(
        label="Why",
        required=False,
        max_length=MAX_WHY,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For whoever meets this case in half a year.",
    )

    def __init__(self, *args: object, gave: float | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if gave is not None and gave < 0.5:  # a low score that is wrong should have been higher
            self.fields["rule"].initial = Rule.AT_LEAST
            self.fields["wanted"].initial = 1
