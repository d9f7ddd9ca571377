"""Form of `pairwise`: what better means, and what the answer is compared with."""

from rftstudio.graders.forms.fields import TextField
from rftstudio.graders.forms.judged import judge_field
from rftstudio.graders.forms.kind import AnswerForm


class PairwiseForm(AnswerForm):
    kind = "pairwise"
    question = "Another model says whether it is better or worse than the reference answer"
    example = "Your own letter beside the model’s, asked in both orders."

    model = judge_field()
    instruction = TextField(
        label="What better means",
        big=True,
        help_text="A question or a few sentences, such as: Better is what a worried parent understands at once.",
    )
