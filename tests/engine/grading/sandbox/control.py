"""Every attack in a plain process of an ordinary user, so that each is known to work: prints {name: what it did}.

Each runs in a child of its own, under limits that keep this machine safe and are above the sandbox's. Run through
`ordinary.py`; it refuses to be root.
"""

import fcntl
import json
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from tests.engine.grading.sandbox.attacks import ATTACKS, Attack
from tests.engine.grading.sandbox.world import World

PATIENCE = 0.3
SLOW = 10.0  # for attacks that are to come to their end
BECOMES = 43


def observe(attack: Attack, item: dict[str, Any]) -> str:
    """Run one attack in a child. through, refused, hangs, dies, raises, wild or becomes."""
    read, write = _pipe_out_of_reach()
    child = os.fork()
    if not child:
        os.close(read)
        tell = os.write
        try:
            _limit()
            word = _run(attack, item)
            tell(write, word.encode())
        finally:
            os._exit(0)
    os.close(write)
    status = _wait(child, PATIENCE if attack.control == "hangs" else SLOW)
    word = os.read(read, 100).decode()
    os.close(read)
    if status is None:
        return "hangs"
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == BECOMES:
        return "becomes"
    return word or "dies"


def _pipe_out_of_reach() -> tuple[int, int]:
    """A pipe whose numbers no attack writes to or closes."""
    moved = []
    for end in os.pipe():
        moved.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 300))
        os.close(end)
    return moved[0], moved[1]


def _run(attack: Attack, item: dict[str, Any]) -> str:
    # What a careless parent would leave open.
    others = [os.open("/tmp", os.O_RDONLY), os.open(item["secret"], os.O_RDONLY), *os.pipe()]
    os.set_blocking(others[-1], False)
    sink = os.dup(os.open(os.devnull, os.O_WRONLY))
    space: dict[str, Any] = {"__name__": "grader"}
    try:
        exec(compile(attack.source, "<attack>", "exec"), space)
        value = space["grade"]({}, {**item, "plain": True, "fd": sink})
    except BaseException as error:
        return "raises" if attack.control == "raises" else f"raises {type(error).__name__}: {error}"[:90]
    if type(value) is not float or not math.isfinite(value):
        return "wild"
    return "through" if value == 1.0 else "refused"


def _limit() -> None:
    for which, value in (
        (resource.RLIMIT_AS, 10 << 30),
        (resource.RLIMIT_CPU, 20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 64 << 20),
    ):
        resource.setrlimit(which, (value, value))


def _wait(child: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    if os.getuid() == 0:
        sys.exit("Not as root: what is tried here would succeed.")
    sys.stdout.flush()
    quiet = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 300)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(null, 2)
    world = World()
    found = {name: observe(attack, world.item) for name, attack in ATTACKS.items()}
    os.write(quiet, json.dumps(found).encode())
    world.remove()


if __name__ == "__main__":
    main()
