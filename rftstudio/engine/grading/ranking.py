"""`ranking`: a list, best first; credit depends on the place of the first right answer in it.

Several right answers may be given: the one placed best counts, their own order does not matter. An answer's list is
read as JSON, numbered, bulleted, one a line or separated by commas; an entry that is repeated keeps its first place.
"""

from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import quote, quote_all
from rftstudio.engine.grading.vocabulary import Synonyms, SynonymsField, SynonymsFromField, Vocabulary, for_item
from rftstudio.engine.grading.word_list import ListName, Names, SynonymsListField
from rftstudio.engine.types import Item, Sample


class Ranking(Spec):
    """Credit for the best place p (from 1) of a right answer.

    reciprocal: 1/p. linear: (K − p + 1)/K with K = top_k. ladder: the p-th number of the ladder.
    Metrics: top@1, top@5, top@max (anywhere in the list, whatever `top_k` is), each 1 or 0.
    """

    title: ClassVar[str] = "Ranked list"
    summary: ClassVar[str] = "The answer is a list, best first; the higher the right answer stands, the better."

    type: Literal["ranking"] = "ranking"
    input: TemplateText = InputField
    reference: TemplateText = ReferenceField
    credit: Literal["reciprocal", "linear", "ladder"] = Field(
        default="reciprocal",
        title="Credit by place",
        description="reciprocal: 1, 1/2, 1/3 …; linear: falling evenly over the first top_k places; "
        "ladder: your own numbers.",
    )
    ladder: list[float] = Field(
        default_factory=list,
        title="Ladder",
        description="Credit for place 1, 2, 3 …, each 0 to 1; nothing beyond the last. Only for credit = ladder.",
        validate_default=True,
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        title="Cut after place",
        description="No credit beyond this place. Empty: no cut.",
    )
    synonyms: Synonyms = SynonymsField
    synonyms_from: TemplateText = SynonymsFromField
    synonyms_list: ListName = SynonymsListField

    @field_validator("ladder")
    @classmethod
    def _steps(cls, ladder: list[float], info: ValidationInfo) -> list[float]:
        if info.data.get("credit") == "ladder" and not ladder:
            raise FieldError("The ladder is empty.", fix="Give the credit for each place, such as [1, 0.5, 0.25].")
        for index, step in enumerate(ladder):
            if not 0 <= step <= 1:
                raise FieldError(f"{step:g} is not between 0 and 1.", fix="Full credit is 1.", at=f"[{index}]")
        return ladder

    @model_validator(mode="after")
    def _linear_needs_k(self) -> "Ranking":
        if self.credit == "linear" and self.top_k is None:
            fix = "Set the place at which the credit reaches 0, such as 10."
            raise FieldError("Linear credit needs top_k.", fix=fix, at=".top_k")
        return self

    @cached_property
    def _templates(self) -> tuple[Template, Template, Template]:
        return compile_template(self.input), compile_template(self.reference), compile_template(self.synonyms_from)

    @cached_property
    def _names(self) -> Names:
        return Names((), self.synonyms, self.synonyms_list)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template, column = self._templates
        known, _ = self._names.vocabulary()
        references = right_answers(known, reference_value(reference_template, item, sample))
        synonyms = column.value(item, sample) if self.synonyms_from else None
        vocabulary = for_item(known, references, synonyms)
        right = {vocabulary.key(reference) for reference in references}
        answers = vocabulary.entries(template.value(item, sample))
        place, found = next(((index, key) for index, key in enumerate(answers, 1) if key in right), (None, ""))
        metrics = {
            "top@1": float(place == 1),
            "top@5": float(place is not None and place <= 5),
            "top@max": float(place is not None),
        }
        if place is None:
            wanted = quote_all(references) if len(references) == 1 else f"None of {quote_all(references)}"
            verb = "is not" if len(references) == 1 else "is"
            where = f"in the answer's list of {len(answers)}" if answers else "in the answer, which holds no list"
            return Verdict(0.0, f"{wanted} {verb} {where}.", metrics=metrics)
        credit = self._credit(place)
        return Verdict(
            credit,
            f"{quote(answers[found])} is in place {place} of {len(answers)}: credit {credit:.3g}.",
            metrics=metrics,
        )

    def _credit(self, place: int) -> float:
        if self.top_k is not None and place > self.top_k:
            return 0.0
        if self.credit == "reciprocal":
            return 1.0 / place
        if self.credit == "ladder":
            return self.ladder[place - 1] if place <= len(self.ladder) else 0.0
        return (self.top_k - place + 1) / self.top_k if self.top_k else 0.0


def right_answers(vocabulary: Vocabulary, reference: object) -> tuple[str, ...]:
    """The labels in a reference, as written where known. Raises `NoScore` when there are none."""
    references = vocabulary.labels_in(reference)
    if not references:
        raise NoScore("other_error", "The reference is an empty list: this item has no right answer.")
    return references
