"""Calls to other machines, as judges and endpoint graders make them.

The scheme and every resolved address are checked, and the connection goes to the address that was checked. Private
addresses are refused unless the operator lists them in PRIVATE_ENDPOINTS (`10.0.0.5:8001, judge.internal,
10.1.0.0/16`) or the caller may use them. Redirects are reported and not followed, proxies of the environment are not
used, a reply has at most 1 MiB, and one deadline covers the whole call. Retrying and the meaning of a reply are
somebody else's.
"""

import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpcore2 as httpcore

from rftstudio.engine.errors import EngineError

MAX_REPLY = 1024 * 1024
LIST = "PRIVATE_ENDPOINTS"
_CONNECT_SECONDS = 10.0
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_USUAL_PORTS = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `allow_private` covers. Link-local addresses (cloud metadata among them), multicast and the unspecified address
# are never covered by it: an operator who means one of them has to list it.
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Refused(EngineError):
    """The address may not be called. Trying again is of no use."""


class Unanswered(EngineError):
    """Nobody answered in time, or the connection broke. Trying again may help."""


class BadReply(EngineError):
    """An answer that is not taken: too long, compressed, a redirect. Trying again is of no use."""


class Reply(NamedTuple):
    """status: of HTTP. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL."""

    scheme: str
    host: str  # as sent: ASCII, without brackets
    port: int
    path: str  # with the query

    @property
    def origin(self) -> str:
        """For messages: neither path nor query, which may hold secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _USUAL_PORTS[self.scheme] == self.port
        return f"{self.scheme}://{host}" if usual else f"{self.scheme}://{host}:{self.port}"


def read_url(url: str) -> Target:
    """The parts of a URL. Raises `Refused` for one that is not a plain http or https address."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii") if ":" not in (parts.hostname or "") else ""
        host = host or str(ipaddress.IPv6Address(parts.hostname or ""))
    except (ValueError, UnicodeError):
        raise Refused("This is not a web address. Write it like https://server.example.org/v1.") from None
    if ":" not in host and not _HOST.fullmatch(host):
        raise Refused("This is no name of a server. Write it like https://server.example.org/v1.")
    if parts.scheme not in _USUAL_PORTS:
        raise Refused(f"“{parts.scheme[:20]}” addresses are not called. Use https, or http on your own network.")
    if parts.username is not None or parts.password is not None:
        raise Refused("The address holds a user name. Give the secret in its own field.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Target(parts.scheme, host, port or _USUAL_PORTS[parts.scheme], path)


class Outgoing:
    """Connections to one or more servers, kept open between calls. Safe to share between threads.

    allow_private: loopback and the private ranges may be called, as an operator decided.
    """

    def __init__(self, *, allow_private: bool = False, connections: int = 32) -> None:
        self._backend = _CheckedBackend(allow_private)
        self._connections = connections

    @cached_property
    def _pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            max_connections=self._connections,
            max_keepalive_connections=self._connections,
            keepalive_expiry=30.0,
            network_backend=self._backend,
        )

    def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout_s: float) -> Reply:
        """Send `body` and read the whole reply. Raises `Refused`, `Unanswered` or `BadReply`."""
        target = read_url(url)
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise Refused(f"The request to {target.origin} holds a character that cannot be sent. Check the secret.")
        if target.scheme == "http" and any(name.lower() == "authorization" for name in headers):
            addresses = self._backend.addresses(target.host, target.port)
            if any(address.is_global for address in addresses):
                raise Refused(f"{target.origin} would get its secret over plain http. Use https.")
        sent = {"Host": target.origin.partition("://")[2], "Accept-Encoding": "identity", **headers}
        self._backend.deadline.at = time.monotonic() + timeout_s
        try:
            with self._pool.stream(
                "POST",
                httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
                headers=list(sent.items()),
                content=body,
                extensions={"timeout": {"connect": min(timeout_s, _CONNECT_SECONDS), "pool": timeout_s}},
            ) as response:
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                if 300 <= response.status < 400:
                    raise BadReply(
                        f"{target.origin} redirects elsewhere, which is not followed. Give the address itself."
                    )
                if found.get("content-encoding", "identity") != "identity":
                    raise BadReply(f"{target.origin} sends compressed replies, which were not asked for.")
                return Reply(response.status, found, _read(response.iter_stream(), target))
        except httpcore.TimeoutException:
            raise Unanswered(f"{target.origin} did not answer within {timeout_s:g} seconds.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as failure:
            raise Unanswered(f"{target.origin} cannot be reached: {_words(failure)}.") from None

    def close(self) -> None:
        self._pool.close()


def _read(chunks: Iterable[bytes], target: Target) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_REPLY:
            raise BadReply(f"{target.origin} sends more than {MAX_REPLY // 1024} KiB; the reply was cut off.")
    return bytes(body)


def _words(failure: Exception) -> str:
    return (str(failure).strip().rstrip(".") or type(failure).__name__)[:200]


class _Deadline(threading.local):
    at = float("inf")


class _CheckedBackend(httpcore.NetworkBackend):
    """Opens connections to checked addresses only; every read and write ends by the thread's deadline."""

    def __init__(self, allow_private: bool) -> None:
        self.allow_private = allow_private
        self.deadline = _Deadline()
        self._sockets = httpcore.SyncBackend()

    def addresses(self, host: str, port: int) -> list[Address]:
        """Every address of the host. Raises `Refused` when one of them may not be called."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            why = "the name is wrong, or this machine cannot look it up"
            raise Unanswered(f"{host} cannot be found: {why}.") from None
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        for address in addresses:
            if not may_call(address, host=host, port=port, allow_private=self.allow_private):
                place = "" if host == str(address) else f"at {address}, "
                raise Refused(
                    f"{host} is {place}a private or reserved address, which is not called. "
                    f"Whoever runs the studio can allow it by listing {host}:{port} in {LIST}."
                )
        return list(dict.fromkeys(addresses))

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception | None = None
        for address in self.addresses(host, port):
            try:
                opened = self._sockets.connect_tcp(
                    str(address), port, timeout=_left(self.deadline, timeout), socket_options=socket_options
                )
                return _TimedStream(opened, self.deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                problem = failure
        raise problem or httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise Refused("Sockets of this machine are not called.")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait ends by the deadline, so that a drop a minute does not hold a call for hours."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline, timeout))
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: _Deadline, timeout: float | None) -> float:
    left = deadline.at - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return min(left, timeout) if timeout is not None else left


def may_call(address: Address, *, host: str, port: int, allow_private: bool) -> bool:
    """Whether this address of this host may be called, by its own kind and by what it stands for."""
    if _is_listed(host, port, address):
        return True
    return all(
        (each.is_global and not each.is_multicast) or (allow_private and any(each in network for network in _PRIVATE))
        for each in _meant(address)
    )


def _meant(address: Address) -> list[Address]:
    """The IPv4 address that an IPv6 one leads to, where it does; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def _is_listed(host: str, port: int, address: Address) -> bool:
    meant = _meant(address)[-1]
    for name, network, only_port in _listed(os.environ.get(LIST, "")):
        if only_port in (None, port) and (name == host.lower() or (network is not None and meant in network)):
            return True
    return False


@lru_cache(maxsize=8)
def _listed(text: str) -> list[tuple[str, Any, int | None]]:
    """Entries as (host name, network, port or None for any). What cannot be read allows nothing."""
    entries: list[tuple[str, Any, int | None]] = []
    for part in text.split(","):
        entry = part.strip().lower()
        host, port = entry, None
        if entry.startswith("[") or entry.count(":") == 1:
            before, _, after = entry.rpartition(":") if not entry.endswith("]") else (entry, "", "")
            host = before.strip("[]")
            if after:
                if not after.isdigit():
                    continue
                port = int(after)
        if not host:
            continue
        try:
            entries.append(("", ipaddress.ip_network(host, strict=False), port))
        except ValueError:
            entries.append((host, None, port))
    return entries
