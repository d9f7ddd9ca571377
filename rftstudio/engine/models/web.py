"""The connections of huggingface_hub, kept to the hub and to the public servers that it sends one to for large files.

Large files lie on other servers, so redirects are followed; none of them may lead into a private network, and httpx
sends the token to the hub alone. A proxy of the environment is used where there is one; names are then its business.
"""

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants, get_session, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.grading.outgoing import may_call
from rftstudio.engine.models.address import endpoint

CHUNK = 1 << 20  # bytes that are written, and counted, at a time; a kill loses no more than that
PORTS = {"http": 80, "https": 443}
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@contextmanager
def hub_session() -> Iterator[httpx2.Client]:
    """huggingface_hub's own client, which refuses to be led elsewhere."""
    set_client_factory(_client)
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    try:
        yield get_session()
    finally:
        set_client_factory(default_client_factory)


def _client() -> httpx2.Client:
    client = default_client_factory()
    hooks = client.event_hooks
    client.event_hooks = {**hooks, "request": [*hooks.get("request", []), _require_allowed]}
    return client


def _require_allowed(request: httpx2.Request) -> None:
    """Raises `SystemFault` for a server that the hub has no business to lead to."""
    hub = urlsplit(endpoint())
    host, scheme = request.url.host, request.url.scheme
    port = request.url.port or PORTS.get(scheme, 0)
    if (scheme, host, port) == (hub.scheme, hub.hostname, hub.port or PORTS.get(hub.scheme, 0)):
        return
    if scheme != "https":
        raise SystemFault(f"The hub leads to {host} by {scheme}, which is not followed.")
    if any(os.environ.get(name) for name in PROXIES):
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # the connection fails by itself, and says so
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if not may_call(address, host=host, port=port, allow_private=False):
            raise SystemFault(f"The hub leads to {host} at {address}, a private or reserved address: not followed.")
