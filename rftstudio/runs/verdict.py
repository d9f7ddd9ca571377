"""How a job ended or paused, from its exit code and the last thing it said. No database, no process: a pure reading."""

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftstudio.engine.faults import REFUSALS
from rftstudio.engine.launch import (
    EXIT_AUTHOR,
    EXIT_CANCELLED,
    EXIT_ENDED,
    EXIT_GRADER,
    EXIT_PAUSED,
    EXIT_SUCCEEDED,
    EXIT_UNKNOWN,
)
from rftstudio.runs.jobs import ENDED_STATUSES, Status

CULPRITS = {EXIT_AUTHOR: "author", EXIT_GRADER: "grader"}
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Verdict:
    """The end of a job. error: a sentence for a person, "" where it went well."""

    status: str
    error: str = ""
    culprit: str = ""


def judge(code: int, last: dict[str, Any] | None, *, wish: str = "", last_line: str = "") -> Verdict | None:
    """The end, or the pause, that exit code and last event tell of; None when the process was cut off and can go on.

    last: the event of type "finished" or "paused" at the end of the log, where there is one. wish: what a person
    asked for. last_line: of the job's own log, quoted when nothing better is known.
    """
    kind, data = (last or {}).get("type"), (last or {}).get("data", {})
    if kind == "finished" and data.get("status") in ENDED_STATUSES:
        status = str(data["status"])
        failed = status == Status.FAILED
        message = str((last or {}).get("message", ""))
        return Verdict(status, message if failed else "", str(data.get("culprit", "")) if failed else "")
    cancelled, cut_off = wish == "cancel", code < 0 or code == EXIT_ENDED
    if kind == "paused" or code == EXIT_PAUSED:
        return Verdict(Status.CANCELLED if cancelled else Status.PAUSED)
    if code == EXIT_CANCELLED or (cancelled and (cut_off or code == EXIT_SUCCEEDED)):
        return Verdict(Status.CANCELLED)
    if cut_off:
        return Verdict(Status.PAUSED) if wish == "pause" else None  # cut off where it had saved; resuming starts it
    if code in REFUSALS:  # there was no room to say so
        return Verdict(Status.CANCELLED) if cancelled else Verdict(Status.FAILED, REFUSALS[code].sentence, "system")
    said = f" The last line of its log: {last_line}" if last_line else " Its log is empty."
    return Verdict(
        Status.FAILED, f"The job ended with code {code} and did not say why.{said}", CULPRITS.get(code, "system")
    )


def gave_up(code: int, starts: int) -> Verdict:
    """When starting anew has not helped."""
    killed = -code if EXIT_UNKNOWN < code < 0 else 0
    how = ""
    if killed == signal.SIGKILL:
        how = " The system killed it, most often because memory ran out: choose fewer answers per step or shorter ones."
    elif killed:
        how = f" It crashed ({_signal_name(killed)}); the end of its log says where."
    return Verdict(
        Status.FAILED,
        f"The job broke off {starts} times without getting any further.{how} What it had saved until then is kept.",
        "system",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_event(directory: Path, *, after: int = 0) -> dict[str, Any] | None:
    """The event that ends `events.jsonl`, if it says that the job has finished or paused.

    after: how long the log was, in bytes, when the job was last resumed: what ended it before that is over.
    """
    path = directory / "events.jsonl"
    if not path.exists() or path.stat().st_size <= after:
        return None
    for line in reversed(_last_lines(path)):
        if '"finished"' not in line and '"paused"' not in line:
            return None
        try:
            row = json.loads(line)
        except ValueError:
            return None
        return row if row.get("type") in ("finished", "paused") else None
    return None


def last_log_line(directory: Path, *, longest: int = 300) -> str:
    """The last line of `log.txt` that says something."""
    for line in reversed(_last_lines(directory / "log.txt")):
        if line.strip():
            return line.strip()[:longest]
    return ""


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return []
