"""Jobs as child processes of this machine, each in a session and process group of its own.

A job outlives whoever started it. It is found again by process id, start time and nonce together, never by
"a process with that id exists". The kernel holds a lock on the directory for as long as the job lives, so
that two jobs never work in one directory, whatever races their supervisors ran.

    RFT_NONCE    in the child's environment: which start this is
    .lock        locked through a descriptor that the child inherits
"""

import contextlib
import fcntl
import os
import signal as signals
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from typing import Any

import psutil

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.job import MODULES, read_job
from rftstudio.engine.launch import EXIT_UNKNOWN, Busy

LOCK = ".lock"
LOG = "log.txt"
NONCE = "RFT_NONCE"
NICENESS = 5  # pages stay quick while both cores train; an idle machine loses nothing by it


@dataclass(frozen=True, slots=True)
class Handle:
    """A started job. `started`: when its process began, in the kernel's own counting (see `_start_mark`)."""

    pid: int
    started: str
    nonce: str
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        return {"pid": self.pid, "started": self.started, "nonce": self.nonce}


def start(
    directory: Path, *, env: dict[str, str], nonce: str = "", secrets: Mapping[str, str] = MappingProxyType({})
) -> Handle:
    """Run `python -m MODULE DIRECTORY` in its own session, output appended to `log.txt`.

    secrets: variables such as the keys of judges, by the names that `job.json` gives. They are the child's alone: no
    file gets them.
    """
    directory = directory.resolve()
    module = MODULES[read_job(directory).kind]
    nonce = nonce or token_hex(12)
    try:
        with (directory / LOCK).open("wb") as lock, (directory / LOG).open("ab") as log:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"Another process works in {directory} already.") from None
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(directory)],
                cwd=directory,
                env={**env, **secrets, NONCE: nonce},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
    except OSError as error:
        raise SystemFault(f"The job could not be started: {error}.") from error
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    return Handle(process.pid, _start_mark(process.pid), nonce, process)


def poll(handle: Handle) -> int | None:
    """None while it runs. The process is not reaped here, so that its id cannot pass to another before `collect`."""
    if handle.process is None:
        return None if _is_alive(handle) else EXIT_UNKNOWN
    if handle.process.returncode is not None:
        return handle.process.returncode
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return handle.process.poll()
    try:
        seen = os.waitid(os.P_PID, handle.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return EXIT_UNKNOWN
    if seen is None:
        return None
    return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status


def signal(handle: Handle, sig: signals.Signals) -> None:
    """SIGKILL goes to the whole group, any other signal to the job itself. No effect on a job that has ended."""
    if poll(handle) is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sig is signals.SIGKILL:
            os.killpg(handle.pid, sig)
        else:
            os.kill(handle.pid, sig)


def collect(handle: Handle) -> int:
    """The exit code of a job that has ended; whatever is left of its process group is killed."""
    code = poll(handle)
    if code is None:
        raise SystemFault(f"Process {handle.pid} still runs; there is nothing to collect yet.")
    # A group keeps its number from being given away while it has members, so a stranger with this id means it is empty.
    if _start_mark(handle.pid) in ("", handle.started):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(handle.pid, signals.SIGKILL)
    if handle.process is not None:
        handle.process.wait()
    return code


def adopt(data: dict[str, Any]) -> Handle | None:
    """The running job of a handle's JSON. With the nonce alone (its starter died in between) it is searched for."""
    nonce = data.get("nonce")
    if not nonce:
        return None
    if "pid" in data:
        handle = Handle(int(data["pid"]), str(data["started"]), str(nonce))
        return handle if _is_alive(handle) else None
    for process in psutil.process_iter():
        if _nonce_of(process) == nonce and _leads_its_session(process.pid):
            return Handle(process.pid, _start_mark(process.pid), str(nonce))
    return None


def memory(handle: Handle) -> int:
    """Bytes that the job and its children hold now; 0 when it is gone."""
    try:
        parent = psutil.Process(handle.pid)
        return sum(process.memory_info().rss for process in [parent, *parent.children(recursive=True)])
    except psutil.Error:
        return 0


def _is_alive(handle: Handle) -> bool:
    if _start_mark(handle.pid) != handle.started:
        return False
    try:
        process = psutil.Process(handle.pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return False
    except psutil.Error:
        return False
    return _nonce_of(process) == handle.nonce


def _leads_its_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def _nonce_of(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(NONCE, ""))
    except (psutil.Error, OSError):
        return ""


def _start_mark(pid: int) -> str:
    """When a process began, in a form that no correction of the clock changes; "" when there is none.

    Linux: the boot's id and clock ticks since boot (field 22 of /proc/PID/stat). Elsewhere: seconds.
    """
    try:
        if sys.platform == "linux":
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return f"{boot}:{stat.rpartition(')')[2].split()[19]}"
        return f"{psutil.Process(pid).create_time():.2f}"
    except (OSError, psutil.Error):
        return ""


__all__ = ["Handle", "adopt", "collect", "memory", "poll", "signal", "start"]
