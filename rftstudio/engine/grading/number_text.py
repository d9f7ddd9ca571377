"""Find numbers in text: 12.5, 1,234.5, 1.234,5, 1e-3, 1.5 × 10⁻³, −4, 1½, 45 %. Linear in the length of the text.

A comma or point before exactly three digits groups thousands only where that is the one reading, or for a lone comma:
`1,234` is 1234, `1.234` is 1.234, `12,5` is 12.5. Digits inside a word (`B12`, `COVID-19`) are not numbers.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT = re.compile(r"(?<=10)[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_PLAIN = str.maketrans("−–—‐‑‒％．，", "------%.,")
_VULGAR = re.compile(r"(?<![\d.,])(\d{0,9})\s?([¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
# A no-break, thin or narrow space, or an apostrophe, between a digit and three digits.
_GROUP_SPACE = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f'’](?=\d{3}(?!\d))")
_NUMBER = re.compile(
    r"""(?<![^\W_])(?<![^\W\d_]-)(?<!\d[.,])        # not inside a word or another number
        (?P<sign>(?<![\d%])(?<!\d\s)[-+])?
        (?P<digits>\d+(?:[.,]\d+)*|\.\d+)
        (?:[eE](?P<exponent>[-+]?\d{1,5})(?![^\W_])
          |\s{0,2}[x×*·]\s{0,2}10(?:\^|\*\*)\s?\(?(?P<power>[-+]?\d{1,5})\)?
          |(?<=(?<![\d.,])10)(?:\^|\*\*)\(?(?P<ten>[-+]?\d{1,5})\)?)?
        (?P<percent>\s?%)?""",
    re.VERBOSE,
)


class Found(NamedTuple):
    """A number and whether a percent sign follows it."""

    value: float
    percent: bool


class Span(NamedTuple):
    """A number with its place in `text`, which is the searched text in plain signs."""

    value: float
    percent: bool
    start: int
    end: int
    text: str


def find_numbers(text: str) -> Iterator[Found]:
    """Every finite number, in order, lazily."""
    for match in _NUMBER.finditer(_plain(text)):
        for value in _values(match):
            yield Found(value, match["percent"] is not None)


def find_spans(text: str) -> Iterator[Span]:
    """Every finite number with its place, in order, lazily."""
    text = _plain(text)
    for match in _NUMBER.finditer(text):
        for value in _values(match):
            yield Span(value, match["percent"] is not None, match.start(), match.end(), text)


def _plain(text: str) -> str:
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
        text = _GROUP_SPACE.sub("", text).translate(_PLAIN)
        return _VULGAR.sub(lambda match: str(int(match[1] or 0) + unicodedata.numeric(match[2])), text)
    return _GROUP_SPACE.sub("", text) if "'" in text else text


def _values(match: re.Match[str]) -> list[float]:
    exponent = int(match["exponent"] or match["power"] or match["ten"] or 0)
    sign = -1.0 if match["sign"] == "-" else 1.0
    digits = match["digits"]
    if digits.isdigit() and not match["ten"] and not exponent and len(digits) < 300:
        return [sign * float(digits)]
    values = []
    for reading in ["1"] if match["ten"] else _readings(digits):
        value = _finite(reading, exponent)
        if value is not None:
            values.append(sign * value)
        sign = 1.0
    return values


def _readings(digits: str) -> list[str]:
    """The one number that these digits and separators write, or several where they write a list: 1,2,3."""
    commas, points = digits.count(","), digits.count(".")
    if not commas and points <= 1:
        return [digits]
    decimal, group = (",", ".") if digits.rfind(",") > digits.rfind(".") else (".", ",")
    if not points and commas == 1:
        # A lone comma: 1,234 is a thousand, 0,234 and 12,5 have decimals.
        grouped = len(digits) - digits.index(",") == 4 and digits.index(",") <= 3 and digits[0] != "0"
        return [digits.replace(",", "" if grouped else ".")]
    if not commas or not points:
        decimal, group = "", "," if commas else "."
    whole, _, fraction = digits.rpartition(decimal) if decimal else (digits, "", "")
    groups = whole.split(group)
    if 1 <= len(groups[0]) <= 3 and all(len(part) == 3 and part.isdigit() for part in groups[1:]):
        return ["".join(groups) + (f".{fraction}" if fraction else "")]
    return [part for part in digits.split(",") if part and part.count(".") <= 1]


def _finite(digits: str, exponent: int) -> float | None:
    try:
        value = float(f"{digits}e{exponent}")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
