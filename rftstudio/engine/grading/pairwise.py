"""`pairwise`: a judge compares the answer with the reference: better 1, equal 0.5, worse 0.

Judges prefer an answer for standing first (or second), so both orders are asked. Where the two verdicts disagree, the
place decided and not the answers: that counts as equal.
"""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import ClassVar, Literal

from pydantic import Field

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.grade import grade_verdict
from rftstudio.engine.grading.judged import ModelField
from rftstudio.engine.grading.judges.prompt import fill, object_schema, task_of
from rftstudio.engine.grading.judges.question import Question, ask, label
from rftstudio.engine.grading.judges.reply import read_object, want
from rftstudio.engine.grading.judges.wrapping import FIRST, SECOND, neutralise, wrap
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import as_text, quote
from rftstudio.engine.types import Grade, GradeError, Item, Sample

BETTER, EQUAL, WORSE = 1.0, 0.5, 0.0
_WORDS = {BETTER: "better than", EQUAL: "as good as", WORSE: "worse than"}
_VERDICTS = ("first", "second", "equal")


class Pairwise(Spec):
    """Two children, one for each order; the whole is theirs where they agree and 0.5 where they do not."""

    title: ClassVar[str] = "Better or worse than the reference"
    summary: ClassVar[str] = "Another model compares the answer with your reference answer, in both orders."
    waits: ClassVar[bool] = True
    calls: ClassVar[int] = 2

    type: Literal["pairwise"] = "pairwise"
    model: str = ModelField
    instruction: str = Field(
        default="Which answer is better?",
        min_length=1,
        max_length=4000,
        title="What better means",
        description="A question or a few sentences: what makes one answer better than another.",
    )
    input: TemplateText = InputField
    reference: TemplateText = ReferenceField

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    def templates(self) -> Iterator[tuple[str, str]]:
        yield "input", self.input
        yield "reference", self.reference

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template = self._templates
        answer = template.render(item, sample)
        reference = as_text(reference_value(reference_template, item, sample))
        if answer.strip() == reference.strip():
            return Verdict(EQUAL, "The answer and the reference are the same text.")
        children = tuple(
            grade_verdict(self, partial(self._compare, item, answer, reference, first), name=name)
            for name, first in (("answer first", True), ("reference first", False))
        )
        for child in children:
            if child.error is not None:
                error = GradeError(child.error.flag, f"“{child.name}” has no score: {child.error.message}")
                return Verdict(None, children=children, error=error)
        score = self._whole(children)
        agreed = children[0].score == children[1].score
        reason = f"The answer is {_WORDS[score]} the reference, in both orders."
        if not agreed:
            words = [_WORDS[child.score].split()[0] for child in children if child.score is not None]
            reason = f"Equal: {words[0]} when the answer stands first, {words[1]} when it stands second."
        return Verdict(score, f"{label(self.model)}{reason}", children, {"orders agree": float(agreed)})

    def _compare(self, item: Item, answer: str, reference: str, first: bool) -> Verdict:
        one, other = (answer, reference) if first else (reference, answer)
        parts = [
            task_of(item),
            wrap(FIRST, one),
            wrap(SECOND, other),
            neutralise(self.instruction.strip()),
        ]
        schema = object_schema(reason={"type": "string"}, verdict={"type": "string", "enum": list(_VERDICTS)})
        chat = [
            {"role": "system", "content": fill("pairwise", {})},
            {"role": "user", "content": "\n\n".join(part for part in parts if part)},
        ]
        (verdict, reason), tokens = ask(self.model, Question(chat, schema), _read)
        if verdict == "equal":
            score = EQUAL
        else:
            score = BETTER if (verdict == "first") == first else WORSE
        return Verdict(score, f"{reason or 'The judge gave no reason.'} The judge prefers: {verdict}.", tokens=tokens)

    def _whole(self, children: tuple[Grade, ...]) -> float:
        one, other = (child.score for child in children)
        return one if one is not None and one == other else EQUAL

    def recompute(self, grade: Grade) -> float | None:
        if not grade.children:
            return grade.score
        if any(child.score is None for child in grade.children):
            return None
        return self._whole(grade.children)


def _read(text: str) -> tuple[str, str]:
    found = read_object(text)
    verdict = want(found, "verdict")
    if verdict not in _VERDICTS:
        message = f"The judge's verdict {quote(str(verdict))} is none of {', '.join(_VERDICTS)}."
        raise NoScore("model_grader_parse_error", message)
    return str(verdict), str(found.get("reason") or "").strip()[:2000]
