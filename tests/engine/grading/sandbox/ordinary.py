"""Run a program as an ordinary user: `python ordinary.py PROGRAM ARGUMENTS`. From root it becomes `nobody` for good.

Python may lie where only root can look, such as below root's own home. In mounts of its own, this program then covers
such a folder with one that anyone may pass through, and puts Python's folder back into it. Standard library only.
"""

import ctypes
import os
import sys
from pathlib import Path

NOBODY = 65534
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def closed_to_others(path: Path) -> Path | None:
    """The uppermost folder on the way to `path` that only its owner may pass through."""
    for folder in [*reversed(path.parents), path]:
        if not os.stat(folder).st_mode & 0o001:
            return folder
    return None


def open_the_way(paths: list[Path]) -> None:
    """Let everybody reach these folders, in this process's own mounts. Needs root; raises `OSError`."""
    hidden = [path for path in paths if closed_to_others(path)]
    if not hidden:
        return
    _check(_libc.unshare(0x20000))
    _check(_libc.mount(None, b"/", None, ctypes.c_ulong(16384 | 1 << 18), None))
    held = {path: os.open(path, os.O_PATH) for path in hidden}
    for folder in dict.fromkeys(closed_to_others(path) for path in hidden):
        _check(_libc.mount(b"none", os.fsencode(str(folder)), b"tmpfs", ctypes.c_ulong(6), b"mode=755,size=1m"))
    for path, place in held.items():
        path.mkdir(parents=True, exist_ok=True)
        _check(
            _libc.mount(f"/proc/self/fd/{place}".encode(), os.fsencode(path), None, ctypes.c_ulong(4096 | 16384), None)
        )
        os.close(place)


def main() -> None:
    if os.getuid() == 0:
        root = Path(__file__).resolve().parents[4]
        open_the_way(list(dict.fromkeys(Path(path).resolve() for path in (sys.base_prefix, sys.prefix, root))))
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.environ["HOME"] = "/"
    os.chdir("/")
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    main()
