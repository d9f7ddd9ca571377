"""Which words of two answers differ, as pieces to be marked in a page. Knows nothing of HTML."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_WORDS = 4000  # of one answer; beyond, a comparison takes too long for a page
_TOKEN = re.compile(r"\s+|\w+(?:['’]\w+)*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. only: it stands in this answer alone."""

    text: str
    only: bool


@dataclass(frozen=True, slots=True)
class WordDiff:
    """Both answers in pieces; joined, each gives its text back. compared is False where they were too long."""

    base: tuple[Piece, ...]
    tuned: tuple[Piece, ...]
    compared: bool = True

    @property
    def same(self) -> bool:
        return self.compared and not any(piece.only for piece in (*self.base, *self.tuned))


def word_diff(base: str, tuned: str) -> WordDiff:
    """Mark the words that only one of two texts has, in the order of a longest matching (Ratcliff and Obershelp).

    Words are compared as written; runs of white space count as alike, whatever they are made of.
    """
    if base == tuned:
        return plain(base, tuned, compared=True)
    left, right = _TOKEN.findall(base), _TOKEN.findall(tuned)
    if max(len(left), len(right)) > 2 * MAX_WORDS:
        return plain(base, tuned)
    matcher = SequenceMatcher(None, _keys(left), _keys(right), autojunk=max(len(left), len(right)) > 600)
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for operation, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        only = operation != "equal"
        _append(pieces[0], "".join(left[left_from:left_to]), only)
        _append(pieces[1], "".join(right[right_from:right_to]), only)
    return WordDiff(_tidy(pieces[0]), _tidy(pieces[1]))


def plain(base: str, tuned: str, *, compared: bool = False) -> WordDiff:
    """Both texts with nothing marked."""
    left, right = ((Piece(text, False),) if text else () for text in (base, tuned))
    return WordDiff(left, right, compared)


def _keys(tokens: list[str]) -> list[str]:
    return [" " if token.isspace() else token for token in tokens]


def _append(pieces: list[Piece], text: str, only: bool) -> None:
    if not text:
        return
    if pieces and pieces[-1].only == only:
        pieces[-1] = Piece(pieces[-1].text + text, only)
    else:
        pieces.append(Piece(text, only))


def _tidy(pieces: list[Piece]) -> tuple[Piece, ...]:
    """White space is never marked by itself, and a lone space between two marked words is marked with them."""
    tidy: list[Piece] = []
    for index, piece in enumerate(pieces):
        only = piece.only
        if piece.text.isspace():
            only = not piece.only and 0 < index < len(pieces) - 1 and "\n" not in piece.text
        _append(tidy, piece.text, only)
    return tuple(tidy)
