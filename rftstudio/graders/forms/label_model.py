"""Form of `label_model`: instructions to a judge, its labels, and those that pass."""

from rftstudio.graders.forms.fields import LinesField
from rftstudio.graders.forms.judged import JudgedForm


class LabelModelForm(JudgedForm):
    kind = "label_model"
    question = "Another model sorts the answer into one of my labels"
    example = "Refusal, advice or referral; a referral passes."

    labels = LinesField(label="Labels", help_text="One a line. The judge chooses one of them.")
    passing_labels = LinesField(label="Labels that pass", help_text="One a line. These earn 1, the others 0.")
