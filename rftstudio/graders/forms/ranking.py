"""Form of `ranking`: credit by place."""

from rftstudio.graders.forms.exact_choice import synonyms_field, synonyms_from_field, synonyms_list_field
from rftstudio.graders.forms.fields import ChoiceField, NumbersField, WholeNumberField
from rftstudio.graders.forms.kind import AnswerForm


class RankingForm(AnswerForm):
    kind = "ranking"
    question = "The answer is a list, best first; the higher the right one stands, the better"
    example = "Candidate genes, likeliest first: full credit in place 1, half in place 2."
    heading = "list"

    credit = ChoiceField(
        label="Credit by place",
        choices=[
            ("reciprocal", "1, then 1/2, 1/3, 1/4 … (reciprocal rank)"),
            ("linear", "falling evenly down to the last place that counts"),
            ("ladder", "my own numbers"),
        ],
    )
    top_k = WholeNumberField(
        label="Last place that counts", help_text="No credit further down. Empty: every place counts."
    )
    ladder = NumbersField(
        label="My own numbers",
        help_text="Credit for place 1, 2, 3 …, such as 1, 0.5, 0.25; nothing beyond the last.",
    )
    synonyms = synonyms_field()
    synonyms_from = synonyms_from_field()
    synonyms_list = synonyms_list_field()
