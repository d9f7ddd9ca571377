"""Word lists of the workspace, such as an ontology's names: a grader names one, the tools of the moment hold it.

A list gives way: what a grader or an item's own column says of a name counts more than the list.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.text import quote, quote_all
from rftstudio.engine.grading.tools import tools
from rftstudio.engine.grading.vocabulary import Vocabulary

_Entries = Mapping[str, Sequence[str]]
_KEPT = 4
_compiled: list[tuple[_Entries, Vocabulary]] = []  # the lists used last, newest first; found by identity


def _check_name(name: str) -> str:
    if name != name.strip() or "\n" in name:
        raise FieldError("A list's name has no space around it.", fix=f"Write {name.strip()[:80]!r}.")
    return name


ListName = Annotated[str, AfterValidator(_check_name)]

SynonymsListField: Any = Field(
    default="",
    max_length=200,
    title="Word list",
    description="Name of a word list of the workspace, such as an ontology's labels with other names. Empty: none.",
)


class Names:
    """A grader's own labels and other names, over the word list that it names."""

    __slots__ = ("_built", "_labels", "_list_name", "_own", "_synonyms")

    def __init__(self, labels: Sequence[str], synonyms: _Entries, list_name: str) -> None:
        self._labels = tuple(labels)
        self._synonyms = synonyms
        self._list_name = list_name
        self._own = self._with_keys(Vocabulary(labels, synonyms))
        self._built: tuple[_Entries, tuple[Vocabulary, frozenset[str]]] | None = None

    def vocabulary(self) -> tuple[Vocabulary, frozenset[str]]:
        """The vocabulary, and the keys of the grader's labels in it. Raises `NoScore` where the list is not there."""
        if not self._list_name:
            return self._own
        entries = find_list(self._list_name)
        built = self._built
        if built is None or built[0] is not entries:
            vocabulary = Vocabulary(self._labels, self._synonyms, parent=compiled(entries))
            built = self._built = (entries, self._with_keys(vocabulary))
        return built[1]

    def _with_keys(self, vocabulary: Vocabulary) -> tuple[Vocabulary, frozenset[str]]:
        by_key: dict[str, str] = {}
        for label in self._labels:
            first = by_key.setdefault(vocabulary.key(label), label)
            if first != label:
                message = (
                    f"The word list {quote(self._list_name)} holds {quote(first)} and {quote(label)} for the same."
                )
                raise NoScore("other_error", f"{message} Take one of them out of the choices, or out of the list.")
        return vocabulary, frozenset(by_key)


def find_list(name: str) -> _Entries:
    """The list of this name. Raises `NoScore`."""
    lists = tools().lists
    entries = lists.get(name)
    if entries is None:
        there = f"There are {quote_all(sorted(lists))}." if lists else "No list is at hand here."
        message = f"There is no word list called {quote(name)}. {there}"
        raise NoScore("other_error", f"{message} Make the list, or name another one in the grader.")
    return entries


def compiled(entries: _Entries) -> Vocabulary:
    """The list's vocabulary, made once for as long as the same list is used."""
    for known, vocabulary in _compiled:
        if known is entries:
            return vocabulary
    vocabulary = Vocabulary.of_list(entries)
    _compiled.insert(0, (entries, vocabulary))
    del _compiled[_KEPT:]
    return vocabulary
