"""How pages write sizes."""

from django import template

from rftstudio.engine.models.memory import size

register = template.Library()


@register.filter
def in_bytes(count: float | None) -> str:
    """`538 MB`, `16.1 GB`; a dash for nothing."""
    return size(count) if count else "–"
