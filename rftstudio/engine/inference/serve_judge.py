"""The studio's own small model as a judge, for trying things out: POST /v1/chat/completions on loopback, nothing else.

It is a weak judge and says so: in what it prints, in every reply and on /v1/models. It fills in JSON schemas, so its
verdicts can be read; whether they are right is another matter. One request is answered at a time.

    python -m rftstudio.engine.inference.serve_judge --model DIR --port 0 [--idle SECONDS]

The first line it prints is {"url": …, "model": …, "weak": true}. With --idle it ends when nobody has asked for so long.
"""

import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import EngineError
from rftstudio.engine.job import Model
from rftstudio.engine.process import settle_process

MAX_BODY = 1024 * 1024
MAX_TOKENS = 256
NOTE = "A very small model: a weak judge, for trying things out. Do not train on its verdicts."


class BadRequest(Exception):
    """What the caller did wrong, in a sentence."""


class WeakJudge:
    """Answers chat requests with a model of a directory. Raises `SpecError` or `SystemFault` where it cannot load."""

    def __init__(self, model: Model) -> None:
        from rftstudio.engine.inference import loading
        from rftstudio.engine.inference.sampler import Sampler

        model = loading.find_model(model)
        self.name = model.name
        self.tokenizer = loading.load_tokenizer(model)
        self.context = loading.context_length(model)
        loaded = loading.load_model(model, loading.device())
        stop = loading.stop_tokens(loaded, self.tokenizer)
        self.sampler = Sampler(loaded, stop=stop, pad=self.tokenizer.pad_token_id)
        self._one_at_a_time = threading.Lock()

    def reply(self, request: Any) -> dict[str, Any]:
        """A chat completion. Raises `BadRequest`."""
        from rftstudio.engine.inference.filling import Filler

        prompt = self._prompt(request)
        schema = _schema(request)
        temperature = _number(request, "temperature", 0.0, 2.0, 0.0)
        seed = int(_number(request, "seed", -(2**63), 2**63, 0))
        longest = int(_number(request, "max_completion_tokens", 1, 1e9, request.get("max_tokens") or MAX_TOKENS))
        with self._one_at_a_time:
            if schema is not None:
                filler = Filler(self.sampler, self.tokenizer, prompt, temperature=temperature, seed=seed)
                try:
                    filler.fill(schema)
                except ValueError as failure:
                    raise BadRequest(f"response_format: {failure}.") from None
                text, tokens, finish = filler.text, filler.tokens, "stop"
            else:
                ((completion,),) = self.sampler.sample(
                    [prompt], [[seed % 2**64]], max_new_tokens=min(longest, MAX_TOKENS), temperature=temperature
                )
                text = str(self.tokenizer.decode(completion.tokens, skip_special_tokens=True))
                tokens, finish = len(completion.tokens), "length" if completion.truncated else "stop"
        return {
            "id": f"chatcmpl-{time.time_ns():x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.name,
            "note": NOTE,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "finish_reason": finish,
                }
            ],
            "usage": {
                "prompt_tokens": len(prompt),
                "completion_tokens": tokens,
                "total_tokens": len(prompt) + tokens,
            },
        }

    def _prompt(self, request: Any) -> list[int]:
        messages = request.get("messages") if isinstance(request, dict) else None
        if not isinstance(messages, list) or not messages:
            raise BadRequest("`messages` must be a list of messages.")
        for message in messages:
            if not isinstance(message, dict) or not isinstance(message.get("content"), str):
                raise BadRequest("A message needs a role and a content of text.")
        chat = [{"role": str(message.get("role")), "content": message["content"]} for message in messages]
        try:
            encoded = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)
        except Exception as error:  # templates raise their own jinja errors
            raise BadRequest(f"The model's chat template refuses these messages: {error}") from None
        tokens = list(encoded["input_ids"])
        if len(tokens) + MAX_TOKENS > self.context:
            raise BadRequest(f"{len(tokens)} tokens are more than this small model can read ({self.context}).")
        return tokens


def _schema(request: Any) -> Any:
    """The JSON schema that the reply should follow, None where none was asked for."""
    wanted = request.get("response_format")
    if not wanted:
        return None
    try:
        schema = wanted["json_schema"]["schema"] if wanted["type"] == "json_schema" else None
    except (KeyError, TypeError):
        schema = None
    if not isinstance(schema, dict):
        raise BadRequest("response_format: only json_schema with a schema is known.")
    return schema


def _number(request: Any, name: str, low: float, high: float, usual: float) -> float:
    value = request.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequest(f"{name} must be a number from {low:g} to {high:g}.")
    return value


class Server(ThreadingHTTPServer):
    """On loopback only. `asked`: when somebody last did, by the monotonic clock."""

    daemon_threads = True

    def __init__(self, judge: WeakJudge, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.judge = judge
        self.asked = time.monotonic()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def end_when_idle(self, seconds: float) -> None:
        """Stop serving once nobody has asked for so long; blocks until then."""
        while (left := self.asked + seconds - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
        self.shutdown()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            return self._error(404, "Only /v1/chat/completions and /v1/models are served.")
        row = {"id": self.server.judge.name, "object": "model", "owned_by": "rftstudio", "weak": True, "note": NOTE}
        self._send(200, {"object": "list", "data": [row]})

    def do_POST(self) -> None:
        self.server.asked = time.monotonic()
        if self.path != "/v1/chat/completions":
            return self._error(404, "Only /v1/chat/completions and /v1/models are served.")
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            return self._error(413, f"A request needs a Content-Length of at most {MAX_BODY} bytes.")
        try:
            self._send(200, self.server.judge.reply(json.loads(self.rfile.read(int(length)))))
        except BadRequest as failure:
            self._error(400, str(failure))
        except (ValueError, RecursionError):
            self._error(400, "The request is not JSON.")
        finally:
            self.server.asked = time.monotonic()

    def _error(self, status: int, message: str) -> None:
        self._send(status, {"error": {"message": message, "type": "invalid_request_error"}})

    def _send(self, status: int, row: Any) -> None:
        body = json.dumps(row).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: what is asked is somebody's work."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m rftstudio.engine.inference.serve_judge", description=NOTE)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="a model directory")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--idle", type=float, default=0.0, metavar="SECONDS", help="end when unused for so long")
    given = parser.parse_args(arguments)
    settle_process()
    try:
        judge = WeakJudge(Model(str(given.model.resolve()), given.model.resolve().name))
        server = Server(judge, given.port)
    except (EngineError, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps({"url": server.url, "model": judge.name, "weak": True, "note": NOTE}), flush=True)
    if given.idle > 0:
        threading.Thread(target=server.end_when_idle, args=(given.idle,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
