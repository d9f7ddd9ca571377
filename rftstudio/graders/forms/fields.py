"""Form fields that hold one value of a grader spec: text on the page, a JSON value in the spec, and back.

`clean(text)` gives the value, or `OMIT` where the spec should not mention it; `write(value)` gives the text that reads
back as the same value. What cannot be read stays on the page as it was typed.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.answers import parse_json

OMIT: Any = object()
TEMPLATE = "graders/field.html"


class SpecField(forms.CharField):
    """One line of text, kept exactly.

    at: dotted place in the spec, the field's own name by default. big: full width. term: the spec's word for it,
    shown beside the label; "" hides it.
    """

    def __init__(self, *, at: str = "", big: bool = False, term: str | None = None, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("strip", False)
        options.setdefault("template_name", TEMPLATE)
        super().__init__(**options)
        self.at = at
        self.big = big
        self.term = term

    def write(self, value: Any) -> str | None:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class HiddenField(SpecField):
    """Text without a place on the page; "" is left out of the spec."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.HiddenInput, **options)

    def clean(self, value: Any) -> Any:
        return super().clean(value) or OMIT


class KeepField(HiddenField):
    """Keys of the spec that no field shows, carried along unchanged."""

    def clean(self, value: Any) -> Any:
        try:
            kept = json.loads(value or "{}")
        except ValueError:
            kept = {}
        return kept if isinstance(kept, dict) else {}


class TextField(SpecField):
    """Text of any length. Line ends arrive from browsers as CRLF and are kept as LF."""

    def __init__(self, *, rows: int = 1, **options: Any) -> None:
        options.setdefault("widget", forms.Textarea(attrs={"rows": rows, "class": "one-line", "spellcheck": "false"}))
        super().__init__(**options)

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class TemplateField(TextField):
    """A text with {{ variables }}."""

    def __init__(self, *, needed: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.needed = needed

    def validate(self, value: Any) -> None:
        if self.needed and not value.strip():
            raise ValidationError("This is empty. Usually it is {{ sample.output_text }}.")


class ChoiceField(forms.ChoiceField):
    """One of the spec's words, each shown in plain ones."""

    def __init__(self, *, at: str = "", term: str | None = None, **options: Any) -> None:
        super().__init__(required=False, template_name=TEMPLATE, **options)  # type: ignore[call-arg]
        self.at = at
        self.big = False
        self.term = term

    def clean(self, value: Any) -> Any:
        return super().clean(value) or OMIT

    def write(self, value: Any) -> str | None:
        return str(value)


class FlagField(forms.BooleanField):
    """A box to tick."""

    def __init__(self, *, at: str = "", term: str | None = None, **options: Any) -> None:
        super().__init__(required=False, template_name=TEMPLATE, **options)
        self.at = at
        self.big = False
        self.term = term

    def write(self, value: Any) -> str | None:
        return "on" if value else None  # an unticked box is not sent


class NumberField(SpecField):
    """A number; empty is left out. A decimal comma is understood."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "short"})
        super().__init__(widget=widget, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        return read_number(text) if text else OMIT

    def write(self, value: Any) -> str | None:
        return write_number(value)


class WholeNumberField(NumberField):
    """A whole number; empty is left out."""

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        if number is not OMIT and not float(number).is_integer():
            raise ValidationError(f"{number:g} is not a whole number.")
        return number if number is OMIT else int(number)


class NumbersField(SpecField):
    """Several numbers on one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}), **options)

    def clean(self, value: Any) -> Any:
        return [read_number(part) for part in super().clean(value).replace(",", " ").replace(";", " ").split()]

    def write(self, value: Any) -> str | None:
        return value if isinstance(value, str) else ", ".join(write_number(number) for number in value)


class LinesField(TextField):
    """A list of texts, one a line; empty lines do not count. A list that lines cannot hold is written as JSON."""

    def __init__(self, *, rows: int = 4, **options: Any) -> None:
        super().__init__(rows=rows, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        whole = _json_of(text, list)
        if whole is not None and all(isinstance(each, str) for each in whole):
            return whole
        return [line.strip() for line in text.split("\n") if line.strip()]

    def write(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        plain = all(each and each == each.strip() and "\n" not in each and "\r" not in each for each in value)
        text = "\n".join(value)
        return text if plain and _json_of(text, list) is None else json.dumps(value, ensure_ascii=False)


class SynonymsField(TextField):
    """Other names by label, a label a line: `label = name, name`; names with commas are parted by bars instead."""

    def __init__(self, *, rows: int = 4, **options: Any) -> None:
        super().__init__(rows=rows, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        whole = _json_of(text, dict)
        if whole is not None:
            return whole
        names: dict[str, list[str]] = {}
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            label, sign, rest = line.partition("=")
            if not sign or not label.strip():
                raise ValidationError(f"Line {number} has no “=”. Write it as: label = other name, another name.")
            if label.strip() in names:
                raise ValidationError(
                    f"Line {number}: “{label.strip()[:80]}” is there already. Put its names together."
                )
            separator = "|" if "|" in rest else ","
            names[label.strip()] = [name.strip() for name in rest.split(separator) if name.strip()]
        return names

    def write(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        text = "\n".join(f"{label} = {_names(others)}" for label, others in value.items())
        try:
            same = self.clean(text) == value
        except ValidationError:
            same = False
        return text if same else json.dumps(value, ensure_ascii=False, indent=1)


class JsonField(TextField):
    """A JSON object; empty is left out."""

    def __init__(self, *, rows: int = 4, **options: Any) -> None:
        super().__init__(rows=rows, big=True, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return OMIT
        try:
            found = parse_json(text)
        except SpecError as error:
            raise ValidationError(f"{error.message} {error.fix}") from None
        if not isinstance(found, dict):
            raise ValidationError("This must be a JSON object. Write {…}.")
        return found

    def write(self, value: Any) -> str | None:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def read_number(text: str) -> int | float:
    """Raises `ValidationError`."""
    plain = text.replace("\N{MINUS SIGN}", "-")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        number = float(plain)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValidationError(f"“{text[:40]}” is not a number. Write it like 0.5.")
    return int(number) if plain.lstrip("+-").isdigit() else number


def write_number(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else repr(value)


def _names(others: list[str]) -> str:
    if any("," in name for name in others):
        return " | ".join(others) + (" |" if len(others) == 1 else "")
    return ", ".join(others)


def _json_of(text: str, kind: type) -> Any:
    if not text.lstrip().startswith("[" if kind is list else "{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if kind is dict and isinstance(found, Mapping):
        fits = all(isinstance(each, list) and all(isinstance(name, str) for name in each) for each in found.values())
        return found if fits else None
    return found if isinstance(found, kind) else None
