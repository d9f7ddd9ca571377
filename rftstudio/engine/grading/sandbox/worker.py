"""The process that runs an author's code on one request, and then is killed. From `serve` on it is in hostile hands.

Request: {"nonce", "pairs": [[sample, item], …]}. Reply: {"nonce", "results": [[score, seconds] or
[null, seconds, kind, exception type, message, line], …]}, kind being `exception`, `memory` or `bad_result`.
"""

import json
import math
import os
import time
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any, NoReturn

from rftstudio.engine.grading.sandbox import limits, seccomp
from rftstudio.engine.grading.sandbox.frames import HEADER, read_frame, write_all
from rftstudio.engine.grading.sandbox.layers import Files

FILE = "<grader>"
MESSAGE_LENGTH = 500


def harden(layers: list[str], files: Files, allowed: limits.Limits) -> None:
    """The limits and the tighter filter. Raises `LayerFault`."""
    if "limits" in layers:
        limits.impose(allowed)
    if "seccomp" in layers:
        seccomp.install(seccomp.worker_filter(files, os.getpid()))


def serve(code: CodeType | None, request: int, reply: int) -> NoReturn:
    """Answer one request, then wait for the end."""
    message = read_frame(request)
    if message is None or code is None:
        os._exit(0)
    # Held in locals: what the author's code does to the modules cannot reach them there.
    dump, write, pack, nonce = json.JSONEncoder(allow_nan=False).encode, write_all, HEADER.pack, message["nonce"]
    results = _grade_all(code, message["pairs"])
    body = dump({"nonce": nonce, "results": results}).encode("ascii")
    write(reply, pack(len(body)) + body)
    while True:
        time.sleep(60)


def _grade_all(code: CodeType, pairs: list[Any]) -> list[list[Any]]:
    started = time.perf_counter()
    space: dict[str, Any] = {"__name__": "grader", "__file__": FILE, "__builtins__": __builtins__}
    try:
        exec(code, space)
        grade = space["grade"]
    except BaseException as error:
        failed = _failed(error, started)
        return [failed for _ in pairs]
    return [_grade(grade, sample, item) for sample, item in pairs]


def _grade(grade: Callable[[Any, Any], Any], sample: Any, item: Any) -> list[Any]:
    started = time.perf_counter()
    try:
        value = grade(sample, item)
        if isinstance(value, str | bytes):
            return _bad_result(started, f"grade() returned text, {value[:60]!r}, where a number was expected.")
        try:
            score = float(value)
        except (TypeError, ValueError, OverflowError) as error:
            return _bad_result(started, f"grade() returned {type(value).__name__}, not a number: {error}")
        if not math.isfinite(score):
            return _bad_result(started, f"grade() returned {score}, which is no score.")
        return [score, round(time.perf_counter() - started, 6)]
    except BaseException as error:
        return _failed(error, started)


def _bad_result(started: float, why: str) -> list[Any]:
    return [None, round(time.perf_counter() - started, 6), "bad_result", "", why[:MESSAGE_LENGTH], 0]


def _failed(error: BaseException, started: float) -> list[Any]:
    """What went wrong and on which line of the author's own text."""
    kind = "memory" if isinstance(error, MemoryError) else "exception"
    line = 0
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)[:MESSAGE_LENGTH]
    except BaseException:
        text = "(its message could not be read)"
    name = type(error).__name__[:100]
    return [None, round(time.perf_counter() - started, 6), kind, name, text, line]
