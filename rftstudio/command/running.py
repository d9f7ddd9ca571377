"""What runs on this machine, by command line.

On Linux it is read from /proc: `ps` is missing in small containers, and cuts its lines where COLUMNS says so.
"""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

TRIES = 10  # a program that has only just been started has no command line for some milliseconds


def commands() -> dict[int, str]:
    """The command line of every process that may be looked at, by its id; words with a space between."""
    if sys.platform == "linux":
        return _of_proc(Path("/proc"))
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True).stdout
    lines = (line.split(maxsplit=1) for line in listing.decode(errors="replace").splitlines())
    return {int(words[0]): words[1] for words in lines if len(words) == 2}


def _of_proc(proc: Path) -> dict[int, str]:
    found = {}
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                found[int(entry.name)] = " ".join(_words_of(entry))
    return found


def _words_of(entry: Path) -> list[str]:
    """Raises `OSError` for a process that has ended, that belongs to somebody else, or to the kernel."""
    told = b""
    for _ in range(TRIES):
        told = (entry / "cmdline").read_bytes()
        if told:
            break
        (entry / "exe").readlink()  # the kernel's own processes have no program
        time.sleep(0.01)
    return told.decode(errors="replace").rstrip("\0").split("\0")
