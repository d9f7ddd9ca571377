"""Form of `score_model`: instructions to a judge, and the range of its score."""

from rftstudio.graders.forms.fields import NumbersField
from rftstudio.graders.forms.judged import JudgedForm


class ScoreModelForm(JudgedForm):
    kind = "score_model"
    question = "Another model reads the answer and gives a number"
    example = "How polite is this letter, from 0 to 10?"

    range = NumbersField(
        label="Lowest and highest score",
        term="range",
        help_text="Usually 0, 1. What the judge gives beyond them is clipped.",
    )
