"""The command line of evaluation: `python -m rftstudio.engine.inference JOB_DIR`."""

import argparse
import sys
from pathlib import Path

from rftstudio.engine.process import settle_process


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m rftstudio.engine.inference", description="Run an evaluation job.")
    parser.add_argument("directory", type=Path, metavar="JOB_DIR")
    directory = parser.parse_args(arguments).directory
    settle_process()
    from rftstudio.engine.inference.evaluation import run

    return run(directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
