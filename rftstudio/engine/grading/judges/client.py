"""One judge's calls: how many at once, how often tried again, what it is asked for, what is paid.

Tried again, with growing pauses and jitter: 408, 409, 425, 429 (after as long as the server says), 5xx, broken
connections and time-outs. Not tried again: anything else. A server that refuses JSON schema, or a limit by the newer
of its two names, is asked without it from then on.
"""

import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.judges.budget import Budget, cost_of
from rftstudio.engine.grading.judges.cache import Cache, Paid
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint
from rftstudio.engine.grading.judges.question import Question
from rftstudio.engine.grading.judges.reply import complaint, read_completion
from rftstudio.engine.grading.outgoing import BadReply, Outgoing, Refused, Reply, Unanswered

_AGAIN = frozenset({408, 409, 425, 429})
MAX_TOKENS = 4096  # of a verdict, where the grader says nothing else; a judge that thinks first needs room


@dataclass(frozen=True, slots=True)
class Patience:
    """tries: at most, the first included. pause_s: before the second try, doubled each time up to longest_s."""

    tries: int = 6
    pause_s: float = 0.5
    longest_s: float = 30.0

    def pause(self, tried: int, asked: float | None) -> float:
        """Seconds to wait after `tried` tries. asked: what the server wants, followed up to a minute."""
        usual = min(self.longest_s, self.pause_s * 2.0 ** (tried - 1)) * random.uniform(0.5, 1.0)
        return usual if asked is None else max(usual, min(asked, 2 * self.longest_s))


class Judge:
    """Asks one endpoint. Safe to share between threads."""

    def __init__(self, endpoint: JudgeEndpoint, *, budget: Budget, cache: Cache, patience: Patience) -> None:
        self.endpoint = endpoint
        self.budget = budget
        self.cache = cache
        self.patience = patience
        self.outgoing = Outgoing(allow_private=endpoint.allow_private, connections=endpoint.concurrency)
        self._slots = threading.BoundedSemaphore(endpoint.concurrency)
        self._without: set[str] = set()  # what this server has refused
        self._not_before = 0.0  # by the monotonic clock: the server asked for a pause
        base = endpoint.base_url.rstrip("/")
        self._url = base if base.endswith("/chat/completions") else f"{base}/chat/completions"

    def ask(self, question: Question) -> Paid:
        """The judge's text, unread. Raises `NoScore`."""
        with self._slots:
            try:
                return self._ask(question)
            except NoScore:
                self.budget.add(failed=1)
                raise

    def _ask(self, question: Question) -> Paid:
        tried, problem = 0, ""
        while True:
            self.budget.check()
            self._wait()
            body = self._body(question)
            asked: float | None = None
            try:
                reply = self._post(body)
            except Unanswered as failure:
                problem = str(failure)
            except (Refused, BadReply) as failure:
                raise self._server_error(str(failure)) from None
            else:
                if reply.status == 200:
                    return self._paid(reply, body)
                if reply.status in (400, 422) and self._do_without(reply, question):
                    continue
                if reply.status not in _AGAIN and reply.status < 500:
                    raise self._server_error(self._refused(reply))
                problem = f"it answered {reply.status}: {self._clean(complaint(reply.body))}"
                asked = _retry_after(reply)
            tried += 1
            if tried >= self.patience.tries:
                raise self._server_error(f"gave up after {tried} tries: {problem}")
            pause = self.patience.pause(tried, asked)
            if asked is not None:  # meant for every caller, not for this one only
                self._not_before = max(self._not_before, time.monotonic() + pause)
            else:
                time.sleep(pause)

    def _wait(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            time.sleep(left)

    def _body(self, question: Question) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": question.messages, **question.params}
        if not {"max_tokens", "max_completion_tokens"} & body.keys():
            name = "max_tokens" if "max_completion_tokens" in self._without else "max_completion_tokens"
            body[name] = MAX_TOKENS
        if "response_format" not in self._without:
            schema = {"name": "verdict", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _post(self, body: Mapping[str, Any]) -> Reply:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "rftstudio"}
        if self.endpoint.key:
            headers["Authorization"] = f"Bearer {self.endpoint.key}"
        sent = json.dumps(body).encode()  # ASCII: half a surrogate pair in an answer cannot break it
        return self.outgoing.post(self._url, sent, headers=headers, timeout_s=self.endpoint.timeout_s)

    def _paid(self, reply: Reply, body: Mapping[str, Any]) -> Paid:
        asked = sum(len(message["content"]) for message in body["messages"])
        found = read_completion(self.endpoint.name, reply.body, asked=asked)
        tokens = found.tokens_in + found.tokens_out
        cost = cost_of(self.endpoint, found.tokens_in, found.tokens_out)
        self.budget.add(calls=1, tokens=tokens, cost=cost)
        if found.problem is not None:
            self.cache.note(tokens, cost)
            raise found.problem
        return Paid(found.text, tokens, cost)

    def _do_without(self, reply: Reply, question: Question) -> bool:
        """Whether the complaint can be met by leaving out something of ours; once for each."""
        said = reply.body[:4000].decode("utf-8", "replace").lower()
        for name in ("max_completion_tokens", "response_format"):
            mine = name not in question.params and name not in self._without
            if mine and (name in said or name == "response_format"):
                self._without.add(name)
                return True
        return False

    def _refused(self, reply: Reply) -> str:
        said = self._clean(complaint(reply.body))
        if reply.status in (401, 403):
            return f"the server does not accept its key ({reply.status}): {said}"
        if reply.status == 404:
            return f"the server knows no such address or model “{self.endpoint.model}” (404): {said}"
        return f"it answered {reply.status}: {said}"

    def _server_error(self, problem: str) -> NoScore:
        problem = problem if problem.endswith(".") else f"{problem}."
        return NoScore("model_grader_server_error", f"The judge “{self.endpoint.name}”: {self._clean(problem)}")

    def _clean(self, text: str) -> str:
        """Without the key, which some servers repeat."""
        return text.replace(self.endpoint.key, "…") if self.endpoint.key else text


def _retry_after(reply: Reply) -> float | None:
    """Seconds that the server asks for: a number, or a date."""
    given = reply.headers.get("retry-after", "").strip()
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None
