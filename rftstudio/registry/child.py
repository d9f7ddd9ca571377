"""The engine's process that looks at a hub, fetches from it or reads a directory: started, listened to, ended.

The hub's answers and the files of strangers are read there, where there is neither database nor key; a token reaches
it by the environment.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from rftstudio.engine.errors import EngineError, SpecError, SystemFault
from rftstudio.engine.launch.environment import environment
from rftstudio.engine.models.__main__ import TOKEN
from rftstudio.engine.models.memory import KEEP_FREE, free_disk, size

LOOK_SECONDS = 40.0  # somebody waits for a page
HEARTBEAT = 1.0  # seconds at the most between two rows
PASSED_ON = ("TRAINING_MACHINE", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "RFT_EMBEDDED_WHEEL")
Row = Mapping[str, Any]


def look(*, hub_id: str, revision: str, token: str) -> dict[str, Any]:
    """What the hub says (`engine/models/offer.py`). Raises `SpecError` at a form's field, `SystemFault`."""
    command = ["rftstudio.engine.models", "look", hub_id]
    if revision:
        command += ["--revision", revision]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", *command],
            env=_variables(token), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=LOOK_SECONDS, check=False, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SystemFault("The hub takes too long to answer. Try again later.") from None
    except OSError as error:
        raise SystemFault(f"The hub could not be asked: {error}.") from error
    last = _row(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "")
    offer = result_of(last, done.returncode)
    free = free_disk(Path(settings.MODELS_DIR))
    if offer["total_bytes"] + KEEP_FREE > free:
        message = f"It needs {size(offer['total_bytes'])} of disk, and {size(free)} are free where models are kept."
        fix = f"Free some space; {size(KEEP_FREE)} are left alone."
        offer["refusals"].append({"kind": "disk", "message": message, "fix": fix})
    return offer | {"disk_free": free}


def result_of(row: Row, code: int) -> dict[str, Any]:
    """The result of a last row. Raises what it says, `SystemFault` where it says nothing."""
    if isinstance(row.get("result"), dict):
        return dict(row["result"])
    raise error_of(row, code)


def error_of(row: Row, code: int) -> EngineError:
    error = row.get("error")
    if not isinstance(error, dict):
        return SystemFault(f"The process that was to do it ended with code {code} and gave no reason.")
    if error.get("kind") == "spec":
        return SpecError(str(error["message"]), path=str(error.get("path") or ""), fix=str(error.get("fix") or ""))
    return SystemFault(str(error.get("message")))


@contextmanager
def working(module: str, *arguments: str, token: str = "") -> Iterator[tuple[Iterator[Row], "subprocess.Popen[str]"]]:
    """A process and its rows as they come, with an empty one every second of silence; killed at the end.

    It notices when this one dies, since its standard input is closed then.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        env=_variables(token), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    )  # fmt: skip
    try:
        yield _rows(process), process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _rows(process: "subprocess.Popen[str]") -> Iterator[Row]:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_copy, args=(process.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=HEARTBEAT)
        except queue.Empty:
            yield {}
            continue
        if line is None:
            process.wait()
            return
        if line.strip():
            yield _row(line)


def _copy(stream: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:
        pass  # closed meanwhile
    finally:
        lines.put(None)


def _row(line: str) -> Row:
    """JSON as the engine writes it; any other line is something for people."""
    try:
        row = json.loads(line)
    except ValueError:
        return {"said": line.strip()}
    return row if isinstance(row, dict) else {"said": line.strip()}


def _variables(token: str) -> dict[str, str]:
    chosen = environment(os.environ, offline=False) | {"HF_ENDPOINT": settings.HF_ENDPOINT}
    chosen |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if token:
        chosen[TOKEN] = token
    return chosen
