"""Figures as text, and two that fit their difference."""

from decimal import Decimal

import pytest

from rftstudio.lib.rounding import MINUS, plain, together
from rftstudio.lib.templatetags import studio


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.004, "0.00"), (0.004, "0.00"), (-0.25, f"{MINUS}0.25"), (1, "1.00"), (0.125, "0.13"), (1e-7, "0.00")],
)
def test_two_decimals_halves_up(value, text):
    assert plain(value) == text
    assert studio.signed(value).lstrip(f"+{MINUS}") == text.lstrip(MINUS)


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (0.38, 0.71, ("0.38", "0.71", "+0.33")),
        (0.2849, 0.2751, ("0.285", "0.275", f"{MINUS}0.010")),
        (0.281, 0.284, ("0.28", "0.28", "0.00")),
        (1 / 3, 2 / 3, ("0.333", "0.667", "+0.334")),
        (0.5, 0.5, ("0.50", "0.50", "0.00")),
        (-1.5, 12.25, (f"{MINUS}1.50", "12.25", "+13.75")),
        (None, 0.5, ("–", "0.50", "–")),
        (0.0, None, ("0.00", "–", "–")),
    ],
)
def test_figures_and_their_difference(before, after, shown):
    found = together(before, after)
    assert (found.before, found.after, found.difference) == shown


def test_whoever_subtracts_gets_what_is_shown():
    for n in (7, 12, 40, 60):
        for first in range(n + 1):
            for second in range(0, n + 1, 3):
                found = together(first / n, second / n)
                before, after, difference = (
                    Decimal(text.replace(MINUS, "-")) for text in (found.before, found.after, found.difference)
                )
                assert after - before == difference
                assert abs(float(difference) - (second - first) / n) <= 0.005 + 1e-9
                assert found.decimals <= 3


def test_what_a_page_has_not_got_is_not_known():
    assert studio.together("", 0.5).difference == "–"
    assert studio.together("", "").before == "–"
