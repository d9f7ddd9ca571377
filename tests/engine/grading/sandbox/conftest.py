"""Results of the programs that attack: each run once, however many tests look at it, in however many processes."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
LONGEST = 240  # seconds; an idle machine takes about seven
Run = Callable[..., Any]


def command(user: str, program: str, *arguments: str, flags: tuple[str, ...] = ()) -> list[str]:
    """A program of this folder, run as `root` or as an ordinary `user`."""
    through = [str(HERE / "ordinary.py")] if user == "user" and os.getuid() == 0 else []
    return [sys.executable, *through, *flags, str(HERE / program), *arguments]


@pytest.fixture(scope="session")
def run_program(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What a program prints, as JSON; kept for the other test processes."""
    place = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        place = place.parent

    def run(user: str, program: str, *arguments: str, flags: tuple[str, ...] = ()) -> Any:
        if user == "root" and os.getuid() != 0:
            pytest.skip("these tests do not run as root")
        name = "-".join([user, Path(program).stem, *flags, *arguments]).replace("/", "_").replace(" ", "_")[:150]
        kept = place / f"sandbox-{name}.json"
        with (place / f"sandbox-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                done = subprocess.run(
                    command(user, program, *arguments, flags=flags), capture_output=True, text=True, timeout=LONGEST
                )
                if done.returncode and "ordinary.py" in done.stderr and "not permitted" in done.stderr:
                    pytest.skip("this root may not make mounts, so that no ordinary user can reach this Python")
                assert done.returncode == 0, done.stderr[-2000:]
                kept.write_text(done.stdout)
        return json.loads(kept.read_text())

    return run


@pytest.fixture
def combinations() -> dict[str, str]:
    """Combinations that this kernel has all layers for, and why it has not the others."""
    from rftstudio.engine.grading.sandbox import detect, layers

    if not hasattr(detect, "_tested"):
        found = {one.name: detect.look(one.name) for one in layers.COMBINATIONS}
        detect._tested = {name: "" if one.combination else one.refusal for name, one in found.items()}
    return detect._tested
