"""Form of `string_check`: a sentence, "the answer contains …"."""

from rftstudio.graders.forms.fields import ChoiceField, TemplateField
from rftstudio.graders.forms.kind import AnswerForm


class StringCheckForm(AnswerForm):
    kind = "string_check"
    question = "The answer must equal, or contain, an exact text"
    example = "The answer contains the code I21.4, letter by letter."
    heading = "right"

    operation = ChoiceField(
        label="It passes when the answer",
        choices=[
            ("eq", "is exactly this text"),
            ("ne", "is anything but this text"),
            ("like", "contains this text"),
            ("ilike", "contains this text, capitals ignored"),
        ],
    )
    reference = TemplateField(
        label="This text",
        help_text="A fixed text, or a column: {{ item.reference_answer }} is the item's reference answer.",
    )
