"""Numbers in a text with the unit that follows each, in the unit that is wanted: 0.5 g is 500 where mg are wanted.

A word after a number that is no unit (“12 tablets”, “5 a day”) leaves the number without one. Linear in the length of
the text.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from rftstudio.engine.grading.number_text import find_spans
from rftstudio.engine.grading.unit import Conversion, conversion

_ATOM = (
    r"(?:(?:degrees?|deg\.?|°)\s?(?:[Cc](?:elsius)?|[Ff](?:ahrenheit)?|[Kk](?:elvins?)?)(?![^\W_])"
    r"|mm\s?Hg|cm\s?H[2₂]O|fl\.?\s?oz|per\s?cent|[%‰]|[A-Za-zµμΩÅ_]{1,30})"
    r"(?:(?:\^|\*\*)\(?[-+]?\d{1,2}\)?|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2}|-?\d(?!\d|[.,]\d))?"
)
_UNIT = re.compile(
    rf"\s{{0,2}}(?P<unit>(?:(?:10\^\d{{1,2}}|1)?/)?{_ATOM}(?:(?:\s?[/·⋅*×]\s?|\s+per\s+|\s(?=[A-Za-zµμ]{{1,3}}(?:\^?-|⁻))){_ATOM}){{0,4}})"
)
_PIECE_END = re.compile(r"\s?[/·⋅*×]\s?|\s+per\s+|\s")
_WORD_FOLLOWS = re.compile(r"\s+[^\W\d_]")
# Words of prose that are units too; they are one only where no further word follows.
_PROSE_TEXT = "a am are as at bit bits c count counts d degree degrees e h hand hands in k m min pm point points"
_PROSE = frozenset(_PROSE_TEXT.split())


class Reading(NamedTuple):
    """value: in the wanted unit, None where the unit cannot be converted into it. unit: as written, "" for none."""

    value: float | None
    written: float
    unit: str


def find_quantities(text: str, wanted: str) -> Iterator[Reading]:
    """Every finite number in order, lazily."""
    inside = 0
    for value, percent, start, end, plain in find_spans(text):
        if start < inside:  # the 2 of kg m^-2, the 1.73 of mL/min/1.73 m2
            continue
        if percent:
            found = conversion("%", wanted)
            unit, inside = "%", end
        else:
            unit, found, inside = _unit_after(plain, end, wanted)
        if found is None:
            yield Reading(value, value, "")
        elif found.factor is None:
            yield Reading(None, value, unit)
        else:
            yield Reading(found.factor * value + found.offset, value, unit)


def _unit_after(text: str, place: int, wanted: str) -> tuple[str, Conversion | None, int]:
    """The longest unit that stands here, and where it ends."""
    match = _UNIT.match(text, place)
    if match is None:
        return "", None, place
    unit = match["unit"]
    while unit:
        end = match.start("unit") + len(unit)
        found = conversion(unit, wanted)
        if found is not None and not (unit in _PROSE and (found.factor is None or _WORD_FOLLOWS.match(text, end))):
            return unit, found, end
        ends = [each.start() for each in _PIECE_END.finditer(unit)]
        unit = unit[: ends[-1]] if ends else ""
    return "", None, place
