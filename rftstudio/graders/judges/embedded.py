"""The studio's own small model as a judge: a server on this machine, started when somebody asks it, gone when idle.

One for each data directory and machine, whoever started it. Its port is kept, so that a job which was launched long
before it starts finds the judge where `job.json` says. The server itself is the engine's (`inference/serve_judge.py`).
"""

import fcntl
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from django.conf import settings

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.launch.environment import environment

FOLDER = "smollm2-135m-instruct"  # under MODELS_DIR
IDLE_SECONDS = 900
START_SECONDS = 90.0
_DIRECT = build_opener(ProxyHandler({}))


def address() -> str:
    """Where it is, or will be, found on this machine. Starts nothing."""
    with _alone() as folder:
        return _url(_port(folder))


def ensure_running() -> str:
    """Its address, once it answers; seconds where it has to be started. Raises `SystemFault`."""
    with _alone() as folder:
        port = _port(folder)
        if not _answers(port):
            try:
                _start(folder, port)
            except _PortTaken:
                port = _port(folder, fresh=True)
                _start(folder, port)
        return _url(port)


class _PortTaken(SystemFault):
    """Another program listens where the judge should."""


def _start(folder: Path, port: int) -> None:
    model = Path(settings.MODELS_DIR) / FOLDER
    if not (model / "config.json").is_file():
        raise SystemFault(
            "The studio’s own model is not on this machine yet. "
            "Start the studio again with ./studio up, which fetches it."
        )
    command = [sys.executable, "-P", "-m", "rftstudio.engine.inference.serve_judge"]
    command += ["--model", str(model), "--port", str(port), "--idle", str(IDLE_SECONDS)]
    log = folder / "log.txt"
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise SystemFault(f"The weak judge could not be started: {error}.") from error
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no reason given"]
            kind = _PortTaken if "in use" in said[0] else SystemFault
            raise kind(f"The weak judge could not be started: {said[0][:300]}")
        if _answers(port):
            return
        time.sleep(0.1)
    process.kill()
    raise SystemFault(f"The weak judge did not start within {START_SECONDS:.0f} seconds.")


def _answers(port: int) -> bool:
    """Whether our judge, and not some other server, answers there."""
    try:
        with _DIRECT.open(f"{_url(port)}/models", timeout=3) as reply:
            rows = json.loads(reply.read(65_536))["data"]
    except (URLError, OSError, ValueError, KeyError, TypeError):
        return False
    return bool(rows and rows[0].get("weak") and rows[0].get("id") == FOLDER)


def _port(folder: Path, *, fresh: bool = False) -> int:
    file = folder / "port"
    kept = file.read_text() if file.exists() and not fresh else ""
    if kept.isdigit():
        return int(kept)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    file.write_text(str(port))
    return port


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1"


@contextmanager
def _alone() -> Iterator[Path]:
    """The judge's folder, for one process at a time."""
    folder = Path(settings.DATA_DIR) / "judge" / (platform.node() or "here")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    except OSError as error:
        raise SystemFault(f"The weak judge’s folder cannot be used: {error}.") from error
