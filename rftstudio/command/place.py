"""Where the studio runs: HOST, PORT, DATA_DIR, and whether disk, port and folder are free for it."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rftstudio.command.running import commands
from rftstudio.command.terminal import ROOT, Refusal, say

GIGABYTE = 10**9  # bytes
EVERYWHERE = ("0.0.0.0", "::")


class Place:
    """HOST, PORT and DATA_DIR as given, made absolute; raises Refusal when one of them cannot be used.

    env: the environment for every process of the studio. probe: where the web server answers from this machine.
    """

    def __init__(self) -> None:
        self.host = os.environ.get("HOST") or "127.0.0.1"
        text = os.environ.get("PORT") or "8000"
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise Refusal(f"PORT={text} is not a port. Give a number from 1 to 65535: PORT=8000 ./studio up")
        self.port = int(text)
        self.data = Path(os.environ.get("DATA_DIR") or ROOT / ".data").expanduser().resolve()
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.data):
                pass
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Refusal(f"DATA_DIR={self.data} cannot be written: {reason}. Name a folder that you own.") from None
        name = socket.gethostname() if self.host in EVERYWHERE else self.host
        self.bind = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        self.url = f"http://[{name}]:{self.port}" if ":" in name else f"http://{name}:{self.port}"
        self.probe = ("127.0.0.1" if self.host in EVERYWHERE else self.host, self.port)
        named = {"HOST": self.host, "PORT": str(self.port), "DATA_DIR": str(self.data)}
        ours = {"DJANGO_SETTINGS_MODULE": "rftstudio.settings", "PYTHONUNBUFFERED": "1"}
        hosts = ["localhost", "127.0.0.1", "[::1]", f"[{name}]" if ":" in name else name, f"{name}.local"]
        self.env = {"ALLOWED_HOSTS": ",".join(dict.fromkeys(hosts)), **os.environ, **named, **ours}
        self.record = self.data / "studio.json"

    def claim(self) -> None:
        """Holds DATA_DIR until this process ends; raises Refusal when another studio holds it."""
        # Held open on purpose: the lock goes with the file, however this process ends.
        self.held = open(self.data / "studio.lock", "a")  # noqa: SIM115
        before = {}
        with contextlib.suppress(OSError, ValueError):
            before = json.loads(self.record.read_text())
        try:
            fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refusal(
                f"Another studio is running with DATA_DIR={self.data}, at {before.get('url', 'an unknown address')} "
                f"(process {before.get('process', 'unknown')}).\n  Use that one, stop it with Ctrl-C in its terminal, "
                "or name another DATA_DIR."
            ) from None
        self._end_leftovers(before.get("children", []))

    def _end_leftovers(self, groups: Iterable[int]) -> None:
        """A studio that was killed outright could not stop its children: known by the paths in their commands."""
        left, running = [], commands()
        for group in groups:
            shown = running.get(group, "")
            if str(ROOT / ".venv") in shown or str(self.data) in shown:
                say(f"  Stopping process {group}, left behind by a studio that was killed")
                left.append(group)
        for group in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(group, signal.SIGTERM)
        if left:
            time.sleep(2)
        for group in left:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def note(self, children: Iterable[int]) -> None:
        """Writes down who runs here (process groups), for a later `claim`."""
        self.record.write_text(json.dumps({"process": os.getpid(), "url": self.url, "children": list(children)}))


def check_disk(folder: Path, needed: float, purpose: str) -> None:
    """Raises Refusal when fewer than `needed` bytes are free on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refusal(
            f"The disk is nearly full: {free / GIGABYTE:.1f} GB are free at {folder} and {purpose} needs "
            f"{needed / GIGABYTE:.1f} GB.\n  Free some space, or put the studio and its DATA_DIR on a larger disk."
        )


def check_port(host: str, port: int) -> None:
    """Raises Refusal when nothing can listen there; names a free port when somebody else does already."""

    def problem(number: int) -> OSError | None:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError as error:
                return error
        return None

    error = problem(port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        free = next((number for number in range(port + 1, min(port + 50, 65536)) if not problem(number)), 8000)
        raise Refusal(
            f"Port {port} is taken by another program.\n  Stop it, or choose another port: PORT={free} ./studio up"
        )
    if error.errno == errno.EACCES:
        raise Refusal(f"Port {port} may only be opened by root. Choose another: PORT=8000 ./studio up")
    raise Refusal(f"Nothing can listen on HOST={host} PORT={port}: {error}. Give HOST an address of this machine.")
