"""Keep or replace a secret. What is entered is never shown again; nothing here saves."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from rftstudio.engine.grading.outgoing import Refused, read_url
from rftstudio.graders.models import Secret

SHORTEST, LONGEST = 8, 2_000  # characters; shorter ones could not be told from other text, and so not be hidden


class SecretForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        validators=[
            RegexValidator(r"\A[A-Za-z_][A-Za-z0-9_]*\Z", "Use letters, digits and _ only, and begin with a letter.")
        ],
        help_text="What graders call it, such as OUR_SERVICE. Letters, digits and _.",
    )
    origin = forms.CharField(
        label="For the server",
        max_length=300,
        help_text="The one server that may be sent it, such as https://grader.example.org. No other one gets it.",
        widget=forms.URLInput(attrs={"placeholder": "https://grader.example.org", "autocomplete": "off"}),
    )
    value = forms.CharField(
        label="Secret",
        min_length=SHORTEST,
        max_length=LONGEST,
        strip=False,
        help_text="Stored encrypted, and never shown again. It is sent as a bearer token.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, secret: Secret | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if secret is not None:
            del self.fields["name"]
            self.fields["value"].label = "New secret"

    def clean_origin(self) -> str:
        try:
            origin = read_url(self.cleaned_data["origin"]).origin
        except Refused as refused:
            raise ValidationError(str(refused)) from None
        return origin

    def clean_value(self) -> str:
        value: str = self.cleaned_data["value"].strip(" ")
        if not (value.isascii() and value.isprintable() and " " not in value):
            raise ValidationError("A secret has no spaces, line breaks or special letters. Copy it again, alone.")
        if len(value) < SHORTEST:
            raise ValidationError(f"A secret has at least {SHORTEST} characters.")
        return value
