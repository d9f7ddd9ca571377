"""How long a text is: words, sentences, characters. Counting only; what is too long is for the grader to say.

A word is what stands between spaces and holds a letter or digit (“state-of-the-art” is one, “–” is none); Chinese,
Japanese and Thai have no spaces, so each of their signs counts as one. A character is what the text has one code
point for, less the space around the text. A sentence ends at . ! ? … or a line end; a numbered or dotted abbreviation
(“e.g.”, “3.5”, “Dr.”) ends none.
"""

import re

_SIGN = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
_PIECE = re.compile(rf"[{_SIGN}]|[^\s{_SIGN}]+")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+|\n+")
_SHORT = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|ca|no|nr|fig|dr|mr|mrs|ms|prof|st|resp|z\.b|d\.h|bzw|usw|[a-z]|\d{1,3})$",
    re.IGNORECASE,
)


def count_words(text: str) -> int:
    pieces = text.split() if text.isascii() else _PIECE.findall(text)
    return sum(piece.isalnum() or _ALPHANUMERIC.search(piece) is not None for piece in pieces)


def count_characters(text: str) -> int:
    return len(text.strip())


def count_sentences(text: str) -> int:
    """At least 1 where there is a word at all."""
    count, start = 0, 0
    for end in _END.finditer(text):
        piece = text[start : end.start()]
        if end[0] == "." and end.end() < len(text) and _SHORT.search(piece[-12:]):
            continue
        count += any(map(str.isalnum, piece))
        start = end.end()
    return count + any(map(str.isalnum, text[start:]))
