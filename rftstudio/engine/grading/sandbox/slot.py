"""The parent's end of one jail: it starts it, hands it requests, keeps the deadline and believes nothing it says.

One slot has at most one worker, and a worker serves one request. Not safe for two threads at once: `pool.py` lends a
slot to one at a time.
"""

import contextlib
import json
import math
import os
import secrets
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rftstudio.engine.grading.sandbox import frames, launcher
from rftstudio.engine.grading.sandbox.layers import Combination, LayerFault
from rftstudio.engine.grading.sandbox.libraries import interpreter, libraries
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.source import Program

START_SECONDS = 30.0  # a loaded machine may take long; an idle one takes a tenth of one
ANSWER_SECONDS = 10.0  # in which the zygote, which runs no stranger's code, has to react
Kind = Literal["timeout", "memory", "crash", "exception", "bad_result"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an answer has no score. type, line: of an exception in the author's text, "" and 0 otherwise."""

    kind: Kind
    message: str
    type: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one answer: a score or a failure. seconds: inside `grade`."""

    score: float | None
    failure: Failure | None = None
    seconds: float = 0.0


class JailLost(Exception):
    """The jail itself is gone or out of step. Another one can be started."""


class _WorkerFailed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Slot:
    """Raises `LayerFault` where a layer cannot be put up, `JailLost` where the jail does not start."""

    def __init__(self, combination: Combination, limits: Limits) -> None:
        if "seccomp" not in combination.layers or "limits" not in combination.layers:
            raise ValueError("A jail without seccomp and limits is none.")
        self._start(self._config(combination, limits), limits)

    def _config(self, combination: Combination, limits: Limits) -> dict[str, Any]:
        known = libraries()
        return {
            "layers": list(combination.layers),
            "files": combination.files,
            "limits": limits.to_json(),
            "read": known.read,
            "rules": known.rules,
            "look": known.look,
            "hide": known.hide,
            "modules": dict(known.modules),
        }

    def _start(self, config: dict[str, Any], limits: Limits) -> None:
        self.limits = limits
        self.program = ""  # key of the grader inside
        self.packages: frozenset[str] | None = None  # loaded for it, None before the first
        self._pending = False  # a worker was asked for and not announced yet
        control_read, self._control = os.pipe()
        self._status, status_write = os.pipe()
        request_read, self._request = os.pipe()
        self._reply, reply_write = os.pipe()
        theirs = {"control": control_read, "status": status_write, "request": request_read, "reply": reply_write}
        try:
            self.process = subprocess.Popen(
                [interpreter(), "-P", "-s", "-S", "-X", "utf8", launcher.__file__, json.dumps({**config, **theirs})],
                env={"PYTHONHASHSEED": "0"},  # the same order of sets in every jail
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=tuple(theirs.values()),
            )
        except OSError as error:
            for pipe in (*theirs.values(), self._control, self._status, self._request, self._reply):
                os.close(pipe)
            raise JailLost(f"The grader's process could not be started: {error.strerror}.") from None
        for pipe in theirs.values():
            os.close(pipe)
        for pipe in (self._request, self._reply):
            os.set_blocking(pipe, False)
        self.pid = os.getpid()
        try:
            self._hear(START_SECONDS)
        except BaseException:
            self.close()
            raise

    def load(self, program: Program) -> None:
        """Put a grader into the jail; the one before is gone with its worker. Raises `JailLost`, `LayerFault`."""
        if self.program == program.key:
            return
        if self._pending:
            self._await_worker()
        imports = list(program.imports)
        self._command({"load": program.code, "imports": imports, "limits": self.limits.to_json()})
        self.program, self.packages = program.key, program.packages
        self._await_worker(START_SECONDS)

    def run(self, pairs: Sequence[tuple[Any, Any]], seconds: float) -> list[Outcome]:
        """Grade (sample, item) pairs of JSON values in one process that has served nobody else.

        A failure of the process is the outcome of every pair. Raises `JailLost`, `LayerFault`, and `ValueError` or
        `RecursionError` for values that JSON cannot hold.
        """
        nonce = secrets.token_hex(8)
        frame = frames.encode({"nonce": nonce, "pairs": pairs})
        if self._pending:
            self._await_worker()
        self._drop_old_replies()
        try:
            return _outcomes(self._exchange(frame, seconds), nonce, len(pairs))
        except _WorkerFailed as failed:
            return [Outcome(None, failed.failure)] * len(pairs)
        finally:
            self._command({"next": True})

    def close(self) -> None:
        """End the jail and whatever is in it."""
        for pipe in (self._control, self._status, self._request, self._reply):
            with contextlib.suppress(OSError):
                os.close(pipe)
        self._control = self._status = self._request = self._reply = -1
        if self.pid != os.getpid():
            return  # a forked copy of the parent: the jail is not its own
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    # Talking with the zygote, which is trusted.

    def _command(self, message: dict[str, Any]) -> None:
        try:
            frames.write_all(self._control, frames.encode(message))
        except OSError:
            raise JailLost("The grader's jail is gone.") from None
        self._pending = True

    def _await_worker(self, seconds: float = ANSWER_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while "worker" not in self._hear(deadline - time.monotonic()):
            pass
        self._pending = False

    def _hear(self, seconds: float) -> dict[str, Any]:
        """The zygote's next message."""
        if not _readable(self._status, seconds):
            raise JailLost("The grader's jail does not answer.")
        message = frames.read_frame(self._status)
        if message is None or "spoilt" in message:
            raise JailLost("The grader's jail has ended.")
        if "fault" in message:
            if message["fault"]:
                raise LayerFault(message["fault"], message["why"])
            raise JailLost(f"The grader's jail could not be built: {message['why']}")
        return dict(message)

    # Talking with the worker, which is not.

    def _drop_old_replies(self) -> None:
        """What an earlier worker may have left in the pipe. It is dead by now, and no other has been asked yet."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reply, 1 << 16):
                pass

    def _exchange(self, frame: bytes, seconds: float) -> bytes:
        """Send the request, receive the body of the reply."""
        deadline = time.monotonic() + seconds
        unsent, received = memoryview(frame), bytearray()
        poll = select.poll()
        poll.register(self._reply, select.POLLIN)
        poll.register(self._status, select.POLLIN)
        poll.register(self._request, select.POLLOUT)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _WorkerFailed(Failure("timeout", f"grade() took longer than {seconds:g} s."))
            ready = {pipe for pipe, _ in poll.poll(math.ceil(left * 1000))}
            if self._reply in ready:
                received += os.read(self._reply, 1 << 16)
                if (body := _body(received)) is not None:
                    return body
            elif self._status in ready:
                return self._last_words(received)
            if unsent and self._request in ready:
                with contextlib.suppress(BlockingIOError):
                    unsent = unsent[os.write(self._request, unsent) :]
                if not unsent:
                    poll.unregister(self._request)

    def _last_words(self, received: bytearray) -> bytes:
        """The worker has died: its reply where it had sent one first, else why."""
        message = self._hear(ANSWER_SECONDS)
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._reply, 1 << 16):
                received += piece
                if (body := _body(received)) is not None:
                    return body
        raise _WorkerFailed(_death(int(message.get("died", 0))))


def _readable(pipe: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(max(0, math.ceil(seconds * 1000))))


def _body(received: bytearray) -> bytes | None:
    """The body of a whole frame, None while it is not whole. Raises `_WorkerFailed`."""
    if len(received) < frames.HEADER.size:
        return None
    size = frames.HEADER.unpack_from(received)[0]
    if size > frames.MAX_REPLY:
        raise _WorkerFailed(Failure("bad_result", "The reply is larger than 1 MiB."))
    whole = frames.HEADER.size + size
    if len(received) > whole:
        raise _WorkerFailed(Failure("bad_result", "Something was sent after the reply."))
    return bytes(received[frames.HEADER.size :]) if len(received) == whole else None


def _death(code: int) -> Failure:
    if code == -31:
        return Failure("crash", "The grader made a system call that is not allowed, and was ended for it.")
    if code == -24:
        return Failure("timeout", "grade() used all its processor time.")
    if code == -9:
        return Failure("crash", "The grader's process was killed; it may have needed too much memory or time.")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Failure("crash", f"The grader's process ended by itself ({how}) before it gave a score.")


def _outcomes(body: bytes, nonce: str, count: int) -> list[Outcome]:
    """What a reply says, checked in every part. Raises `_WorkerFailed`."""
    try:
        reply = frames.decode(body)
        if type(reply) is not dict or reply.get("nonce") != nonce or set(reply) != {"nonce", "results"}:
            raise frames.BadFrame("the reply belongs to no request")
        results = reply["results"]
        if type(results) is not list or len(results) != count:
            raise frames.BadFrame("the reply has the wrong length")
        return [_outcome(result) for result in results]
    except frames.BadFrame as error:
        raise _WorkerFailed(Failure("bad_result", f"The reply cannot be used: {error}.")) from None


def _outcome(result: Any) -> Outcome:
    match result:
        case [float(score), float(seconds)] if math.isfinite(score) and seconds >= 0:
            return Outcome(score, None, seconds)
        case [None, float(seconds), "exception" | "memory" | "bad_result" as kind, str(name), str(text), int(line)]:
            return Outcome(None, Failure(kind, text[:600], name[:100], line if 0 <= line < 10**7 else 0), seconds)
    raise frames.BadFrame("a result is neither a score nor a failure")
