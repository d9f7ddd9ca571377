"""Labels and their other names: which label a text stands for, and which labels a longer text mentions."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from rftstudio.engine.grading.answer_list import parse_list, without_comment
from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.text import normalise, quote

_TOKEN = re.compile(r"\w+|[^\w\s]")
_AND = re.compile(r"\s+(?:and|&)\s+", re.IGNORECASE)
_REMEMBERED = 1024  # items whose right answers a vocabulary keeps
_Phrases = dict[str, list[tuple[tuple[str, ...], str]]]  # first token -> (all tokens, key), longest first


class Vocabulary:
    """Labels by normalised spelling. With a parent it is an overlay, so that an item can add its own names cheaply."""

    __slots__ = ("_extended", "_labels", "_names", "_parent", "_phrases", "_read", "_soft", "_spellings")

    def __init__(
        self,
        labels: Iterable[str] = (),
        synonyms: Mapping[str, Sequence[str]] | None = None,
        *,
        parent: "Vocabulary | None" = None,
    ) -> None:
        """Raises `FieldError` when one spelling stands for two labels."""
        self._parent = parent
        self._soft = False  # a word list, which gives way to what a grader or an item says itself
        self._labels: dict[str, str] = {}  # key -> the label as written
        self._spellings: dict[str, str] = {}  # normalised spelling -> key
        self._phrases: _Phrases | None = None
        self._names: dict[str, list[str]] | None = None
        self._read: dict[str | tuple[str, ...], tuple[str, ...]] = {}
        self._extended: dict[tuple[str, ...], Vocabulary] = {}
        for label in labels:
            self._add(label)
        for label, others in (synonyms or {}).items():
            key = self._add(label)
            for other in others:
                spelling = normalise(other)
                owner = self._find(spelling, firm=True)
                if owner is None:
                    self._spellings[spelling] = key
                elif owner != key:
                    message = f"{quote(other)} stands for both {quote(self.label(owner))} and {quote(label)}."
                    raise FieldError(message, fix="Keep it with one of them.", at=f".{label}")

    @classmethod
    def of_list(cls, names: Mapping[str, Sequence[str]]) -> "Vocabulary":
        """A word list, other names by label. A name of two labels counts for neither; a label's own name is its own."""
        made = cls(label for label in names if normalise(label))
        made._soft = True
        of_two: set[str] = set()
        for label, others in names.items():
            key = made._spellings.get(normalise(label))
            for spelling in map(normalise, others if key else ()):
                owner = made._spellings.setdefault(spelling, key or "") if spelling else key
                if owner != key and spelling not in made._labels:
                    of_two.add(spelling)
        for spelling in of_two:
            del made._spellings[spelling]
        return made

    def _add(self, label: str) -> str:
        spelling = normalise(label)
        key = self._find(spelling)
        if key is None or self._find(spelling, firm=True) is None:
            key = self._spellings[spelling] = key or spelling
            self._labels.setdefault(key, label)
        return key

    def _find(self, spelling: str, *, firm: bool = False) -> str | None:
        """The key of a spelling. firm: without what a word list says."""
        key = self._spellings.get(spelling)
        known = self._parent
        while key is None and known is not None and not (firm and known._soft):
            key = known._spellings.get(spelling)
            known = known._parent
        return key

    def key(self, text: str) -> str:
        """What is compared: the same for two texts that stand for the same label."""
        spelling = normalise(text)
        key = self._find(spelling)
        return spelling if key is None else key

    def knows(self, text: str) -> bool:
        return self._find(normalise(text)) is not None

    def label(self, key: str) -> str:
        """The label as its author wrote it."""
        own = self._labels.get(key)
        if own is None:
            return self._parent.label(key) if self._parent is not None else key
        return own

    def spellings(self, key: str) -> list[str]:
        """Every normalised name of a label, its own among them."""
        if self._names is None:
            self._names = {}
            for spelling, owner in self._spellings.items():
                self._names.setdefault(owner, []).append(spelling)
        names = self._names.get(key, [])
        if self._parent is not None:
            inherited = self._parent.spellings(key)
            names = names + [name for name in inherited if name not in names and self._find(name) == key]
        return names

    def entries(self, value: Any) -> dict[str, str]:
        """The entries of a list, or of a text that holds one, in order, each once: key -> label, or as written.

        An entry may carry a comment (`BRCA1 (breast cancer)`) and may name two known labels (`fever and cough`).
        """
        if isinstance(value, str) and self.knows(value):
            return {self.key(value): self.label(self.key(value))}
        entries: dict[str, str] = {}
        for entry in parse_list(value):
            spelling = normalise(entry)
            key = self._find(spelling)
            if key is None and len(entry.split(None, 1)) > 1:  # one word has no comment and names one thing
                key = self._find(normalise(without_comment(entry)))
                parts = _AND.split(entry[:512]) if key is None else []
                if len(parts) > 1 and all(map(self.knows, parts)):
                    for part in map(self.key, parts):
                        entries.setdefault(part, self.label(part))
                    continue
            if key is not None:
                entries.setdefault(key, self.label(key))
            elif spelling:
                entries.setdefault(spelling, entry)
        return entries

    def labels_in(self, reference: Any) -> tuple[str, ...]:
        """The labels in a reference, as written where known. Remembered: an item is answered many times."""
        if isinstance(reference, str):
            known: str | tuple[str, ...] = reference
        elif isinstance(reference, list) and all(isinstance(each, str) for each in reference):
            known = tuple(reference)
        else:
            return tuple(self.entries(reference).values())
        found = self._read.get(known)
        if found is None:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            found = self._read[known] = tuple(self.entries(reference).values())
        return found

    def extended(self, labels: tuple[str, ...]) -> "Vocabulary":
        """This one with further labels. Remembered as well."""
        found = self._extended.get(labels)
        if found is None:
            if len(self._extended) >= _REMEMBERED:
                self._extended.clear()
            found = self._extended[labels] = Vocabulary(labels, parent=self)
        return found

    def mentions(self, text: str, *, at_most: int = 2, among: Collection[str] = ()) -> set[str]:
        """Keys of labels that occur in the text as whole words, the longest name first. Stops after `at_most`.

        among: the keys that count; empty: all.
        """
        tokens = _TOKEN.findall(normalise(text))
        found: set[str] = set()
        position = 0
        while position < len(tokens) and len(found) < at_most:
            length = 1
            for phrase, key in self._starting_with(tokens[position]):
                if tuple(tokens[position : position + len(phrase)]) == phrase and (not among or key in among):
                    found.add(key)
                    length = len(phrase)
                    break
            position += length
        return found

    def _starting_with(self, token: str) -> list[tuple[tuple[str, ...], str]]:
        if self._phrases is None:
            self._phrases = {}
            for spelling, key in self._spellings.items():
                if phrase := tuple(_TOKEN.findall(spelling)):
                    self._phrases.setdefault(phrase[0], []).append((phrase, key))
            for phrases in self._phrases.values():
                phrases.sort(key=lambda entry: -len(entry[0]))
        own = self._phrases.get(token, [])
        inherited = self._parent._starting_with(token) if self._parent is not None else []
        return sorted(own + inherited, key=lambda entry: -len(entry[0])) if own and inherited else own or inherited


def check_synonyms(synonyms: dict[str, list[str]], labels: Sequence[str] = ()) -> dict[str, list[str]]:
    """Validate a synonyms field; with labels, every key must be one of them. Raises `FieldError`."""
    known = {normalise(label) for label in labels}
    for label, others in synonyms.items():
        if not normalise(label) or not all(normalise(other) for other in others):
            raise FieldError("A label or synonym is empty.", fix="Remove it.", at=f".{label}")
        if known and normalise(label) not in known:
            near = get_close_matches(label, labels, n=1)
            fix = f"Did you mean {quote(near[0])}?" if near else f"Add {quote(label)} to the choices."
            raise FieldError(f"{quote(label)} is not one of the choices.", fix=fix, at=f".{label}")
    Vocabulary(labels, synonyms)
    return synonyms


Synonyms = Annotated[dict[str, list[str]], AfterValidator(check_synonyms)]

SynonymsField: Any = Field(
    default_factory=dict,
    title="Synonyms",
    description='Other accepted names, by label: {"myocardial infarction": ["heart attack", "MI"]}.',
)
SynonymsFromField: Any = Field(
    default="",
    title="Synonyms from a column",
    description="A column with further accepted names, such as {{ item.synonyms }}: a list or text of names for the "
    "only right answer, or an object of names by label. Empty: none.",
)


def for_item(vocabulary: Vocabulary, references: Sequence[str], synonyms: Any = None) -> Vocabulary:
    """The vocabulary with an item's right answers and its synonyms column. Raises `NoScore` where they contradict."""
    if synonyms is None:
        return vocabulary.extended(tuple(references))
    names: dict[str, list[str]] = {}
    if isinstance(synonyms, Mapping):
        names = {str(label): parse_list(others) for label, others in synonyms.items()}
    elif found := [name for name in parse_list(synonyms) if normalise(name)]:
        if len(references) != 1:
            message = "The synonyms column holds plain names, but this item has several right answers."
            raise NoScore("other_error", f"{message} Use an object: each label and its names.")
        names = {references[0]: found}
    try:
        return Vocabulary(references, names, parent=vocabulary)
    except FieldError as failure:
        raise NoScore("other_error", f"The synonyms column contradicts the labels: {failure.message}") from None
