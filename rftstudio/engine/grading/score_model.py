"""`score_model`: a judge gives a number, as OpenAI's grader of that name. Clipped to `range`, 0..1 by default.

The judge answers {"steps": [...], "result": number}, its steps first. What is no number gives no score.
"""

from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.judged import STEPS, Judged, reason_of
from rftstudio.engine.grading.judges.prompt import fill, object_schema
from rftstudio.engine.grading.judges.question import Question, ask, label
from rftstudio.engine.grading.judges.reply import read_object, want
from rftstudio.engine.grading.kind import Verdict
from rftstudio.engine.types import Item, Sample


class ScoreModel(Judged):
    """The judge's number, within `range`."""

    title: ClassVar[str] = "Score by a judge"
    summary: ClassVar[str] = "Another model reads the answer and gives it a number, by instructions of your own."

    type: Literal["score_model"] = "score_model"
    range: list[float] = Field(
        default_factory=lambda: [0.0, 1.0],
        title="From, to",
        description="The lowest and the highest number the judge may give; what lies beyond is clipped.",
    )

    @field_validator("range")
    @classmethod
    def _ordered(cls, ends: list[float]) -> list[float]:
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise FieldError("This is no range.", fix="Write the lowest and the highest score, such as [0, 1].")
        return ends

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        low, high = self.range
        system = fill("score_model", {"low": f"{low:g}", "high": f"{high:g}"})
        number = {"type": "number", "minimum": low, "maximum": high}
        schema = object_schema(steps=STEPS, result=number)
        question = Question(self.chat(system, item, sample), schema, self.params)
        (given, reason), tokens = ask(self.model, question, partial(_read, name="result"))
        score = min(high, max(low, given))
        clipped = "" if score == given else f" It gave {given:g}, which is clipped to {score:g}."
        reason = f"{label(self.model)}{reason or 'The judge gave no reason.'}{clipped}"
        return Verdict(score, reason, tokens=tokens)


def _read(text: str, name: str) -> tuple[float, str]:
    found = read_object(text)
    given: Any = want(found, name)
    if isinstance(given, bool) or not isinstance(given, int | float) or not -1e308 < given < 1e308:
        raise NoScore("model_grader_parse_error", f"The judge's “{name}” is no number: {str(given)[:80]}.")
    return float(given), reason_of(found)
