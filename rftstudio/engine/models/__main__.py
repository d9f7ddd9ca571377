"""The command line of base models. Every line written is JSON; the last one holds the result or the error.

A token for the hub comes by the variable RFT_HUB_TOKEN, never by an argument. With --attended the process ends as soon
as its standard input is closed: it does not outlive whoever started it.
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import EngineError, SpecError, SystemFault
from rftstudio.engine.models.address import checked_revision, read_address

TOKEN = "RFT_HUB_TOKEN"
EVERY = 0.5  # seconds between two lines of progress


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    if given.attended:
        threading.Thread(target=_end_with_caller, daemon=True).start()
    try:
        result = {"look": _look, "fetch": _fetch, "read": _read}[given.command](given)
    except SpecError as error:
        _say({"error": {"kind": "spec", "message": error.message, "path": error.path, "fix": error.fix}})
        return 2
    except EngineError as error:
        _say({"error": {"kind": "system", "message": str(error)}})
        return 1
    except (OSError, ValueError, RuntimeError) as error:
        text = str(error).replace(os.environ.get(TOKEN) or "\0", "…")[:500]
        _say({"error": {"kind": "system", "message": f"It did not work: {text}"}})
        return 1
    _say({"result": result})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rftstudio.engine.models", description="Base models.")
    parser.add_argument("--attended", action="store_true", help="end when standard input is closed")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (("look", "what the hub says about a model"), ("fetch", "fetch a model from the hub")):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("hub_id", metavar="ORG/NAME", help="or the address of its page")
        command.add_argument("--revision", default="", help="a branch, a tag or a commit")
        if name == "fetch":
            command.add_argument("--into", type=Path, required=True, metavar="DIRECTORY")
    read = commands.add_parser("read", help="read and check a directory")
    read.add_argument("directory", type=Path, metavar="DIRECTORY")
    return parser


def _look(given: argparse.Namespace) -> dict[str, Any]:
    from rftstudio.engine.models.look import look
    from rftstudio.engine.models.offer import offer

    address, revision = _address(given)
    return offer(look(address, revision, token=os.environ.get(TOKEN, "")))


def _fetch(given: argparse.Namespace) -> dict[str, Any]:
    from rftstudio.engine.models.fetch import fetch
    from rftstudio.engine.models.look import look

    address, revision = _address(given)
    token = os.environ.get(TOKEN, "")
    if len(revision) != 40:
        revision = look(address, revision, token=token).commit
    return fetch(address, revision, given.into.resolve(), report=_Progress(), token=token)


def _read(given: argparse.Namespace) -> dict[str, Any]:
    from rftstudio.engine.models.contents import read_directory
    from rftstudio.engine.models.refusals import require_usable
    from rftstudio.engine.models.seal import facts_of

    contents = read_directory(given.directory)
    require_usable(contents)
    total = sum(contents.files[name] for name in contents.wanted)
    progress = _Progress()
    return facts_of(given.directory, contents, lambda done: progress(done, total, ""))


def _address(given: argparse.Namespace) -> tuple[str, str]:
    address = read_address(given.hub_id)
    revision = given.revision or address.revision
    return address.hub_id, checked_revision(revision) if revision else ""


class _Progress:
    def __init__(self) -> None:
        self.said = 0.0

    def __call__(self, done: int, total: int, file: str) -> None:
        now = time.monotonic()
        if now - self.said >= EVERY or done == total:
            self.said = now
            _say({"done": done, "total": total, "file": file})


def _say(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


def _end_with_caller() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through sys.stdin: its lock would be held when the process ends
        pass
    os._exit(3)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SystemFault as fault:
        print(fault, file=sys.stderr)
        sys.exit(1)
