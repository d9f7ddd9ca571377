"""A hub on this machine: a real HTTP server that speaks as much of the hub's protocol as huggingface_hub needs.

Models are directories or {name: bytes}. It can be slow, break off, send other bytes than it announced, ask for a
token, and send large files from another address.
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".safetensors", ".bin", ".gguf")  # what a hub keeps in LFS
CHUNK = 16_384


@dataclass
class Repo:
    """gated: asks for a token whose account accepted. tokens: those that did. sent: what is sent in place of a file.

    refs: branches and tags to the commit. delay: seconds before each chunk of a large file. breaks: how often a large
    file breaks off half-way.
    """

    files: dict[str, bytes]
    commit: str = "c" * 40
    refs: tuple[str, ...] = ("main",)
    licence: str | None = "apache-2.0"
    card: dict[str, Any] = field(default_factory=dict)
    gated: Any = False
    private: bool = False
    tokens: tuple[str, ...] = ()
    safetensors: dict[str, Any] | None = None
    sent: dict[str, bytes] = field(default_factory=dict)
    delay: float = 0.0
    breaks: int = 0
    redirect: str = ""
    status: int = 200

    def listing(self, hub_id: str, blobs: bool) -> dict[str, Any]:
        siblings = []
        for name, content in self.files.items():
            row: dict[str, Any] = {"rfilename": name}
            if blobs:
                row |= {"size": len(content), "blobId": git_name(content)}
                if name.endswith(LARGE):
                    row["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}
            siblings.append(row)
        return {
            "id": hub_id, "modelId": hub_id, "sha": self.commit, "private": self.private, "gated": self.gated,
            "tags": [f"license:{self.licence}"] if self.licence else [], "siblings": siblings,
            "cardData": {**({"license": self.licence} if self.licence else {}), **self.card},
            "downloads": 1, "likes": 0, **({"safetensors": self.safetensors} if self.safetensors else {}),
        }  # fmt: skip


def git_name(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def repo_of(directory: Path, **changes: Any) -> Repo:
    """The files of a directory, with their parameters counted as a hub does."""
    files = {file.name: file.read_bytes() for file in sorted(directory.iterdir()) if file.is_file()}
    return Repo(files, **changes)


class Hub:
    """repos: by id; may be changed at any time. asked: (method, path, headers) as they came."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.asked.append((self.command, self.path, dict(self.headers)))
                try:
                    self.answer()
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_HEAD = do_GET

            def answer(self) -> None:
                parts = urlsplit(self.path)
                path = [unquote(part) for part in parts.path.strip("/").split("/")]
                api = path[:2] == ["api", "models"]
                rest = path[2:] if api else path
                hub_id = "/".join(rest[:2])
                repo = hub.repos.get(hub_id)
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                if repo is None or (repo.private and token not in repo.tokens):
                    return self.refuse(401 if not token else 404, "RepoNotFound", "Repository not found")
                if repo.status != 200:
                    return self.refuse(repo.status, "", "Something is wrong with the hub")
                revision = rest[3] if len(rest) > 3 else "main"
                if revision not in (*repo.refs, repo.commit):
                    return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
                if api:
                    blobs = "blobs" in parse_qs(parts.query)
                    return self.reply(json.dumps(repo.listing(hub_id, blobs)).encode(), repo, "application/json")
                if repo.gated and token not in repo.tokens:
                    message = "Access to this model is restricted."
                    return self.refuse(403 if token else 401, "GatedRepo", message)
                name = "/".join(rest[4:])
                if name not in repo.files:
                    return self.refuse(404, "EntryNotFound", "Entry not found")
                if repo.redirect and name.endswith(LARGE):
                    return self.redirect(repo.redirect + self.path, repo)
                self.send_file(repo, name)

            def send_file(self, repo: Repo, name: str) -> None:
                content = repo.sent.get(name, repo.files[name])
                begin = 0
                if (wanted := self.headers.get("Range", "")).startswith("bytes="):
                    begin = int(wanted.removeprefix("bytes=").split("-")[0])
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(content) - begin))
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", repo.commit)
                self.send_header("Accept-Ranges", "bytes")
                if begin:
                    self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                if self.command == "HEAD":
                    return
                body, large = content[begin:], name.endswith(LARGE)
                stop = len(body)
                if large and repo.breaks > 0:
                    repo.breaks -= 1
                    stop //= 2
                for place in range(0, stop, CHUNK):
                    if large and repo.delay:
                        time.sleep(repo.delay)
                    self.wfile.write(body[place : min(stop, place + CHUNK)])
                    self.wfile.flush()
                if stop < len(body):
                    self.close_connection = True
                    self.connection.shutdown(2)

            def redirect(self, where: str, repo: Repo) -> None:
                self.send_response(302)
                self.send_header("Location", where)
                self.send_header("X-Repo-Commit", repo.commit)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def refuse(self, status: int, code: str, message: str) -> None:
                self.send_response(status)
                if code:
                    self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", message)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def reply(self, body: bytes, repo: Repo, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Repo-Commit", repo.commit)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def asked_for(self, name: str) -> list[dict[str, str]]:
        """Headers of every request for a file."""
        return [headers for method, path, headers in self.asked if method == "GET" and path.endswith(f"/{name}")]


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.server.shutdown()
        hub.server.server_close()
