"""The line and column that an error names, for the editor that marks them; words of code in a sentence."""

import re
from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from rftstudio.graders.json_place import named_place

register = template.Library()


@register.filter
def place_attributes(errors: Iterable[str]) -> SafeString | str:
    """` data-line="3" data-column="7"`, or nothing where no place is named."""
    place = named_place(" ".join(map(str, errors)))
    return format_html(' data-line="{}" data-column="{}"', *place) if place else ""


@register.filter
def coded(text: str) -> SafeString:
    """A sentence whose `words in backticks` are code."""
    parts = re.split(r"`([^`]+)`", text)
    marked = ((format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in enumerate(parts))
    return format_html_join("", "{}", marked)
