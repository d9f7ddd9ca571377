"""Form of `exact_choice`: the allowed labels and their other names."""

from django import forms

from rftstudio.graders.forms.fields import LinesField, NumberField, SpecField, SynonymsField, TemplateField
from rftstudio.graders.forms.kind import AnswerForm


def synonyms_field() -> SynonymsField:
    """Kinds that know other names ask for them in the same words."""
    return SynonymsField(
        label="Other accepted names",
        rows=4,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "class": "lines",
                "spellcheck": "false",
                "placeholder": "myocardial infarction = heart attack, MI",
            }
        ),
        help_text="A label a line, then = and its other names with commas between. Paste as many as you like.",
    )


def synonyms_from_field() -> TemplateField:
    return TemplateField(
        label="Other names from a column",
        help_text="A column that holds further names for an item's answer, such as {{ item.synonyms }}.",
    )


def synonyms_list_field() -> SpecField:
    return SpecField(
        label="Other names from a word list",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "list-names"}),
        help_text="Name of a word list of this workspace, such as genes. Its labels and their other names count as the "
        "same; what is typed here or comes from a column counts more. Empty: none.",
    )


class ExactChoiceForm(AnswerForm):
    kind = "exact_choice"
    question = "The answer is one label out of a list"
    example = "The message goes to “billing”, and to no other desk."
    heading = "right"

    choices = LinesField(
        label="Allowed labels",
        widget=forms.Textarea(attrs={"rows": 4, "class": "lines", "spellcheck": "false"}),
        help_text="One a line. Capitals, spaces and punctuation around a label are ignored. None: only the "
        "reference answer counts.",
    )
    synonyms = synonyms_field()
    synonyms_from = synonyms_from_field()
    synonyms_list = synonyms_list_field()
    partial = NumberField(
        label="Credit for a mention",
        help_text="Score of an answer that says more than the label but mentions the right one and no other. "
        "A little, such as 0.2, helps a small model to start learning.",
    )
