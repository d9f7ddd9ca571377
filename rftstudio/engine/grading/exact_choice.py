"""`exact_choice`: the answer must be one label out of a list. 1 or 0, with optional credit for a mere mention."""

from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import as_text, normalise, quote, quote_all
from rftstudio.engine.grading.vocabulary import SynonymsField, SynonymsFromField, check_synonyms, for_item
from rftstudio.engine.grading.word_list import ListName, Names, SynonymsListField
from rftstudio.engine.types import Item, Sample


class ExactChoice(Spec):
    """The whole answer equals the right label, ignoring case, space, surrounding punctuation and synonyms.

    A reference that is a list names several labels, any of which is right. A reference outside the choices gives no
    score: the item is wrong, not the answer.
    """

    title: ClassVar[str] = "One label"
    summary: ClassVar[str] = "The answer is one label out of a known list."

    type: Literal["exact_choice"] = "exact_choice"
    input: TemplateText = InputField
    reference: TemplateText = ReferenceField
    choices: list[str] = Field(
        default_factory=list,
        title="Choices",
        description="The allowed labels. Empty: the answer is compared with the reference only.",
    )
    synonyms: dict[str, list[str]] = SynonymsField
    synonyms_from: TemplateText = SynonymsFromField
    synonyms_list: ListName = SynonymsListField
    partial: float = Field(
        default=0.0,
        ge=0,
        le=1,
        title="Credit for a mention",
        description="Score when the answer says more than the label, but mentions the right label and none of the "
        "other choices. A little (0.2) helps a small model to start learning.",
    )

    @field_validator("choices")
    @classmethod
    def _distinct(cls, choices: list[str]) -> list[str]:
        seen: dict[str, str] = {}
        for index, choice in enumerate(choices):
            key = normalise(choice)
            if not key:
                raise FieldError("A choice is empty.", fix="Remove it.", at=f"[{index}]")
            if key in seen:
                message = f"{quote(seen[key])} and {quote(choice)} are the same choice."
                raise FieldError(message, fix="Case, space and punctuation are ignored: keep one.", at=f"[{index}]")
            seen[key] = choice
        return choices

    @field_validator("synonyms")
    @classmethod
    def _of_choices(cls, synonyms: dict[str, list[str]], info: ValidationInfo) -> dict[str, list[str]]:
        return check_synonyms(synonyms, info.data.get("choices", ()))

    @cached_property
    def _templates(self) -> tuple[Template, Template, Template]:
        return compile_template(self.input), compile_template(self.reference), compile_template(self.synonyms_from)

    @cached_property
    def _names(self) -> Names:
        return Names(self.choices, self.synonyms, self.synonyms_list)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template, column = self._templates
        reference = reference_value(reference_template, item, sample)
        references = [as_text(each) for each in reference] if isinstance(reference, list) else [as_text(reference)]
        if not references:
            raise NoScore("other_error", "The reference is an empty list: this item has no right answer.")
        vocabulary, choice_keys = self._names.vocabulary()
        if self.synonyms_from:
            vocabulary = for_item(vocabulary, references, column.value(item, sample))
        expected = [vocabulary.key(each) for each in references]
        if self.choices:
            for each, key in zip(references, expected, strict=True):
                if key not in choice_keys:
                    raise NoScore("other_error", f"The reference {quote(each)} is not one of the choices.")
        text = template.render(item, sample)
        answer = vocabulary.key(text)
        if answer in expected:
            return Verdict(1.0, f"The answer is {quote(vocabulary.label(answer))}, as expected.")
        wanted = quote(references[0]) if len(references) == 1 else f"one of {quote_all(references)}"
        if not answer:
            return Verdict(0.0, f"Expected {wanted}, the answer is empty.")
        if self.partial:
            known = vocabulary if self.choices else for_item(vocabulary, references)
            mentioned = known.mentions(text, among=choice_keys)
            if len(mentioned) == 1 and mentioned.issubset(expected):
                reason = f"The answer mentions {wanted} and no other label, but says more than that."
                return Verdict(self.partial, reason)
        said = vocabulary.label(answer) if vocabulary.knows(text) else text
        return Verdict(0.0, f"Expected {wanted}, the answer says {quote(said)}.")
