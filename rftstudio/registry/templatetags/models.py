"""How pages write sizes, counts and speed."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma, intword

from rftstudio.engine.models.memory import size
from rftstudio.lib.templatetags.studio import duration
from rftstudio.registry.models import BaseModel
from rftstudio.registry.speed import Speed, speed_of

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


@register.filter
def speed(model: BaseModel) -> Speed | None:
    """What a training step takes here; None where that is not known."""
    return speed_of(model)


@register.filter
def short_seconds(seconds: float) -> str:
    """`0.42 s`, `12 s`, `2 min 09 s`."""
    return duration(seconds) if seconds >= 9.95 else f"{seconds:.2g} s"
