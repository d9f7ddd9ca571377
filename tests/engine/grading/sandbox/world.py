"""What surrounds a jail in these tests: files, servers and processes that an attack could reach, and that notice it."""

import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

from rftstudio.engine.grading.sandbox import layers
from rftstudio.engine.grading.sandbox.syscalls import numbers

PLANTED = ("canary", "planted.py", "planted_too.py", "renamed", "mode", "note", "huge", "link", "fifo", "node")


class World:
    """A folder that anyone may write to, servers that count who called, and the secret in the environment."""

    def __init__(self) -> None:
        os.environ["RFT_TEST_SECRET"] = "hunter2"
        self.folder = tempfile.mkdtemp(prefix="rft-attacks-")
        os.chmod(self.folder, 0o777)
        self.calls: list[str] = []
        files = {name: os.path.join(self.folder, name) for name in ("secret", "writable", "removable", "renamable")}
        files["touchable"] = os.path.join(self.folder, "touchable")
        for path in files.values():
            Path(path).write_text("topsecret")
            os.chmod(path, 0o666)
        tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(os.path.join(self.folder, "unix"))
        os.chmod(os.path.join(self.folder, "unix"), 0o777)
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0rft-attacks-{os.getpid()}")
        for name, server in (("tcp", tcp), ("unix", unix), ("abstract", abstract)):
            server.listen(8)
            threading.Thread(target=self._serve, args=(name, server), daemon=True).start()
        self.item: dict[str, Any] = {
            "pid": os.getpid(),
            "port": tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "unix": os.path.join(self.folder, "unix"),
            "abstract": f"rft-attacks-{os.getpid()}",
            "source": layers.__file__,
            "folder": self.folder,
            "nr": dict(numbers()),
            **files,
        }

    def _serve(self, name: str, server: socket.socket) -> None:
        while True:
            connection, _ = server.accept()
            self.calls.append(name)
            connection.close()

    def noticed(self) -> list[str]:
        """Everything that should not have happened, by name; empty where nothing did."""
        found = list(self.calls)
        try:
            self.udp.recv(10)
            found.append("udp")
        except BlockingIOError:
            pass
        found += [name for name in PLANTED if os.path.lexists(os.path.join(self.folder, name))]
        for name in ("secret", "writable", "removable", "renamable"):
            path = Path(self.folder) / name
            if not path.exists() or path.read_text() != "topsecret":
                found.append(name)
        beside = Path(layers.__file__).parent / "planted.py"
        library = Path(os.__file__).parent / "planted_too.py"
        return found + [str(path) for path in (beside, library) if path.exists()]

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
