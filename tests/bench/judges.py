"""Judges: how full the calls that an endpoint allows are kept, and how much waiting sampling hides.

`python -m tests.bench.judges`. The endpoint is a server of its own process that takes 200 ms for every reply, so that a
call's time is known and what is on top is ours.
"""

import json
import math
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

from rftstudio.engine.grading import grade_many, parse_spec
from rftstudio.engine.grading.ahead import GradingAhead
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.types import Item, Sample
from tests.engine.judge_server import JudgeServer, completion

REPLY_S = 0.2
ROUNDS = 20  # as many calls one after another on every connection
TARGET = 0.9  # of the time that the endpoint alone takes
WIDTHS = (8, 64)
SPEC = parse_spec({"type": "judge", "model": "judge", "instruction": "Is it polite?"})
ITEM = Item("1", ())


def serve(pipe: Connection) -> None:
    """Until something comes through the pipe."""

    def answer(body: dict[str, Any]) -> Any:
        said = completion({"q1": {"reason": "It is.", "choice": "yes"}})
        said.delay = REPLY_S
        return said

    with JudgeServer(answer) as server:
        pipe.send(server.url)
        pipe.recv()


def run() -> dict[str, Any]:
    """By the number of calls at once: seconds of the endpoint alone, ours, and their ratio; and what sampling hides."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        url = here.recv()
        kept = {str(width): _kept_full(url, width) for width in WIDTHS}
        return {
            "reply_seconds": REPLY_S,
            "calls_at_once": kept,
            "beside_sampling": _beside(url, 8),
            "target": TARGET,
            "reached": min(row["share"] for row in kept.values()) >= TARGET,
        }
    finally:
        here.send("end")
        process.join(5)


def _kept_full(url: str, width: int) -> dict[str, float]:
    count = ROUNDS * width
    with using(Tools(judges=_judges(url, width))):
        grade_many(SPEC, [(ITEM, Sample(f"warm-up {number}")) for number in range(width)])
        began = time.perf_counter()
        grades = grade_many(SPEC, [(ITEM, Sample(f"answer {number}")) for number in range(count)])
        seconds = time.perf_counter() - began
    _check(grades)
    ideal = math.ceil(count / width) * REPLY_S
    return {"calls": count, "ideal_seconds": ideal, "seconds": round(seconds, 2), "share": round(ideal / seconds, 3)}


def _beside(url: str, width: int) -> dict[str, float]:
    """Answers that end one after another over two seconds: how long the last grade is waited for after them."""
    count, lasts = 64, 2.0
    answers = [Sample(f"answer {number}") for number in range(count)]
    with using(Tools(judges=_judges(url, width))):
        grading = GradingAhead(SPEC)
        for number, sample in enumerate(answers):
            time.sleep(lasts / count)
            grading.add(number, ITEM, sample)
        began = time.perf_counter()
        _check(grading.grades())
        beside = time.perf_counter() - began
        grading.close()
    with using(Tools(judges=_judges(url, width))):
        began = time.perf_counter()
        _check(grade_many(SPEC, [(ITEM, sample) for sample in answers]))
        after = time.perf_counter() - began
    return {
        "answers": count,
        "sampling_seconds": lasts,
        "waited_seconds": round(beside, 2),
        "waited_seconds_without": round(after, 2),
    }


def _judges(url: str, width: int) -> Judges:
    return Judges([JudgeEndpoint("judge", url, "slow", timeout_s=10.0, allow_private=True, concurrency=width)])


def _check(grades: list[Any]) -> None:
    if any(grade.score != 1.0 for grade in grades):
        raise SystemExit(f"A judge's grade is not 1: {next(grade for grade in grades if grade.score != 1.0)}")


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
