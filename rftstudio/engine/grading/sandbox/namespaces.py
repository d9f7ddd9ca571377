"""User, mount, process, network and other namespaces: a machine with Python's libraries on it and nothing else.

Its root is a read-only tmpfs with the given paths bound into it; the network has not even a loopback that is up; the
first process of its process tree is the zygote. Needs no root. Must be called before there is a second thread.
"""

import ctypes
import os
from collections.abc import Iterable

from rftstudio.engine.grading.sandbox import kernel
from rftstudio.engine.grading.sandbox.layers import LayerFault
from rftstudio.engine.grading.sandbox.syscalls import numbers

SCRATCH = "/scratch"
SCRATCH_MB, SCRATCH_INODES = 16, 1024
NOBODY = 65534

_NEW_ALL = 0x7E020000  # user, mount, pid, net, ipc, uts and cgroup namespaces
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_RECURSIVE, _AT_FDCWD, _DETACH = 0x8000, -100, 2
_STAGE = "/sys"  # every Linux has this folder and no library lies in it; the new root is put together on top of it


def enter(*, bind: Iterable[str], hide: Iterable[str] = ()) -> int:
    """Returns 0 inside, and outside the id of the process inside, which the caller has to wait for.

    bind: files and folders that are seen under their own paths, read-only. hide: folders among them to be covered by
    an empty one. Raises `LayerFault`.
    """
    step = "unshare"
    try:
        user, group = os.getuid(), os.getgid()
        kernel.call(numbers()["unshare"], _NEW_ALL)
        step = "the map of users"
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{NOBODY} {user} 1"),
            ("gid_map", f"{NOBODY} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(line)
        child = os.fork()
        if child:
            return child
        step = "the mounts"
        _build(sorted(set(bind)), hide)
        return 0
    except OSError as error:
        raise LayerFault("namespaces", f"{step}: {error.strerror}") from None


def _build(bind: list[str], hide: Iterable[str]) -> None:
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("none", _STAGE, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for path in bind:
        target = _STAGE + path
        if os.path.islink(path):
            _link(path, target)
            continue
        if os.path.isdir(path):
            os.makedirs(target, exist_ok=True)
        elif os.path.isfile(path):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            open(target, "w").close()
        else:
            continue
        _mount(path, target, None, _BIND | _REC)
        _read_only(target, _RECURSIVE)
    for path in hide:
        if os.path.isdir(_STAGE + path):
            _mount("none", _STAGE + path, "tmpfs", _NOSUID | _NODEV, "size=4k,mode=555")
            _read_only(_STAGE + path, 0)
    os.makedirs(_STAGE + SCRATCH)
    options = f"size={SCRATCH_MB}m,nr_inodes={SCRATCH_INODES},mode=700"
    _mount("none", _STAGE + SCRATCH, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    os.chdir(_STAGE)
    kernel.call(numbers()["pivot_root"], b".", b".")
    kernel.call(numbers()["umount2"], b".", _DETACH)
    os.chdir("/")
    _read_only("/", 0)


def _link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.lexists(target):
        os.symlink(os.readlink(path), target)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    kernel.call(numbers()["mount"], *texts, flags, os.fsencode(data) if data else None)


def _read_only(path: str, flags: int) -> None:
    wanted = (ctypes.c_uint64 * 4)(_ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0, 0, 0)
    kernel.call(numbers()["mount_setattr"], _AT_FDCWD, os.fsencode(path), flags, ctypes.byref(wanted), 32)
