"""What somebody pastes for a model; nothing of it decides which server is called."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.address import Address, checked_revision, read_address

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("org/name", Address("org/name")),
        ("  gpt2 ", Address("gpt2")),
        ("https://huggingface.co/org/name", Address("org/name")),
        ("huggingface.co/org/name/", Address("org/name")),
        ("https://hf.co/org/name?library=x#files", Address("org/name")),
        ("https://huggingface.co/org/name/tree/v1.0", Address("org/name", "v1.0")),
        ("https://huggingface.co/org/name/blob/main/config.json", Address("org/name", "main")),
    ],
)
def test_ids_and_addresses(text, found):
    assert read_address(text, hub=HUB) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b/c",
        "../etc",
        "org/..",
        "org/na me",
        "http://127.0.0.1/org/name",
        "http://169.254.169.254/latest/meta-data",
        "https://huggingface.co.evil.example/org/name",
        "https://huggingface.co@evil.example/org/name",
        "https://evil.example/org/name",
        "file:///etc/passwd",
        "ftp://huggingface.co/org/name",
        "https://huggingface.co/datasets/org/name",
        "https://huggingface.co/",
        "https://huggingface.co/org/%2e%2e%2fname",
    ],
)
def test_everything_else_is_refused(text):
    with pytest.raises(SpecError) as caught:
        read_address(text, hub=HUB)
    assert caught.value.path == "hub_id"


def test_only_the_configured_hub():
    assert read_address("https://hub.ours.example/org/name", hub="https://hub.ours.example") == Address("org/name")
    with pytest.raises(SpecError, match=r"come from hub\.ours\.example only"):
        read_address("https://huggingface.co/org/name", hub="https://hub.ours.example")


@pytest.mark.parametrize("text", ["", "../main", "a..b", "a b", "-x", "x" * 200, "a//b", "main?x"])
def test_odd_revisions(text):
    with pytest.raises(SpecError):
        checked_revision(text)
    assert checked_revision(" refs/pr/1 ") == "refs/pr/1"
