"""`./studio bench`: the timings under tests/bench, run by the environment's Python."""

import subprocess
from collections.abc import Sequence

from rftstudio.command.environment import PYTHON, make_environment
from rftstudio.command.place import Place
from rftstudio.command.terminal import BOLD, ROOT, paint, say
from rftstudio.command.up import fetch_model

EVERYTHING = (
    ("a training step, shape A", ("tests.bench.training", "--shape", "A")),
    ("a training step, shape B", ("tests.bench.training", "--shape", "B")),
    ("a training step, shape C", ("tests.bench.training", "--shape", "C")),
    ("sampling against generate", ("tests.bench.sampling",)),
    ("what the studio adds", ("tests.bench.studio",)),
    ("graders", ("tests.bench.grading",)),
    ("judges", ("tests.bench.judges",)),
)


def run(arguments: Sequence[str]) -> int:
    """With arguments, the trainer against stock TRL; without, every timing there is. Returns the exit status."""
    place = Place()
    make_environment("dev")
    fetch_model(place)
    if arguments:
        return subprocess.call([PYTHON, "-m", "tests.bench.training", *arguments], cwd=ROOT, env=place.env)
    codes = []
    for title, command in EVERYTHING:
        say(f"\n{paint(f'== {title}', BOLD)}")
        codes.append(subprocess.call([PYTHON, "-m", *command], cwd=ROOT, env=place.env))
    return max(codes)
