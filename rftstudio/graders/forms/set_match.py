"""Form of `set_match`: what counts, missing items or wrong ones."""

from rftstudio.graders.forms.exact_choice import synonyms_field, synonyms_from_field, synonyms_list_field
from rftstudio.graders.forms.fields import ChoiceField, NumberField
from rftstudio.graders.forms.kind import AnswerForm


class SetMatchForm(AnswerForm):
    kind = "set_match"
    question = "The answer lists items; their order does not matter"
    example = "All the side effects that were asked for, and nothing else."
    heading = "list"

    measure = ChoiceField(
        label="What counts",
        choices=[
            ("f1", "both: nothing missing, nothing wrong (F1)"),
            ("recall", "nothing missing: share of the expected items that are listed (recall)"),
            ("precision", "nothing wrong: share of the listed items that are expected (precision)"),
            ("f_beta", "both, one of them more (F-beta)"),
        ],
    )
    beta = NumberField(
        label="Beta", help_text="Used with F-beta. 2: missing items weigh more; 0.5: wrong ones weigh more."
    )
    synonyms = synonyms_field()
    synonyms_from = synonyms_from_field()
    synonyms_list = synonyms_list_field()
