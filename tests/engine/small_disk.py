"""A disk that is soon full: a memory file system of its own where root may mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, *, kilobytes: int) -> Iterator[Path]:
    """`at`, mounted with so much room. Skips the test where nothing can be mounted."""
    at.mkdir(parents=True, exist_ok=True)
    options = f"size={kilobytes}k,mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def resize(at: Path, *, kilobytes: int) -> None:
    """Give a small disk more or less room, whatever is on it."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(at)], check=True)


def fill(at: Path, *, leave: int = 0) -> Path:
    """A file that takes all the room but `leave` bytes."""
    filler = at / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
        if leave:
            file.truncate(max(0, os.fstat(file.fileno()).st_size - leave))
    return filler
