"""A real HTTP server in the test's own process: OpenAI's chat completions, or anything else a test makes it say."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rftstudio.engine.grading.judges.client import Patience
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.grading.tools import Tools, using

QUICK = Patience(tries=4, pause_s=0.01, longest_s=0.5)


@dataclass
class Said:
    """One HTTP reply. drip: seconds between bytes. endless: the last chunk is sent until the caller hangs up."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    endless: bool = False


def completion(content: Any, *, finish: str = "stop", refusal: str | None = None, usage: Any = (100, 20)) -> Said:
    """A chat completion; content that is no text is written as JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    row: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
            }
        ],
    }
    if usage:
        row["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Said(json.dumps(row).encode(), headers={"Content-Type": "application/json"})


def error(status: int, message: str = "no", **headers: str) -> Said:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(json.dumps({"error": {"message": message}}).encode(), status, names)


Answer = Callable[[dict[str, Any]], Said]


class JudgeServer:
    """answer: what to say to a request's JSON; may be replaced at any time. requests: (headers, JSON) as they came."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.most_in_flight = 0
        self._in_flight = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                with server._lock:
                    server._in_flight += 1
                    server.most_in_flight = max(server.most_in_flight, server._in_flight)
                    server.requests.append((dict(self.headers), {"path": self.path, **json.loads(raw)}))
                try:
                    said = server.answer(json.loads(raw))
                    time.sleep(said.delay)
                    self.say(said)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with server._lock:
                        server._in_flight -= 1

            def say(self, said: Said) -> None:
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if said.endless:
                    self.end_headers()
                    while True:
                        self.wfile.write(said.body)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                if said.drip:
                    for index in range(len(said.body)):
                        self.wfile.write(said.body[index : index + 1])
                        self.wfile.flush()
                        time.sleep(said.drip)
                else:
                    self.wfile.write(said.body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.requests]

    def endpoint(self, name: str = "judge", **changes: Any) -> JudgeEndpoint:
        values = {"timeout_s": 5.0, "allow_private": True, **changes}
        return JudgeEndpoint(name, self.url, "test-model", **values)

    def __enter__(self) -> "JudgeServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def shown(body: dict[str, Any]) -> str:
    """All that a request shows the judge."""
    return "\n".join(message["content"] for message in body["messages"])


def graded(body: dict[str, Any]) -> str:
    """The answer in a request, from between the tags."""
    user = "\n".join(message["content"] for message in body["messages"] if message["role"] != "system")
    return user.partition("<graded_answer>\n")[2].rpartition("\n</graded_answer>")[0]


@contextmanager
def judged(server: JudgeServer, *, patience: Patience = QUICK, **options: Any) -> Iterator[Judges]:
    """Grade with this server as the judge called `judge`."""
    given = {name: options.pop(name) for name in ("tokens", "cost", "file", "purse", "share") if name in options}
    judges = Judges([server.endpoint(**options)], patience=patience, **given)
    with using(Tools(judges=judges)):
        yield judges
