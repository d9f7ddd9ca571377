"""Landlock: what of the disk is left to a process that may otherwise call `open`. Its version is asked of the kernel.

Access is granted to single files and to folders with all that is below them; everything else is denied, and so are TCP
and, from version 6 on, signals and abstract sockets towards the outside. It does not hide that a path exists: `stat`
is no access. See landlock(7).
"""

import ctypes
import os
import struct
from collections.abc import Iterable

from rftstudio.engine.grading.sandbox import kernel
from rftstudio.engine.grading.sandbox.layers import LayerFault
from rftstudio.engine.grading.sandbox.syscalls import numbers

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REGULAR = 1 << 7, 1 << 8
TRUNCATE = 1 << 14
SCRATCH = WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REGULAR | TRUNCATE
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
_NET, _SCOPES = 0b11, 0b11  # bind and connect of TCP; abstract unix sockets and signals
_VERSION = 1
_PATH_BENEATH = 1


def version() -> int:
    """The kernel's Landlock ABI, 0 where there is none."""
    table = numbers()
    try:
        return kernel.call(table["landlock_create_ruleset"], None, 0, _VERSION) if table else 0
    except OSError:
        return 0


def restrict(*, read: Iterable[str], look: Iterable[str] = (), write: Iterable[str] = ()) -> None:
    """Leave these paths to this process, for good. look: folders whose names may be listed. Raises `LayerFault`."""
    abi = version()
    if not abi:
        raise LayerFault("landlock", "this kernel has no Landlock, or it is switched off")
    table, handled = numbers(), _RIGHTS[min(abi, 5)]
    try:
        attributes = struct.pack("=QQQ", handled, _NET if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
        size = 8 if abi < 4 else 16 if abi < 6 else 24
        rules = kernel.call(table["landlock_create_ruleset"], ctypes.create_string_buffer(attributes, 24), size, 0)
        for paths, rights in ((read, READ_FILE | READ_DIR), (look, READ_DIR), (write, SCRATCH)):
            for path in paths:
                _grant(table["landlock_add_rule"], rules, path, rights & handled)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.call(table["landlock_restrict_self"], rules, 0)
        os.close(rules)
    except OSError as error:
        raise LayerFault("landlock", f"the kernel refused the rules: {error.strerror}") from None


def _grant(add_rule: int, rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return  # what is not there, or cannot be reached anyway, needs no right
    try:
        if not os.path.isdir(path):
            rights &= _FILE_RIGHTS
        if rights:
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
            kernel.call(add_rule, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(place)
