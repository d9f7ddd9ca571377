"""Form of `number`: tolerance, partial credit, which number counts, unit."""

from django import forms

from rftstudio.graders.forms.fields import ChoiceField, FlagField, NumberField, SpecField
from rftstudio.graders.forms.kind import AnswerForm


class NumberForm(AnswerForm):
    kind = "number"
    question = "The answer is a number, right within a tolerance"
    example = "A dose of 12.5 mg, 5 % more or less; a near miss earns a part."
    heading = "number"

    unit = SpecField(
        label="Compared in the unit",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "short"}),
        help_text="Such as mg/g, mmol/L, °C, km/h or %. Answers in other units are converted. Empty: units "
        "are not read.",
    )
    unit_required = FlagField(
        label="A unit is required",
        help_text="Without a tick, a number without a unit is taken to be in the unit.",
    )
    tolerance = NumberField(label="Fully right within")
    tolerance_kind = ChoiceField(
        label="Measured as",
        choices=[("absolute", "a distance, in the number's own unit"), ("relative", "a share of the right number")],
        help_text="As a share, 0.05 means 5 % of the right number.",
    )
    band = NumberField(
        label="Partial credit over a further", help_text="The score falls in a straight line to 0 over this width."
    )
    pick = ChoiceField(
        label="If the answer holds several numbers",
        choices=[
            ("only", "it is wrong: one number was asked for"),
            ("first", "the first one counts"),
            ("last", "the last one counts"),
        ],
    )
    percent = ChoiceField(
        label="A percent sign",
        choices=[("as_written", "is ignored: 45 % is 45"), ("fraction", "divides by a hundred: 45 % is 0.45")],
    )
