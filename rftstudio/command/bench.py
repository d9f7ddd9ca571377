"""`./studio bench`: the timings under tests/bench, run by the environment's Python."""

import subprocess
from collections.abc import Sequence

from rftstudio.command.environment import PYTHON, make_environment
from rftstudio.command.place import Place
from rftstudio.command.terminal import ROOT
from rftstudio.command.up import fetch_model


def run(arguments: Sequence[str]) -> int:
    """Times the trainer against stock TRL, with the arguments handed on; returns the exit status."""
    place = Place()
    make_environment("dev")
    fetch_model(place)
    return subprocess.call([PYTHON, "-m", "tests.bench.training", *arguments], cwd=ROOT, env=place.env)
