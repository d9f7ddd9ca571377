"""Form of `regex`: the pattern, and what a part of its match must say."""

from django import forms

from rftstudio.graders.forms.fields import ChoiceField, FlagField, SpecField, TextField
from rftstudio.graders.forms.kind import AnswerForm


class RegexForm(AnswerForm):
    kind = "regex"
    question = "The answer must, or must not, fit a pattern"
    example = "A lab code such as K-1234, whatever stands around it."

    pattern = TextField(
        label="Pattern",
        big=True,
        widget=forms.Textarea(attrs={"rows": 1, "class": "one-line", "spellcheck": "false"}),
        help_text="A regular expression: \\d+ is digits, .* is anything, (…) takes a part out, | is or. Put \\ before "
        "a sign that means itself.",
    )
    expect = ChoiceField(
        label="It passes when the pattern", choices=[("match", "occurs"), ("no_match", "does not occur")]
    )
    where = ChoiceField(
        label="Looked for", choices=[("anywhere", "anywhere in the answer"), ("whole", "as the whole answer")]
    )
    ignore_case = FlagField(label="Ignore capitals")
    multiline = FlagField(label="^ and $ for every line", help_text="Otherwise they stand for the ends of the text.")
    dot_all = FlagField(label="A dot may cross lines")
    group = SpecField(
        label="Part taken out",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "short"}),
        help_text="The number of a pair of parentheses, counted from 1, or its name: (?P<dose>…) is dose. Empty: that "
        "the pattern occurs is enough.",
    )
    pick = ChoiceField(label="If it occurs often", choices=[("first", "the first one"), ("last", "the last one")])
    operation = ChoiceField(
        label="The part must",
        choices=[
            ("exists", "be there"),
            ("same", "say the same, capitals and spaces ignored"),
            ("eq", "be exactly this"),
            ("ne", "be anything but this"),
            ("like", "contain this"),
            ("ilike", "contain this, capitals ignored"),
        ],
    )

    @property
    def takes_group(self) -> bool:
        """Whether a part of the match is looked at, or the fields that say so need attention."""
        return bool(self["group"].data) or any(name in self.errors for name in ("group", "operation", "reference"))
