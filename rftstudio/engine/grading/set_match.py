"""`set_match`: a set of items; order and repetition do not count. Precision, recall, F1 or Fβ.

Fβ = (1 + β²)·P·R / (β²·P + R), van Rijsbergen 1979. An empty reference list means that nothing is right: an empty
answer then scores 1 and any other 0.
"""

from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field

from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import quote_all
from rftstudio.engine.grading.vocabulary import Synonyms, SynonymsField, SynonymsFromField, for_item
from rftstudio.engine.grading.word_list import ListName, Names, SynonymsListField
from rftstudio.engine.types import Item, Sample

_NOTHING = frozenset({"", "none", "nothing", "no", "n/a", "null", "empty", "none of them", "none of these"})


class SetMatch(Spec):
    """How well the items of the answer match the expected ones, 0..1. Metrics: precision, recall, f1."""

    title: ClassVar[str] = "Set of items"
    summary: ClassVar[str] = "The answer lists items; their order does not matter."

    type: Literal["set_match"] = "set_match"
    input: TemplateText = InputField
    reference: TemplateText = ReferenceField
    measure: Literal["precision", "recall", "f1", "f_beta"] = Field(
        default="f1",
        title="Measure",
        description="precision: share of what is listed that is right; recall: share of what is right that is listed; "
        "f1: both alike; f_beta: both, weighed by beta.",
    )
    beta: float = Field(
        default=2.0, gt=0, le=100, title="Beta", description="For f_beta: above 1 favours recall, below 1 precision."
    )
    synonyms: Synonyms = SynonymsField
    synonyms_from: TemplateText = SynonymsFromField
    synonyms_list: ListName = SynonymsListField

    @cached_property
    def _templates(self) -> tuple[Template, Template, Template]:
        return compile_template(self.input), compile_template(self.reference), compile_template(self.synonyms_from)

    @cached_property
    def _names(self) -> Names:
        return Names((), self.synonyms, self.synonyms_list)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template, column = self._templates
        known, _ = self._names.vocabulary()
        references = known.labels_in(reference_value(reference_template, item, sample))
        synonyms = column.value(item, sample) if self.synonyms_from else None
        vocabulary = for_item(known, references, synonyms)
        expected = dict.fromkeys(vocabulary.key(reference) for reference in references)
        listed = vocabulary.entries(template.value(item, sample))
        if not expected:
            empty = not listed or (len(listed) == 1 and not _NOTHING.isdisjoint(listed))
            reason = "Nothing is expected and nothing is listed."
            score = 1.0 if empty else 0.0
            return Verdict(score, reason if empty else f"Nothing is expected, the answer lists {len(listed)} items.")
        hits = sum(key in expected for key in listed)
        precision = hits / len(listed) if listed else 0.0
        recall = hits / len(expected)
        metrics = {"precision": precision, "recall": recall, "f1": _f_beta(precision, recall, 1.0)}
        score = _f_beta(precision, recall, self.beta) if self.measure == "f_beta" else metrics[self.measure]
        reason = f"{hits} of {len(expected)} expected items listed"
        if hits < len(expected):
            missing = [vocabulary.label(key) for key in expected if key not in listed]
            reason += f"; missing {quote_all(missing)}"
        if hits < len(listed):
            extra = [entry for key, entry in listed.items() if key not in expected]
            reason += f"; not expected {quote_all(extra)}"
        return Verdict(score, reason + ".", metrics=metrics)


def _f_beta(precision: float, recall: float, beta: float) -> float:
    square = beta * beta
    bottom = square * precision + recall
    return (1 + square) * precision * recall / bottom if bottom else 0.0
