"""A throw-away PostgreSQL server for the tests, from Debian's package: no password, no durability, local."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rftstudio.command.terminal import Refusal


def programs() -> Path:
    """The folder of initdb and pg_ctl, of the newest version there is; raises Refusal where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise Refusal("The PostgreSQL tests need initdb and pg_ctl. Install postgresql, or use --fast.")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A running server's address, as DATABASE_URL takes it; the server and its files go when the block ends."""
    folder = programs()
    owner = "postgres" if os.geteuid() == 0 else None  # initdb refuses to run as root
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="studio-postgres-") as scratch:
        if owner:
            shutil.chown(scratch, owner)
        cluster = str(Path(scratch) / "cluster")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"

        def run(*command: str) -> None:
            done = subprocess.run(
                command, user=owner, cwd=scratch, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True
            )
            if done.returncode:
                raise Refusal(f"PostgreSQL did not start: {(done.stderr or done.stdout).strip()}")

        run(f"{folder}/initdb", "-D", cluster, "-A", "trust", "-U", "studio", "-E", "UTF8", "--no-sync")
        run(f"{folder}/pg_ctl", "-D", cluster, "-w", "-l", f"{scratch}/log", "-o", options, "start")
        try:
            yield f"postgres://studio@127.0.0.1:{port}/postgres"
        finally:
            run(f"{folder}/pg_ctl", "-D", cluster, "-m", "immediate", "stop")
