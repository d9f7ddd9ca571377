"""Secrets at rest: text that is stored encrypted and read back only where it is used.

Fernet (AES-128-CBC with HMAC-SHA256) under keys derived from `settings.SECRETS_KEYS`. The first key encrypts, every
key decrypts, so that a key is changed by putting a new one in front and calling `renew` on what is stored. Who may
read or write a secret is decided elsewhere; nothing here logs, and no error repeats what was given.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from rftstudio.engine.errors import SystemFault

_PURPOSE = b"rftstudio secrets at rest, 1"


def encrypt(text: str) -> str:
    """A token to store. Different each time."""
    return _box().encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """The text. Raises `SystemFault` where none of the studio's keys fits the token."""
    try:
        return _box().decrypt(token.encode()).decode()
    except InvalidToken:
        raise _no_key() from None


def renew(token: str) -> str:
    """The same secret under the first key. Raises `SystemFault` where no key fits."""
    try:
        return _box().rotate(token.encode()).decode("ascii")
    except InvalidToken:
        raise _no_key() from None


def _no_key() -> SystemFault:
    return SystemFault(
        "A stored secret cannot be read: it was encrypted with another SECRETS_KEY. "
        "Start the studio with the old key added after the new one, or enter the secret again."
    )


def _box() -> MultiFernet:
    return _boxes(tuple(settings.SECRETS_KEYS))


@lru_cache(maxsize=4)
def _boxes(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    """Any long text becomes a key of the right size. The keys are random, so that no slow hash is needed."""
    found = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(found)
