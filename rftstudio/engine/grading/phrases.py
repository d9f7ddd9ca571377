"""Which of some phrases a text mentions: as whole words or inside them, word for word or in any form, negated or not.

Texts are compared as `normalise` leaves them, so case, accents' composition and dashes between words do not count.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from importlib import import_module
from threading import Lock

from rftstudio.engine.grading.negation import negated
from rftstudio.engine.grading.text import normalise

# The languages whose endings can be taken off, by the Snowball stemmers (Porter 2001).
LANGUAGES = (
    "english",
    "german",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "dutch",
    "swedish",
    "danish",
    "norwegian",
)
_WORD = re.compile(r"\w+|[^\w\s]")
_LONGEST = 40  # a longer word is no word, and stemming it takes quadratic time


class Phrases:
    """Names, each standing for a key, to be looked for in texts.

    inside: also within a longer word. stemmed_as: "" or one of `LANGUAGES`; endings are then taken off on both sides.
    """

    __slots__ = ("_by_word", "_inside", "_stem")

    def __init__(self, names: Iterable[tuple[str, str]], *, inside: bool, stemmed_as: str) -> None:
        self._inside = inside
        self._stem = stemmer(stemmed_as) if stemmed_as else None
        self._by_word: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, key in names:
            words = _cut(normalise(name), stemmed_as)
            if words:
                self._by_word.setdefault("" if inside else words[0], []).append((words, key))

    def mentioned(self, text: str, *, respect_negation: bool) -> tuple[set[str], set[str]]:
        """Keys that the text mentions, and those that it mentions in negations only."""
        words, breaks = _words(text)
        if not words:
            return set(), set()
        forms = [self._stem(word) for word in words] if self._stem else words
        marks = negated(words, breaks) if respect_negation else None
        found: set[str] = set()
        denied: set[str] = set()
        if self._inside:
            self._find_inside(forms, marks, found, denied)
        else:
            by_word = self._by_word
            for place, form in enumerate(forms):
                for phrase, key in by_word.get(form, ()):
                    if len(phrase) == 1 or tuple(forms[place : place + len(phrase)]) == phrase:
                        (denied if marks and marks[place] else found).add(key)
        return found, denied - found

    def _find_inside(self, forms: list[str], marks: bytearray | None, found: set[str], denied: set[str]) -> None:
        joined = " ".join(forms)
        starts: list[int] = []
        if marks:
            position = 0
            for form in forms:
                starts.append(position)
                position += len(form) + 1
        for phrase, key in self._by_word.get("", ()):
            wanted = " ".join(phrase)
            position = joined.find(wanted)
            while position >= 0 and key not in found:
                is_denied = marks and marks[bisect_right(starts, position) - 1]
                (denied if is_denied else found).add(key)
                position = joined.find(wanted, position + 1)


def _words(text: str) -> tuple[list[str], set[int]]:
    """The words and signs of a text, and the places where a line begins."""
    if "\n" not in text:
        return _WORD.findall(_spelled(normalise(text))), set()
    words: list[str] = []
    breaks: set[int] = set()
    for line in text.split("\n"):
        breaks.add(len(words))
        words += _WORD.findall(_spelled(normalise(line)))
    return words, breaks


def _spelled(text: str) -> str:
    """“isn't” as “is not”."""
    return text.replace("n't", " not") if "n't" in text else text


@lru_cache(maxsize=16384)
def _cut(name: str, language: str) -> tuple[str, ...]:
    words: Sequence[str] = _WORD.findall(_spelled(name))
    return tuple(map(stemmer(language), words)) if language else tuple(words)


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Takes the ending off one word, remembering words."""
    snowball = import_module("snowballstemmer").stemmer(language)
    lock = Lock()  # a stemmer keeps the word it works on

    @lru_cache(maxsize=65536)
    def stem(word: str) -> str:
        if not 2 < len(word) <= _LONGEST:
            return word
        with lock:
            return str(snowball.stemWord(word))

    return stem
