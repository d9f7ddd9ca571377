"""Which addresses are called and which are not, and that the checked address is the one that is called."""

import ipaddress
import socket
import time

import pytest

from rftstudio.engine.grading.outgoing import BadReply, Outgoing, Refused, Unanswered, may_call, read_url
from tests.engine.judge_server import Said

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "ff02::1",
    "192.0.2.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"]


def may(address: str, **options) -> bool:
    options = {"host": "judge.example", "port": 443, "allow_private": False, **options}
    return may_call(ipaddress.ip_address(address), **options)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_only_where_allowed(address):
    assert not may(address)
    assert may(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_not_covered_by_allowing_private_ones(address):
    assert not may(address)
    assert not may(address, allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address):
    assert may(address)


@pytest.mark.parametrize(
    ("listed", "host", "port", "allowed"),
    [
        ("10.0.0.5", "10.0.0.5", 80, True),
        ("10.0.0.5:8001", "10.0.0.5", 8001, True),
        ("10.0.0.5:8001", "10.0.0.5", 8002, False),
        ("10.0.0.6", "10.0.0.5", 80, False),
        ("10.0.0.0/24", "anything", 80, True),
        ("judge.internal", "judge.internal", 80, True),
        ("Judge.Internal:9000", "judge.internal", 9000, True),
        ("judge.internal:9000", "judge.internal", 80, False),
        ("internal", "judge.internal", 80, False),
        (" , x:y, [::1]:80, 10.0.0.0/24", "h", 80, True),
        ("10.0.0.5:port", "10.0.0.5", 80, False),
        ("", "10.0.0.5", 80, False),
    ],
)
def test_the_operators_list(monkeypatch, listed, host, port, allowed):
    monkeypatch.setenv("PRIVATE_ENDPOINTS", listed)
    assert may("10.0.0.5", host=host, port=port) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://example.org",
        "javascript:alert(1)",
        "//example.org",
        "example.org",
        "",
        "http://",
        "https://user:pass@example.org/",
        "http://exa mple.org",
        "http://example.org:99999/",
        "http://[::1",
    ],
)
def test_what_is_no_web_address(url):
    with pytest.raises(Refused):
        read_url(url)


def test_the_parts_of_an_address():
    target = read_url("https://bücher.example:8443/gräde me?x=a b&y=%20")
    assert (target.scheme, target.host, target.port) == ("https", "xn--bcher-kva.example", 8443)
    assert target.path == "/gr%C3%A4de%20me?x=a%20b&y=%20"
    assert read_url("http://[::1]:80/").origin == "http://[::1]"
    assert read_url("https://example.org/?token=s").origin == "https://example.org"


def post(url: str, **options):
    timeout = options.pop("timeout_s", 3.0)
    headers = options.pop("headers", {})
    return Outgoing(**options).post(url, b"{}", headers=headers, timeout_s=timeout)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/"])
def test_loopback_by_any_name_is_refused(serve, url):
    server = serve(lambda body: Said(b"{}"))
    with pytest.raises(Refused, match="PRIVATE_ENDPOINTS"):
        post(url.format(port=server.port))
    assert server.requests == []


def test_a_name_that_leads_inside_is_refused_even_beside_a_public_address(serve, monkeypatch):
    server = serve(lambda body: Said(b"{}"))
    found = [(2, 1, 6, "", ("8.8.8.8", server.port)), (2, 1, 6, "", ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Refused):
        post(f"http://rebind.example:{server.port}/")
    assert server.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_called(serve, monkeypatch):
    """A name server that answers differently each time cannot send the call elsewhere."""
    server = serve(lambda body: Said(b"{}"))
    asked = []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *arguments, **options):
        asked.append(host)
        if host == "rebind.example":
            address = "10.255.255.1" if asked.count(host) > 1 else "127.0.0.1"
            return [(2, 1, 6, "", (address, port))]
        return real(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert post(f"http://rebind.example:{server.port}/", allow_private=True).status == 200
    assert asked.count("rebind.example") == 1
    assert server.requests[0][0]["Host"] == f"rebind.example:{server.port}"


def test_redirects_are_not_followed(serve):
    inside = serve(lambda body: Said(b"{}"))
    for status in (301, 302, 303, 307, 308):
        server = serve(lambda body, status=status: Said(b"", status, {"Location": inside.url}))
        with pytest.raises(BadReply, match="redirects"):
            post(server.url, allow_private=True)
    assert inside.requests == []


def test_an_endless_reply_is_cut_off(serve):
    server = serve(lambda body: Said(b"x" * 65536, endless=True))
    with pytest.raises(BadReply, match="1024 KiB"):
        post(server.url, allow_private=True)


def test_a_reply_of_exactly_a_mebibyte_is_taken(serve):
    server = serve(lambda body: Said(b"x" * 1024 * 1024))
    assert len(post(server.url, allow_private=True).body) == 1024 * 1024


def test_one_deadline_for_the_whole_call(serve):
    server = serve(lambda body: Said(b"x" * 1000, drip=0.05))
    began = time.monotonic()
    with pytest.raises(Unanswered, match=r"0\.3 seconds"):
        post(server.url, allow_private=True, timeout_s=0.3)
    assert time.monotonic() - began < 1.0


def test_headers_that_never_end(monkeypatch):
    import threading

    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while True:
                    connection.sendall(b"H")
                    time.sleep(0.02)
            except OSError:
                pass

    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()
    with listener, pytest.raises(Unanswered):
        post(f"http://127.0.0.1:{listener.getsockname()[1]}/", allow_private=True, timeout_s=0.3)
    assert time.monotonic() - began < 1.0


def test_a_secret_does_not_go_out_in_the_clear(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("8.8.8.8", 80))])
    with pytest.raises(Refused, match="plain http"):
        post("http://example.org/", headers={"Authorization": "Bearer x"})


def test_proxies_of_the_environment_are_not_used(serve, monkeypatch):
    proxy = serve(lambda body: Said(b"{}"))
    server = serve(lambda body: Said(b'{"direct": 1}'))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert post(server.url, allow_private=True).body == b'{"direct": 1}'
    assert proxy.requests == []


def test_a_header_that_cannot_be_sent():
    with pytest.raises(Refused, match="cannot be sent"):
        post("http://127.0.0.1:9/", allow_private=True, headers={"Authorization": "Bearer a\r\nX: y"})


def test_connections_are_kept(serve):
    server = serve(lambda body: Said(b"{}"))
    outgoing = Outgoing(allow_private=True)
    for _ in range(5):
        outgoing.post(server.url, b"{}", headers={}, timeout_s=3)
    assert len(server.requests) == 5
    assert len(outgoing._pool.connections) == 1
    outgoing.close()
