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

import psutil
from django.conf import settings

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.launch.environment import environment

FOLDER = "smollm2-135m-instruct"  # under MODELS_DIR
IDLE_SECONDS = 3600
PAGE_SECONDS = 25.0  # somebody waits for a page
START_SECONDS = 300.0  # a start that takes longer has gone wrong
_DIRECT = build_opener(ProxyHandler({}))


class StillStarting(SystemFault):
    """It has been started and does not answer yet."""


def address() -> str:
    """Where it is, or will be, found on this machine. Starts nothing."""
    with _alone() as folder:
        return _url(_port(folder))


def ensure_running(*, wait: float = PAGE_SECONDS) -> str:
    """Its address, once it answers; it is started where nobody did.

    Raises `StillStarting` after `wait` seconds, `SystemFault` where it cannot be started.

    A start goes on when nobody waits for it any longer: whoever asks next finds it further.
    """
    end = time.monotonic() + wait
    moved = False
    while True:
        with _alone() as folder:
            port = _port(folder, fresh=moved)
            if _answers(port):
                return _url(port)
            process = _starting(folder) or _launch(folder, port)
        problem = _watch(process, port, folder, end)
        if not problem:
            return _url(port)
        if moved or "in use" not in problem:
            raise SystemFault(f"The weak judge could not be started: {problem}")
        moved = True  # another program listens there


def _launch(folder: Path, port: int) -> psutil.Process:
    model = Path(settings.MODELS_DIR) / FOLDER
    if not (model / "config.json").is_file():
        raise SystemFault(
            "The studio’s own model is not on this machine yet. "
            "Start the studio again with ./studio up, which fetches it."
        )
    command = [sys.executable, "-P", "-m", "rftstudio.engine.inference.serve_judge"]
    command += ["--model", str(model), "--port", str(port), "--idle", str(IDLE_SECONDS)]
    with (folder / "log.txt").open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = psutil.Process(child.pid)
    (folder / "process").write_text(f"{process.pid} {process.create_time()}")
    return process


def _starting(folder: Path) -> psutil.Process | None:
    """The process that an earlier call started, while it lives."""
    try:
        pid, began = (folder / "process").read_text().split()
        process = psutil.Process(int(pid))
        return None if str(process.create_time()) != began or _ended(process) else process
    except (OSError, ValueError, psutil.Error):
        return None


def _watch(process: psutil.Process, port: int, folder: Path, end: float) -> str:
    """Nothing once it answers; else why it ended. Raises `StillStarting` when the time is up."""
    while time.monotonic() < end:
        if _answers(port):
            return ""
        if _ended(process):
            said = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return said[-1][:300] if said else "it gave no reason."
        time.sleep(0.1)
    if time.time() - process.create_time() > START_SECONDS:
        process.kill()
        return f"it did not answer within {START_SECONDS:.0f} seconds."
    raise StillStarting("The weak judge is still starting. Ask again in a minute.")


def _ended(process: psutil.Process) -> bool:
    try:
        process.wait(timeout=0)  # also takes leave of a child of our own
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


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
