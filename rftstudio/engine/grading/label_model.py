"""`label_model`: a judge picks one of several labels, as OpenAI's grader of that name. 1 for a passing one, else 0."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.judged import STEPS, Judged, reason_of
from rftstudio.engine.grading.judges.prompt import fill, object_schema
from rftstudio.engine.grading.judges.question import Question, ask, label
from rftstudio.engine.grading.judges.reply import read_object, want
from rftstudio.engine.grading.kind import Verdict
from rftstudio.engine.grading.text import quote, quote_all
from rftstudio.engine.types import Item, Sample

MAX_LABELS = 100


class LabelModel(Judged):
    """1 where the judge's label is one of `passing_labels`."""

    title: ClassVar[str] = "Label by a judge"
    summary: ClassVar[str] = "Another model sorts the answer into one of your labels, some of which pass."

    type: Literal["label_model"] = "label_model"
    labels: list[str] = Field(
        min_length=2, max_length=MAX_LABELS, title="Labels", description="What the judge chooses from."
    )
    passing_labels: list[str] = Field(min_length=1, title="Passing labels", description="Those that earn 1.")

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: list[str]) -> list[str]:
        for index, each in enumerate(labels):
            if not each.strip():
                raise FieldError("This label is empty.", fix="Give it a name.", at=f"[{index}]")
            if each in labels[:index]:
                raise FieldError(f"“{each[:80]}” is there twice.", fix="Remove one.", at=f"[{index}]")
        return labels

    @field_validator("passing_labels")
    @classmethod
    def _known(cls, passing: list[str], info: ValidationInfo) -> list[str]:
        labels = info.data.get("labels")
        for index, each in enumerate(passing):
            if labels is not None and each not in labels:
                fix = f"The labels are {', '.join(labels[:20])}."
                raise FieldError(f"“{each[:80]}” is not one of the labels.", fix=fix, at=f"[{index}]")
        return passing

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        system = fill("label_model", {"labels": "\n".join(f"- {each}" for each in self.labels)})
        schema = object_schema(steps=STEPS, result={"type": "string", "enum": self.labels})
        question = Question(self.chat(system, item, sample), schema, self.params)
        (chosen, reason), tokens = ask(self.model, question, self._read)
        score = 1.0 if chosen in self.passing_labels else 0.0
        verdict = f"The judge says {quote(chosen)}, which {'passes' if score else 'does not pass'}."
        return Verdict(score, f"{label(self.model)}{verdict} {reason}".strip(), tokens=tokens)

    def _read(self, text: str) -> tuple[str, str]:
        found = read_object(text)
        chosen = want(found, "result")
        if chosen not in self.labels:
            message = f"The judge's label {quote(str(chosen))} is none of {quote_all(self.labels)}."
            raise NoScore("model_grader_parse_error", message)
        return str(chosen), reason_of(found)
