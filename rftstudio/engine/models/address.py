"""What somebody typed for a hub model: an id, or the address of its page on the configured hub. Nothing is fetched.

Only the id and the revision are taken from an address; calls go to the hub of HF_ENDPOINT and to no other server.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from rftstudio.engine.errors import SpecError

USUAL = "https://huggingface.co"
ALIASES = {"huggingface.co", "www.huggingface.co", "hf.co"}
PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
HUB_ID = re.compile(rf"{PART}(/{PART})?")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,120}")
COMMIT = re.compile(r"[0-9a-f]{40}")
PAGES = ("tree", "blob", "resolve", "commit")


@dataclass(frozen=True)
class Address:
    """hub_id: "org/name". revision: a branch, a tag or a commit; empty where none was given."""

    hub_id: str
    revision: str = ""


def endpoint() -> str:
    """Of the hub that this studio uses."""
    return (os.environ.get("HF_ENDPOINT") or USUAL).rstrip("/")


def read_address(text: str, *, hub: str = "") -> Address:
    """Raises `SpecError` (path "hub_id") for what is neither an id nor an address of the hub."""
    text = text.strip()
    if "://" not in text and not text.lower().startswith(tuple(f"{host}/" for host in ALIASES)):
        return Address(_checked(text))
    given = urlsplit(text if "://" in text else f"https://{text}")
    own = urlsplit(hub or endpoint())
    hosts = {own.netloc.lower()} | (ALIASES if own.netloc in ALIASES else set())
    if given.scheme not in ("http", "https") or given.netloc.lower() not in hosts:
        raise SpecError(
            f"This address leads to {given.netloc[:80] or 'nowhere'}, and models come from {own.netloc} only.",
            path="hub_id",
            fix="Give the id of a model there, such as org/name.",
        )
    parts = [unquote(part) for part in given.path.split("/") if part]
    if parts and parts[0] in ("datasets", "spaces", "collections", "models", "docs"):
        raise SpecError("This is not the page of a model.", path="hub_id", fix="Open the model's own page.")
    revision = parts[3] if len(parts) > 3 and parts[2] in PAGES else ""
    return Address(_checked("/".join(parts[:2])), checked_revision(revision) if revision else "")


def checked_revision(text: str) -> str:
    """Raises `SpecError` (path "revision")."""
    text = text.strip()
    if not REVISION.fullmatch(text) or ".." in text or "//" in text:
        raise SpecError(f"{text[:80]!r} is no name of a revision.", path="revision", fix="A branch, a tag or a commit.")
    return text


def _checked(hub_id: str) -> str:
    if not HUB_ID.fullmatch(hub_id) or ".." in hub_id or "--" in hub_id or hub_id.endswith((".git", ".", "-")):
        raise SpecError(
            f"{hub_id[:80]!r} is no id of a model." if hub_id else "There is no id.",
            path="hub_id",
            fix="It looks like org/name, as at the top of the model's page.",
        )
    return hub_id
