"""A comparison's numbers in templates."""

from collections.abc import Mapping
from typing import Any

from django import template

from rftstudio.evaluations import words

register = template.Library()


@register.filter
def difference(row: Mapping[str, Any]) -> str:
    """`+0.33 [0.24, 0.42]`; a dash where nothing was compared."""
    return words.difference(row) if row and "difference" in row else "–"


@register.filter
def verdict(summary: Mapping[str, Any]) -> str:
    """better, worse or unclear."""
    return words.verdict(summary)


@register.filter
def few(row: Mapping[str, Any]) -> bool:
    """Whether there are too few tasks for more than the plain difference."""
    return words.few(row)
