"""How pages write sizes and counts."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma, intword

from rftstudio.engine.models.memory import size

register = template.Library()


@register.filter
def in_bytes(count: float | None) -> str:
    """`538 MB`, `16.1 GB`; a dash for nothing."""
    return size(count) if count else "–"


@register.filter
def in_words(count: int | None) -> str:
    """`134.5 million`, `50,000`; a dash for nothing."""
    if not count:
        return "–"
    return str(intword(count) if count >= 1_000_000 else intcomma(count))
