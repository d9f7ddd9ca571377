"""Template tags that every page has: field rendering, scores, pills, query strings."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rftstudio import __version__
from rftstudio.lib import rounding
from rftstudio.lib.forms import control_class

register = template.Library()


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's widget with its style class and, where invalid, its error wiring."""
    classes = [control_class(field.field.widget), field.field.widget.attrs.get("class", "")]
    attrs: dict[str, str | bool] = {}
    if field.errors:
        classes.append("is-invalid")
        attrs["aria-invalid"] = "true"
    attrs["class"] = " ".join(filter(None, classes))
    described = [f"{field.id_for_label}-help"] if field.help_text else []
    if field.errors:
        described.append(f"{field.id_for_label}-error")
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attrs)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return getattr(field.field.widget, "input_type", "") == "checkbox"


@register.filter
def score(value: float | None, decimals: int | None = None) -> SafeString:
    """A score of 0..1 with a bar, two decimals unless told otherwise; no score says so."""
    if value is None or value == "":
        return format_html('<span class="score score-none">{}</span>', "no score")
    share = max(0, min(100, round(float(value) * 100)))
    return format_html(
        '<span class="score"><span class="score-number">{}</span>'
        '<svg class="score-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="score-track" width="100" height="6"/><rect class="score-fill" width="{}" height="6"/>'
        "</svg></span>",
        rounding.plain(value, decimals=decimals or rounding.USUAL),
        share,
    )


@register.filter
def sparkline(values: Sequence[float] | None, label: str = "") -> SafeString | str:
    """Values as a small line, drawn on 0..1 where they lie inside; "" for fewer than two. label: what they are."""
    if not values or len(values) < 2:
        return ""
    low, high = min(0.0, *values), max(1.0, *values)
    places = [
        (round(2 + 76 * number / (len(values) - 1), 1), round(18 - 16 * (value - low) / (high - low), 1))
        for number, value in enumerate(values)
    ]
    words = f"{label}: {', '.join(f'{value:.2f}' for value in values)}" if label else ""
    return format_html(
        '<svg class="sparkline" viewBox="0 0 80 20" role="img" aria-label="{}"><polyline points="{}"/>'
        '<circle cx="{}" cy="{}" r="2"/></svg>',
        words,
        " ".join(f"{x},{y}" for x, y in places),
        *places[-1],
    )


@register.filter
def signed(value: float | None) -> str:
    """A difference with its sign, two decimals, a real minus."""
    return rounding.NOTHING if value is None else rounding.plain(value, sign=True)


@register.simple_tag
def together(before: Any, after: Any) -> rounding.Together:
    """`{% together a b as shown %}`: two figures and their difference, rounded so that they fit.

    What a page has not got is "" in a template, and as little known as None.
    """
    return rounding.together(*(None if one == "" else one for one in (before, after)))


@register.filter
def duration(seconds: float | None) -> str:
    """`4 min 10 s`, `1 h 05 min`."""
    if seconds is None:
        return "–"
    whole = max(0, round(float(seconds)))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min {left:02d} s" if minutes < 10 else f"{minutes} min"
    return f"{left} s"


@register.filter
def lookup(mapping: Any, key: Any) -> Any:
    """`mapping[key]`, empty where there is none."""
    try:
        return mapping[key]
    except (KeyError, IndexError, TypeError):
        return ""


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's query string with some values changed; None removes one. Filters live in the URL."""
    request: HttpRequest = context["request"]
    params = request.GET.copy()
    for key, value in changes.items():
        if value is None or value == "":
            params.pop(key, None)
        else:
            params[key] = value
    return "?" + params.urlencode()


@register.simple_tag
def version() -> str:
    return __version__
