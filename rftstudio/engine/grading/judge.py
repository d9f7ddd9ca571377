"""`judge`: one question about the answer, which a judge answers by one of several choices, worst to best.

Made for the criteria of a rubric, where every question to the same judge about the same answer goes into one call
(`judge_all`), and good on its own. The judge writes its reason before its choice.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.judged import ModelField
from rftstudio.engine.grading.judges.prompt import Chat, fill, object_schema, task_of
from rftstudio.engine.grading.judges.question import Question, ask, label
from rftstudio.engine.grading.judges.reply import read_object, want
from rftstudio.engine.grading.judges.wrapping import ANSWER, neutralise, wrap
from rftstudio.engine.grading.kind import InputField, Spec, TemplateText, Verdict
from rftstudio.engine.grading.template import compile_template
from rftstudio.engine.grading.text import quote
from rftstudio.engine.types import Item, Sample

MAX_CHOICES = 11
MAX_TOGETHER = 20  # questions in one call


class Judge(Spec):
    """The place of the judge's choice, evenly spaced from 0 (the first) to 1 (the last)."""

    title: ClassVar[str] = "A question to a judge"
    summary: ClassVar[str] = "Another model answers one question about the answer by choosing from worst to best."
    waits: ClassVar[bool] = True
    calls: ClassVar[int] = 1

    type: Literal["judge"] = "judge"
    model: str = ModelField
    instruction: str = Field(
        default="",
        max_length=4000,
        title="Question",
        description="What the judge decides. In a rubric it may be empty: the criterion's sentence is the question.",
    )
    choices: list[str] = Field(
        default_factory=lambda: ["no", "partly", "yes"],
        min_length=2,
        max_length=MAX_CHOICES,
        title="Choices, worst first",
        description="What it chooses from; the first earns 0, the last 1, those between are spaced evenly.",
    )
    input: TemplateText = InputField
    reference: TemplateText = Field(
        default="",
        title="Shown beside it",
        description="What the judge may compare with, such as {{ item.reference_answer }}. Empty: nothing.",
    )

    @field_validator("choices")
    @classmethod
    def _distinct(cls, choices: list[str]) -> list[str]:
        for index, each in enumerate(choices):
            if not each.strip():
                raise FieldError("This choice is empty.", fix="Give it a name.", at=f"[{index}]")
            if each in choices[:index]:
                raise FieldError(f"“{each[:80]}” is there twice.", fix="Remove one.", at=f"[{index}]")
        return choices

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        (verdict,) = judge_all([(self, self.instruction)], item, sample)
        return verdict

    def score_of(self, choice: str) -> float:
        return self.choices.index(choice) / (len(self.choices) - 1)

    @property
    def together(self) -> tuple[str, str, str]:
        """Questions that agree in this may go into one call."""
        return self.model, self.input, self.reference


class _Chosen(NamedTuple):
    choice: str
    reason: str
    error: NoScore | None = None


def judge_all(asked: Sequence[tuple[Judge, str]], item: Item, sample: Sample) -> list[Verdict]:
    """The verdicts on (judge, question) that agree in `together`, from one call; a verdict each, in order.

    The tokens are counted with the first. A verdict that is missing or cannot be read is an error of its own and does
    not touch the others. Raises `NoScore` where there was no reply at all.
    """
    if any(not question.strip() for _, question in asked):
        raise NoScore("other_error", "The judge is asked nothing. Write what it decides.")
    model = asked[0][0].model
    names = [f"q{number}" for number in range(1, len(asked) + 1)]
    verdict = {
        name: object_schema(reason={"type": "string"}, choice={"type": "string", "enum": judge.choices})
        for name, (judge, _) in zip(names, asked, strict=True)
    }
    question = Question(_chat(asked, names, item, sample), object_schema(**verdict))

    def read(text: str) -> list[_Chosen]:
        found = read_object(text)
        if not any(name in found for name in names):
            raise NoScore("model_grader_parse_error", f"The judge's reply has none of {', '.join(names)}.")
        return [_chosen(judge, found, name) for name, (judge, _) in zip(names, asked, strict=True)]

    chosen, tokens = ask(model, question, read)
    verdicts = []
    for (judge, _), one in zip(asked, chosen, strict=True):
        if one.error is not None:
            verdicts.append(Verdict(None, error=one.error.error, tokens=tokens))
        else:
            reason = f"{label(model)}{one.reason or 'The judge gave no reason.'} The judge says {quote(one.choice)}."
            verdicts.append(Verdict(judge.score_of(one.choice), reason, tokens=tokens))
        tokens = 0
    return verdicts


def _chosen(judge: Judge, found: dict[str, Any], name: str) -> _Chosen:
    try:
        verdict = want(found, name)
        if not isinstance(verdict, dict):
            raise NoScore("model_grader_parse_error", f"The judge's “{name}” is no object.")
        choice = want(verdict, "choice")
        if choice not in judge.choices:
            message = f"The judge chose {quote(str(choice))}, which is none of the choices."
            raise NoScore("model_grader_parse_error", message)
        return _Chosen(str(choice), str(verdict.get("reason") or "").strip()[:2000])
    except NoScore as failure:
        return _Chosen("", "", failure)


def _chat(asked: Sequence[tuple[Judge, str]], names: Sequence[str], item: Item, sample: Sample) -> Chat:
    judge = asked[0][0]
    answer = compile_template(judge.input).render(item, sample)
    parts = [task_of(item)]
    if judge.reference.strip():
        parts.append("To compare with:\n" + wrap("reference", compile_template(judge.reference).render(item, sample)))
    parts.append("The answer to be graded:\n" + wrap(ANSWER, answer))
    questions = [
        f"{name}: {neutralise(question.strip())}\nchoices: {json.dumps(one.choices, ensure_ascii=False)}"
        for name, (one, question) in zip(names, asked, strict=True)
    ]
    parts.append("Decide about the answer:\n\n" + "\n\n".join(questions))
    shape = {name: {"reason": "why, in one or two sentences", "choice": "one of its choices"} for name in names}
    system = fill("judge", {"shape": json.dumps(shape)})
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": "\n\n".join(part for part in parts if part)},
    ]
