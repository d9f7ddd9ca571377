"""Form of `keywords`: what must be mentioned, what must not, and what counts as a mention."""

from typing import Any

from django import forms

from rftstudio.graders.forms.exact_choice import synonyms_field, synonyms_from_field, synonyms_list_field
from rftstudio.graders.forms.fields import ChoiceField, FlagField, LinesField, NumberField, TemplateField
from rftstudio.graders.forms.kind import InputForm


def _phrases(**options: Any) -> LinesField:
    return LinesField(widget=forms.Textarea(attrs={"rows": 4, "class": "lines", "spellcheck": "false"}), **options)


class KeywordsForm(InputForm):
    kind = "keywords"
    question = "The answer must mention some things and must not mention others"
    example = "“Call 999” is said, “wait and see” is not."

    required = _phrases(label="Must mention", help_text="A word or phrase a line. Each counts the same.")
    forbidden = _phrases(label="Must not mention", help_text="A word or phrase a line. Each mention costs.")
    penalty = NumberField(
        label="Cost of a forbidden mention",
        help_text="What each forbidden word takes off the score: 0.5 leaves half, 1 leaves nothing.",
    )
    negation = ChoiceField(
        label="“no fever”",
        choices=[("ignore", "mentions fever"), ("respect", "does not mention fever (English only)")],
        help_text="By a list of English cues such as no, without, denies, was not seen. It knows no grammar: read in "
        "the manual where it fails.",
    )
    inflections = ChoiceField(
        label="Word forms",
        choices=[
            ("none", "word for word"),
            ("english", "English endings ignored: tablets is tablet"),
            ("german", "German endings ignored"),
            ("french", "French endings ignored"),
            ("spanish", "Spanish endings ignored"),
            ("italian", "Italian endings ignored"),
            ("portuguese", "Portuguese endings ignored"),
            ("dutch", "Dutch endings ignored"),
            ("swedish", "Swedish endings ignored"),
            ("danish", "Danish endings ignored"),
            ("norwegian", "Norwegian endings ignored"),
        ],
    )
    whole_words = FlagField(
        label="Whole words only", help_text="Without a tick, “infarct” is also found inside “reinfarction”."
    )
    required_from = TemplateField(
        label="Must mention, from a column", help_text="A list of words in each item, such as {{ item.findings }}."
    )
    forbidden_from = TemplateField(
        label="Must not mention, from a column", help_text="A list of words in each item, such as {{ item.excluded }}."
    )
    synonyms = synonyms_field()
    synonyms_from = synonyms_from_field()
    synonyms_list = synonyms_list_field()

    @property
    def uses_columns(self) -> bool:
        names = ("required_from", "forbidden_from")
        return any(self[name].data or name in self.errors for name in names)
