"""`keywords`: what the answer must mention and must not, word by word.

score = (required that are mentioned) / (required) − penalty · (forbidden that are mentioned), within 0..1; the first
part is 1 where nothing is required. With negations respected, a mention that is only ever denied is none.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rftstudio.engine.grading.answer_list import parse_list
from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import InputField, Spec, TemplateText, Verdict
from rftstudio.engine.grading.phrases import Phrases
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import normalise, quote, quote_all
from rftstudio.engine.grading.vocabulary import Synonyms, SynonymsField, SynonymsFromField, Vocabulary, for_item
from rftstudio.engine.grading.word_list import ListName, Names, SynonymsListField
from rftstudio.engine.types import Item, Sample

MAX_PHRASES = 1000
_Labels = tuple[tuple[str, ...], tuple[str, ...]]  # required, forbidden


class Keywords(Spec):
    """Share of the required phrases mentioned, less a penalty for each forbidden one.

    Metrics: `required` (the share, where any are required) and `forbidden` (how many are mentioned).
    """

    title: ClassVar[str] = "Keywords"
    summary: ClassVar[str] = "The answer must mention some things and must not mention others."

    type: Literal["keywords"] = "keywords"
    input: TemplateText = InputField
    required: list[str] = Field(
        default_factory=list,
        max_length=MAX_PHRASES,
        title="Must mention",
        description="Words or phrases, each of which the answer should mention in one of its names.",
    )
    forbidden: list[str] = Field(
        default_factory=list,
        max_length=MAX_PHRASES,
        title="Must not mention",
        description="Words or phrases that the answer should not mention in any of their names.",
    )
    required_from: TemplateText = Field(
        default="",
        title="Must mention, from a column",
        description="A column with further required phrases, such as {{ item.findings }}: a list, or a text of them.",
    )
    forbidden_from: TemplateText = Field(
        default="",
        title="Must not mention, from a column",
        description="A column with further forbidden phrases, such as {{ item.excluded }}. Empty: none.",
    )
    synonyms: Synonyms = SynonymsField
    synonyms_from: TemplateText = SynonymsFromField
    synonyms_list: ListName = SynonymsListField
    penalty: float = Field(
        default=0.5,
        ge=0,
        le=1,
        title="Cost of a forbidden mention",
        description="What each forbidden phrase that is mentioned takes off the score.",
    )
    whole_words: bool = Field(
        default=True,
        title="Whole words only",
        description="Off: a phrase inside a longer word counts too, such as “infarct” in “reinfarction”.",
    )
    inflections: Literal[
        "none", "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish",
        "norwegian",
    ] = Field(
        default="none",
        title="Word forms",
        description="A language whose endings are ignored, so that “tablets” mentions “tablet”. none: word for word.",
    )  # fmt: skip
    negation: Literal["ignore", "respect"] = Field(
        default="ignore",
        title="Negations",
        description="respect: “no fever” does not mention fever (English only, by a list of cues); ignore: it does.",
    )

    @field_validator("required", "forbidden")
    @classmethod
    def _distinct(cls, phrases: list[str], info: ValidationInfo) -> list[str]:
        seen = (
            {normalise(each): each for each in info.data.get("required", ())} if info.field_name != "required" else {}
        )
        for index, phrase in enumerate(phrases):
            key = normalise(phrase)
            if not key:
                raise FieldError("A phrase is empty.", fix="Remove it.", at=f"[{index}]")
            if key in seen:
                message = f"{quote(phrase)} is there twice."
                raise FieldError(message, fix="Case, space and punctuation are ignored: keep one.", at=f"[{index}]")
            seen[key] = phrase
        return phrases

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Keywords":
        if not (self.required or self.forbidden or self.required_from or self.forbidden_from):
            fix = "List what the answer must mention, or name a column such as {{ item.reference_answer }}."
            raise FieldError("Nothing is required and nothing is forbidden.", fix=fix, at=".required")
        return self

    def templates(self) -> Iterator[tuple[str, str]]:
        yield from super().templates()
        for field in ("required_from", "forbidden_from"):
            if text := getattr(self, field):
                yield field, text

    @cached_property
    def _templates(self) -> tuple[Template, ...]:
        texts = (self.input, self.required_from, self.forbidden_from, self.synonyms_from)
        return tuple(map(compile_template, texts))

    @cached_property
    def _names(self) -> Names:
        return Names((), self.synonyms, self.synonyms_list)

    @cached_property
    def _fixed(self) -> _Labels:
        return tuple(self.required), tuple(self.forbidden)

    @cached_property
    def _compiled(self) -> dict[int, tuple[Vocabulary, Phrases]]:
        return {}

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, *_ = self._templates
        required, forbidden, vocabulary, phrases = self._wanted(item, sample)
        text = template.render(item, sample)
        found, denied = phrases.mentioned(text, respect_negation=self.negation == "respect")
        bad = [label for label in forbidden if vocabulary.key(label) in found]
        missing = [label for label in required if vocabulary.key(label) not in found]
        share = 1 - len(missing) / len(required) if required else 1.0
        metrics = {"forbidden": float(len(bad))} if forbidden else {}
        said = []
        if required:
            metrics["required"] = share
            said.append(f"Mentions {len(required) - len(missing)} of {len(required)} required")
        if only_denied := [label for label in missing if vocabulary.key(label) in denied]:
            said.append(f"only denied: {quote_all(only_denied)}")
        if left := [label for label in missing if label not in only_denied]:
            said.append(f"missing {quote_all(left)}")
        if forbidden:
            said.append(f"must not be mentioned: {quote_all(bad)}" if bad else "mentions nothing forbidden")
        reason = "; ".join(said)
        score = min(1.0, max(0.0, share - self.penalty * len(bad)))
        return Verdict(score, f"{reason[0].upper()}{reason[1:]}.", metrics=metrics)

    def _wanted(self, item: Item, sample: Sample) -> tuple[tuple[str, ...], tuple[str, ...], Vocabulary, Phrases]:
        """What this item requires and forbids, and the names to look for. Raises `NoScore`."""
        vocabulary, _ = self._names.vocabulary()
        required, forbidden = self._fixed
        if not (self.required_from or self.forbidden_from or self.synonyms_from):
            built = self._compiled.get(0)
            if built is None or built[0] is not vocabulary:
                built = self._compiled[0] = (vocabulary, self._phrases(vocabulary, (*required, *forbidden)))
            return required, forbidden, *built
        _, required_column, forbidden_column, synonyms_column = self._templates
        if self.required_from:
            required = _joined(required, required_column.value(item, sample), vocabulary)
        if self.forbidden_from:
            forbidden = _joined(forbidden, forbidden_column.value(item, sample), vocabulary)
            keys = {vocabulary.key(label) for label in required}
            if both := [label for label in forbidden if vocabulary.key(label) in keys]:
                raise NoScore("other_error", f"This item both requires and forbids {quote_all(both)}.")
        if not required and not forbidden:
            raise NoScore("other_error", "This item names nothing that must or must not be mentioned.")
        synonyms = synonyms_column.value(item, sample) if self.synonyms_from else None
        vocabulary = for_item(vocabulary, required, synonyms)
        return required, forbidden, vocabulary, self._phrases(vocabulary, (*required, *forbidden))

    def _phrases(self, vocabulary: Vocabulary, labels: tuple[str, ...]) -> Phrases:
        names = []
        for label in labels:
            key = vocabulary.key(label)
            names += [(name, key) for name in dict.fromkeys([normalise(label), *vocabulary.spellings(key)])]
        language = "" if self.inflections == "none" else self.inflections
        return Phrases(names, inside=not self.whole_words, stemmed_as=language)


def _joined(fixed: tuple[str, ...], column: Any, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The fixed phrases and the column's, each once."""
    phrases = {vocabulary.key(label): label for label in fixed}
    for label in parse_list(column) if column is not None else ():
        if normalise(label):
            phrases.setdefault(vocabulary.key(label), label)
    if len(phrases) > MAX_PHRASES:
        raise NoScore("other_error", f"This item names more than {MAX_PHRASES} phrases.")
    return tuple(phrases.values())
