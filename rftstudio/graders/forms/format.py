"""Form of `format`: which outward checks the answer must pass."""

from rftstudio.engine.grading.language import LANGUAGES
from rftstudio.graders.forms.fields import ChoiceField, FlagField, WholeNumberField
from rftstudio.graders.forms.kind import InputForm

_OTHER_COUNTS = ("min_sentences", "max_sentences", "min_characters", "max_characters")


class FormatForm(InputForm):
    kind = "format"
    question = "The form of the answer: length, language, no preamble, a proper end"
    example = "Under 120 words, in English, without “Sure, here is …”."

    min_words = WholeNumberField(label="At least so many words")
    max_words = WholeNumberField(label="At most so many words")
    language = ChoiceField(
        label="Language",
        choices=[("", "any"), *sorted(LANGUAGES.items(), key=lambda each: each[1])],
        help_text="Told by the words of the answer. A name, a code or three words are too short to tell; the check "
        "then does not count.",
    )
    no_preamble = FlagField(label="No preamble", help_text="Does not begin with “Sure, here is …” and the like.")
    ends_properly = FlagField(
        label="Ends properly", help_text="Is not cut off in the middle of a sentence, a bracket or a block of code."
    )
    no_markdown = FlagField(label="No Markdown", help_text="No headings, stars, list marks, tables or code fences.")
    valid_json = FlagField(label="Valid JSON", help_text="The answer is JSON and nothing else, not even a code fence.")
    min_sentences = WholeNumberField(label="At least so many sentences")
    max_sentences = WholeNumberField(label="At most so many sentences")
    min_characters = WholeNumberField(label="At least so many characters")
    max_characters = WholeNumberField(label="At most so many characters")

    @property
    def counts_otherwise(self) -> bool:
        return any(self[name].data or name in self.errors for name in _OTHER_COUNTS)
