"""Set up or change a judge. The key is written here and never shown again; nothing here saves."""

import ipaddress
import socket
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from rftstudio.engine.grading.outgoing import Refused, Target, may_call, read_url
from rftstudio.graders.models import JudgeEndpoint

MAX_KEY = 500


class JudgeForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        help_text="What graders call it, such as main judge. It cannot be changed once a grader uses it.",
    )
    base_url = forms.CharField(
        label="Address",
        max_length=300,
        help_text="Of a server that speaks OpenAI’s chat completions, up to and with /v1: https://api.example.org/v1.",
        widget=forms.URLInput(attrs={"placeholder": "https://api.example.org/v1", "autocomplete": "off"}),
    )
    model = forms.CharField(max_length=200, help_text="The model’s name as that server knows it.")
    key = forms.CharField(
        required=False,
        max_length=MAX_KEY,
        strip=False,
        label="Key",
        help_text="Stored encrypted, and never shown again. Empty where the server asks for none.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    remove_key = forms.BooleanField(required=False, label="Forget the key that is set")
    price_in = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1e6,
        label="Price of a million tokens read",
        help_text="In your currency; 0 where it is free. Without prices a training cannot have a budget in money.",
    )
    price_out = forms.FloatField(required=False, min_value=0, max_value=1e6, label="Price of a million tokens written")
    concurrency = forms.IntegerField(
        min_value=1,
        max_value=256,
        initial=8,
        label="Calls at the same time",
        help_text="As many as the server takes from you. More is faster.",
    )
    timeout_s = forms.FloatField(
        min_value=1, max_value=600, initial=60, label="Longest wait, in seconds", help_text="For one call."
    )

    def __init__(self, *args: Any, judge: JudgeEndpoint | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.judge = judge
        if judge is None or not judge.has_key:
            del self.fields["remove_key"]
        if judge is not None and judge.has_key:
            self.fields["key"].help_text = "A key is set. Leave this empty to keep it."
        if judge is not None and judge.embedded:
            for name in ("base_url", "model", "key", "price_in", "price_out"):
                del self.fields[name]

    def clean_name(self) -> str:
        return _line(self.cleaned_data["name"])

    def clean_model(self) -> str:
        return _line(self.cleaned_data["model"])

    def clean_base_url(self) -> str:
        address: str = self.cleaned_data["base_url"].rstrip("/")
        if "?" in address or "#" in address:
            raise ValidationError("Leave out everything from the ? or # on. A key belongs into its own field.")
        try:
            _require_public(read_url(address))
        except Refused as refused:
            raise ValidationError(str(refused)) from None
        return address

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip(" ")
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ValidationError(
                "A key has no spaces, line breaks or special letters. Copy it again, only the key itself."
            )
        return key

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        keeps = self.judge is not None and self.judge.has_key and not found.get("key") and not found.get("remove_key")
        if keeps and self.judge is not None and "base_url" in found and not _same_place(found, self.judge):
            self.add_error("key", "The address leads to another server. Enter the key again, so that only the one "
                                  "you mean is sent it.")  # fmt: skip
        if "price_in" in self.fields and not self.errors.keys() & {"price_in", "price_out"}:
            missing = [name for name in ("price_in", "price_out") if found.get(name) is None]
            if len(missing) == 1:
                self.add_error(missing[0], "Give both prices, or neither. 0 where it is free.")
        if found.get("key") and found.get("remove_key"):
            self.add_error("remove_key", "Either enter a new key, or forget the one that is set.")
        return found


def _same_place(found: dict[str, Any], judge: JudgeEndpoint) -> bool:
    try:
        return read_url(found["base_url"]).origin == read_url(judge.base_url).origin
    except Refused:
        return False


def _require_public(target: Target) -> None:
    """Raises `Refused` for a private address that the operator has not listed. A name that is not known may come."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if not may_call(address, host=target.host, port=target.port, allow_private=False):
            place = "" if target.host == str(address) else f"at {address}, "
            raise Refused(
                f"{target.host} is {place}a private or reserved address. Whoever runs the studio can allow it "
                f"by listing {target.host}:{target.port} in PRIVATE_ENDPOINTS."
            )


def _line(text: str) -> str:
    text = " ".join(text.split())
    if not text or not text.isprintable():
        raise ValidationError("This holds a character that cannot be shown. Type it again.")
    return text
