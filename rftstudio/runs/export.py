"""A training's figures and answers written out, a row at a time.

A step's figures have the names of its "metrics" event, nested ones joined by a dot (`timing.step`); the manual lists
them. CSV cells that a spreadsheet would take for a formula get an apostrophe in front, as in the export of task sets.
"""

import csv
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from rftstudio.engine.flat import flat
from rftstudio.engine.trackers import TENSORBOARD_FOLDER
from rftstudio.runs.models import Rollout, Run
from rftstudio.tasksets.export import Line, harmless

FIRST = ("step", "total_steps", "train_reward_mean", "valid_reward_mean")
FILES = {"events": "events.jsonl", "rollouts": "rollouts.jsonl", "job": "job.json", "log": "log.txt"}  # of the job
IN_MEMORY = 8_000_000  # bytes of an archive, before it goes to the disk


def csv_row(cells: Iterable[Any]) -> str:
    """A line of CSV. Numbers stay as they are, minus sign and all; what is unknown is empty."""
    return csv.writer(Line()).writerow(
        harmless(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells
    )


def metrics_csv(points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A header with every name that any step has, then a line a step."""
    rows = [flat(point) for point in points]
    names = list(dict.fromkeys([*FIRST, *(name for row in rows for name in row)]))
    yield "\ufeff" + csv_row(names)
    for row in rows:
        yield csv_row(row.get(name) for name in names)


def described(run: Run) -> dict[str, Any]:
    """What a training was made from and what came of it."""
    return {
        "id": run.pk,
        "name": str(run),
        "status": run.status,
        "taskset": {"name": run.taskset.name, **_version(run.taskset_version)},
        "grader": {"name": run.grader_version.grader.name, **_version(run.grader_version)},
        "base_model": {"name": run.base_model.name, "revision": run.base_model.revision},
        "start": run.origin or None,
        "preset": run.preset,
        "settings": run.settings,
        "seed": run.seed,
        "seconds": run.seconds_spent,
        "result": run.result,
    }


def _version(version: Any) -> dict[str, Any]:
    return {"version": version.number, "content_hash": version.content_hash}


def metrics_json(run: Run, points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """`{"run": …, "metrics": [a flat object a step]}`, a step a line."""
    yield '{"run": ' + json.dumps(described(run), ensure_ascii=False) + ',\n"metrics": [\n'
    for place, point in enumerate(points):
        yield (",\n" if place else "") + json.dumps(flat(point), ensure_ascii=False)
    yield "\n]}\n"


def answer_lines(rows: Iterable[Rollout], references: Mapping[str, Any]) -> Iterator[str]:
    """An answer a line, with its mark. references: the reference answer by item."""
    for row in rows:
        line = {
            "step": row.step,
            "phase": row.phase,
            "group": row.group,
            "index": row.index,
            "item_id": row.item_key,
            "text": row.text,
            "reference_answer": references.get(row.item_key),
            "reward": row.reward,
            "advantage": row.advantage,
            "discard": row.discard,
            "tokens": row.tokens,
            "truncated": row.truncated,
            "grade": row.grade,
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"


def tensorboard_files(run: Run) -> list[Path]:
    folder = run.directory / TENSORBOARD_FOLDER
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def archive(run: Run, files: Sequence[Path]) -> IO[bytes]:
    """A zip of files of the job, at its beginning. What is being written is taken as far as it is."""
    into = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, f"run-{run.pk}/{file.relative_to(run.directory / TENSORBOARD_FOLDER)}")
    into.seek(0)
    return into
