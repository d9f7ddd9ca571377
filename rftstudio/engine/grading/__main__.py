"""`python -m rftstudio.engine.grading < cases.jsonl`: one {"grader", "item", "sample"} a line in, one Grade a line out.

With `--judges FILE` graders may ask judges: a JSON list of {"name", "base_url", "model", "key_env", …}. `--secret NAME`
names a variable that an `endpoint` grader may send. Lines are then graded many at a time, and come out in order.

`item` is a whole item with its messages, or just an object of fields. `sample` is a text or {"output_text": …}.
Output keeps the order of the input, one line for each line that is not blank. A line that cannot be read gives
{"line": n, "error": {"path", "message", "fix"}} and exit code 2; a grader that could not give a score is a Grade.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, parse_spec
from rftstudio.engine.grading.grade import Case, grade_cases
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.types import Item, Sample

AT_ONCE = 512  # lines, where graders wait for others
MAX_LINE_BYTES = 32 * 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Grade the lines of standard input. Returns the exit code: 0, or 2 when a line was bad."""
    parser = argparse.ArgumentParser(
        prog="python -m rftstudio.engine.grading", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--judges", type=Path, metavar="FILE", help="judges that graders may ask, JSON")
    parser.add_argument("--secret", action="append", default=[], metavar="NAME", help="a variable that may be sent")
    given = parser.parse_args(arguments)
    if given.judges is None and not given.secret:
        return grade_lines(sys.stdin.buffer, sys.stdout)
    try:
        found = _tools(given.judges, given.secret)
    except SpecError as failure:
        print(failure, file=sys.stderr)
        return 2
    with using(found):
        return grade_lines(sys.stdin.buffer, sys.stdout, at_once=AT_ONCE)


def _tools(judges: Path | None, names: list[str]) -> Tools:
    from rftstudio.engine.grading.judges.endpoint import read_judges, with_keys
    from rftstudio.engine.grading.judges.judges import Judges

    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise SpecError(f"The variable {missing[0]} is not set.", path="--secret", fix="Set it, or leave it out.")
    endpoints = with_keys(read_judges(judges)) if judges else []
    return Tools(judges=Judges(endpoints), secrets={name: os.environ[name] for name in names})


def grade_lines(source: BinaryIO, target: TextIO, *, at_once: int = 1) -> int:
    """Read cases from `source`, write one JSON line for each to `target`. Returns the exit code."""
    bad = False
    lines = _lines(source)
    while batch := list(islice(lines, at_once)):
        cases: dict[int, Case] = {}
        rows: dict[int, dict[str, Any]] = {}
        for number, line in batch:
            try:
                cases[number] = _case(line, number)
            except SpecError as failure:
                bad = True
                error = {"path": failure.path, "message": failure.message, "fix": failure.fix}
                rows[number] = {"line": number, "error": error}
        grades = grade_cases(list(cases.values()))
        rows.update((number, found.to_json()) for number, found in zip(cases, grades, strict=True))
        # ASCII, so that half a surrogate pair in an answer cannot break the output.
        target.write("".join(json.dumps(rows[number]) + "\n" for number, _ in batch))
    target.flush()
    return 2 if bad else 0


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines that are not blank; None for one that is too long."""
    number = 0
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = source.readline(MAX_LINE_BYTES)
            yield number, None
        elif line.strip():
            yield number, line


def _case(line: bytes | None, number: int) -> tuple[Spec, Item, Sample]:
    where = f"line {number}"
    if line is None:
        message = f"The line is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB."
        raise SpecError(message, path=where, fix="Split it, or shorten the answer.")
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as failure:
        reason = "it is nested too deeply" if isinstance(failure, RecursionError) else str(failure)
        raise SpecError(f"This is not JSON: {reason}.", path=where, fix="Write one JSON object a line.") from None
    if not isinstance(row, dict):
        raise SpecError("This is not a JSON object.", path=where, fix='Write {"grader": …, "item": …, "sample": …}.')
    for key in ("grader", "item", "sample"):
        if key not in row:
            raise SpecError(f"`{key}` is missing.", path=where, fix=f"Add `{key}`.")
    try:
        spec = _spec(json.dumps(row["grader"]))
    except SpecError as failure:
        path = ".".join(part for part in ("grader", failure.path) if part)
        raise SpecError(failure.message, path=f"{where}: {path}", fix=failure.fix) from None
    return spec, _item(row["item"], where), Sample.from_json(row["sample"], where=f"{where}: sample")


@lru_cache(maxsize=64)
def _spec(text: str) -> Spec:
    return parse_spec(json.loads(text))


def _item(row: Any, where: str) -> Item:
    if isinstance(row, dict) and "messages" not in row:
        return Item(id=str(row.get("id", where)), messages=(), fields=row)
    return Item.from_json(row, where=f"{where}: item")


if __name__ == "__main__":
    sys.exit(main())
