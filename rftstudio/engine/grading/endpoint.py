"""`endpoint`: a web address of the author's own gives the score.

It is sent `{"item": …, "sample": …}` and answers `{"score": 0..1, "reason": "…"}`. Which addresses may be called is
decided in `outgoing.py`. The secret is named here and held elsewhere; it goes out as a bearer token.
"""

import json
import random
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import Spec, Verdict
from rftstudio.engine.grading.text import quote
from rftstudio.engine.grading.tools import tools
from rftstudio.engine.types import Item, Sample

if TYPE_CHECKING:
    from rftstudio.engine.grading.outgoing import Outgoing, Reply

TRIES = 3
PAUSE_S = 0.25
AT_ONCE = 8  # calls to one address
_AGAIN = (408, 425, 429)


class Endpoint(Spec):
    """The score that the address answers with."""

    title: ClassVar[str] = "A web address of your own"
    summary: ClassVar[str] = "Your own service is sent the task and the answer, and gives the score."
    waits: ClassVar[bool] = True
    calls: ClassVar[int] = 1

    type: Literal["endpoint"] = "endpoint"
    url: str = Field(
        max_length=2000, title="Address", description="Of your service, such as https://example.org/grade."
    )
    secret: str = Field(
        default="",
        max_length=200,
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        title="Name of the secret",
        description="Which stored secret is sent as a bearer token. Never the secret itself. Empty: none.",
    )
    timeout_s: float = Field(
        default=10.0, ge=0.1, le=120, title="Time allowed", description="Seconds for one try; there are three."
    )

    @field_validator("url")
    @classmethod
    def _callable(cls, url: str) -> str:
        from rftstudio.engine.grading.outgoing import Refused, read_url

        try:
            read_url(url)
        except Refused as failure:
            raise FieldError(str(failure), fix="Correct the address.") from None
        return url

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "rftstudio"}
        held = ""
        if self.secret:
            held = tools().secrets.get(self.secret, "")
            if not held:
                raise NoScore("other_error", f"There is no secret called “{self.secret}” here.")
            headers["Authorization"] = f"Bearer {held}"
        body = json.dumps({"item": item.to_json(), "sample": _sample(sample)}).encode()
        reply = self._post(body, headers, held)
        return _read(reply, held)

    def _post(self, body: bytes, headers: dict[str, str], held: str) -> "Reply":
        from rftstudio.engine.grading.outgoing import BadReply, Refused, Unanswered, read_url

        outgoing, places = _line(read_url(self.url).origin)
        problem = ""
        with places:
            for tried in range(TRIES):
                if tried:
                    time.sleep(PAUSE_S * 4.0 ** (tried - 1) * random.uniform(0.5, 1.0))
                try:
                    reply = outgoing.post(self.url, body, headers=headers, timeout_s=self.timeout_s)
                except Unanswered as failure:
                    problem = str(failure)
                    continue
                except (Refused, BadReply) as failure:
                    raise NoScore("other_error", str(failure)) from None
                if reply.status == 200:
                    return reply
                problem = f"The service answered {reply.status}: {_excerpt(reply.body, held)}."
                if reply.status not in _AGAIN and reply.status < 500:
                    raise NoScore("other_error", problem)
        raise NoScore("unresponsive_reward_error", f"{problem} Tried {TRIES} times.")


@lru_cache(maxsize=256)
def _line(origin: str) -> tuple["Outgoing", threading.BoundedSemaphore]:
    """Connections to one server, and how many calls it gets at once."""
    from rftstudio.engine.grading.outgoing import Outgoing

    return Outgoing(connections=AT_ONCE), threading.BoundedSemaphore(AT_ONCE)


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "output_text": sample.output_text,
        "output_json": sample.output_json,
        "output_tools": list(sample.output_tools),
        "choices": list(sample.choices),
    }


def _read(reply: "Reply", held: str) -> Verdict:
    try:
        row = json.loads(reply.body)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or "score" not in row:
        message = f'The service should answer {{"score": …, "reason": …}} and says {_excerpt(reply.body, held)}.'
        raise NoScore("other_error", message)
    score, reason = row["score"], row.get("reason")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise NoScore(
            "other_error", f"The service's score is {quote(_hidden(str(score), held), 40)}, not a number from 0 to 1."
        )
    return Verdict(float(score), _hidden(str(reason), held)[:2000] if reason else "The service gave no reason.")


def _excerpt(body: bytes, held: str) -> str:
    return quote(_hidden(body.decode("utf-8", "replace"), held)[:2000], 120)


def _hidden(text: str, held: str) -> str:
    """What a service says, without the secret it was sent: some repeat it where they complain of it."""
    return text.replace(held, "(secret)") if held else text
