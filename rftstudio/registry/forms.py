"""Which base model to add, from the hub or from a directory. Nothing here saves or asks the hub."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.address import checked_revision, read_address

MAX_TOKEN = 500


class HubForm(forms.Form):
    hub_id = forms.CharField(
        label="Model",
        max_length=300,
        help_text="Its id on the hub, such as org/name, or the address of its page.",
        widget=forms.TextInput(attrs={"placeholder": "org/name", "autocomplete": "off", "spellcheck": "false"}),
    )
    revision = forms.CharField(
        required=False,
        max_length=130,
        help_text="A branch, a tag or a commit; empty for its main branch. It is pinned to the commit.",
        widget=forms.TextInput(attrs={"placeholder": "main", "autocomplete": "off", "spellcheck": "false"}),
    )
    token = forms.CharField(
        required=False,
        max_length=MAX_TOKEN,
        strip=False,
        label="Token",
        help_text="For models that ask who fetches them. Stored encrypted, never shown again, sent to the hub only.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, hub: str, has_token: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hub = hub
        if has_token:
            self.fields["token"].help_text = "A token is set. Leave this empty to keep it."

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"].strip(" ")
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise ValidationError("A token has no spaces, line breaks or special letters. Copy it again, alone.")
        return token

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        try:
            if "hub_id" in found:
                address = read_address(found["hub_id"], hub=self.hub)
                found["hub_id"] = address.hub_id
                found["revision"] = found.get("revision") or address.revision
            if found.get("revision"):
                found["revision"] = checked_revision(found["revision"])
        except SpecError as error:
            self.add_spec_error(error)
        return found

    def add_spec_error(self, error: SpecError) -> None:
        add_spec_error(self, error)


class LocalForm(forms.Form):
    directory = forms.CharField(
        max_length=500,
        help_text="The absolute path on the studio’s machine. Its files stay where they are and are only read.",
        widget=forms.TextInput(attrs={"placeholder": "/srv/models/name", "autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(max_length=160, help_text="What it is called here.")
    licence = forms.CharField(required=False, max_length=120, help_text="Such as Apache-2.0. Shown wherever it is.")

    def add_spec_error(self, error: SpecError) -> None:
        add_spec_error(self, error)


def add_spec_error(form: forms.Form, error: SpecError) -> None:
    """On the field that it names, else above the form, with what to do."""
    text = " ".join(part for part in (error.message, error.fix) if part)
    form.add_error(error.path if error.path in form.fields else None, text)
