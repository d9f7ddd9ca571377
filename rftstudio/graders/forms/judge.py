"""Form of `judge`: one question, and the choices from worst to best."""

from rftstudio.graders.forms.fields import LinesField, TemplateField, TextField
from rftstudio.graders.forms.judged import judge_field
from rftstudio.graders.forms.kind import AnswerForm


class JudgeForm(AnswerForm):
    kind = "judge"
    question = "Another model answers one question, from worst to best"
    example = "“Would a worried parent understand it?” no, partly, yes."

    model = judge_field()
    instruction = TextField(
        label="Question",
        big=True,
        help_text="What the judge decides about the answer. In a rubric it may stay empty: the criterion is asked.",
    )
    choices = LinesField(
        label="Choices, worst first", help_text="One a line. The first earns 0, the last 1, the others evenly between."
    )
    reference = TemplateField(
        label="Shown beside the answer",
        help_text="What the judge may compare with, such as {{ item.reference_answer }}. Empty: nothing.",
    )

    @property
    def usual(self) -> bool:
        """Whether the judge sees the whole answer and nothing beside it."""
        return not self["reference"].data and not self["reference"].errors and self.usual_input
