"""The command line of evaluation: `python -m rftstudio.engine.inference JOB_DIR`."""

import argparse
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m rftstudio.engine.inference", description="Run an evaluation job.")
    parser.add_argument("directory", type=Path, metavar="JOB_DIR")
    directory = parser.parse_args(arguments).directory
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from rftstudio.engine.inference.evaluation import run

    return run(directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
