"""Figures as text: how many decimals, and two figures that fit the difference shown beside them.

Everything is rounded as tables do it, halves up, from the figure's shortest decimal form.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

MINUS = "\N{MINUS SIGN}"
NOTHING = "–"
USUAL, MOST = 2, 3  # decimals


def rounded(value: float, decimals: int = USUAL) -> Decimal:
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def plain(value: float, *, sign: bool = False, decimals: int = USUAL) -> str:
    """Two decimals with a real minus; a value that rounds to nothing has no sign."""
    return _text(rounded(value, decimals), sign=sign)


@dataclass(frozen=True, slots=True)
class Together:
    """Two figures and their difference as text, and how many decimals they have."""

    before: str
    after: str
    difference: str
    decimals: int = USUAL


def together(before: float | None, after: float | None) -> Together:
    """The one rule wherever two figures stand beside their difference: whoever subtracts gets what is shown.

    Two decimals where the three fit. Where they would not (0.2849 and 0.2751 are both 0.28, but −0.0098 is −0.01),
    three, and the difference is that of the figures shown: some, like thirds, fit with no number of decimals.
    What is not known is a dash.
    """
    if before is None or after is None:
        known = [NOTHING if one is None else plain(one) for one in (before, after)]
        return Together(known[0], known[1], NOTHING)
    decimals = USUAL
    if rounded(after) - rounded(before) != rounded(after - before):
        decimals = MOST
    first, second = rounded(before, decimals), rounded(after, decimals)
    return Together(_text(first), _text(second), _text(second - first, sign=True), decimals)


def _text(value: Decimal, *, sign: bool = False) -> str:
    text = f"{value:+f}" if sign else f"{value:f}"
    return text.lstrip("+-") if value == 0 else text.replace("-", MINUS)
