"""What a job is: a directory with `job.json` and its inputs, in which the engine writes everything else.

    job.json  train.jsonl  validation.jsonl          written before it starts (items.jsonl for an evaluation)
    lists/genes@3.json                               word lists that the grader names
    start/                                           the adapter that a training starts from, where it has one
    events.jsonl  rollouts.jsonl | answers.jsonl     append-only logs, `seq` from 1
    checkpoints/step-N/  result.json  log.txt        the engine's own
    stop  pause                                      created by whoever wants it to stop at the next step, or to pause

It holds no secret and no database id that matters to the engine.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rftstudio.engine.adapter import copy_adapter
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.faults import DISK_FULL, refusal
from rftstudio.engine.types import Item

Kind = Literal["training", "evaluation"]
MODULES: dict[Kind, str] = {
    "training": "rftstudio.engine.training",
    "evaluation": "rftstudio.engine.inference",
}


@dataclass(frozen=True, slots=True)
class Model:
    """Which weights: a local directory, or a hub id with its pinned revision."""

    path: str
    name: str = ""
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter to answer with; no path means the base model, adapter off."""

    name: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The adapter that a training starts from, copied into the job's directory.

    adapter_hash: sha256 of its weights. name: where it comes from, for people. lineage: the same for machines.
    """

    adapter_hash: str
    name: str = ""
    path: str = "start"
    lineage: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "adapter_hash": self.adapter_hash, "name": self.name, "lineage": self.lineage}


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """The judges' budget of several jobs that were launched together.

    file: where each writes what it pays, from the job's directory; their sum is bounded by the whole budget.
    share: of the budget, what this job may spend itself.
    """

    file: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """The content of `job.json`.

    settings: flat, by name (`engine/training/presets.py` for training; `engine/inference/settings.py`).
    data: name of the split to its file in the directory.
    json_answers: answers are meant to be JSON (an unparsable one is then a sample_parse_error).
    lists: a word list's name in the grader to its file in the directory, {label: [other names]} as JSON.
    judges: endpoints as `JudgeEndpoint.to_json` writes them; their keys are in the variables that `key_env` names.
    secrets: what an `endpoint` grader calls a secret, to the variable that holds it.
    report_to: trackers that are told the figures (`trackers.py`); their keys and addresses are in the environment.
    start: the adapter that a training goes on from; None for a fresh one.
    budget: with whom the judges' budget in `settings` is shared; None where it is this job's alone.
    """

    kind: Kind
    model: Model
    grader: dict[str, Any]
    settings: dict[str, Any]
    data: dict[str, str]
    seed: int = 0
    preset: str = ""
    json_answers: bool = False
    adapters: tuple[Adapter, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)  # names for people: task set, grader, a model that answers
    lists: dict[str, str] = field(default_factory=dict)
    judges: tuple[dict[str, Any], ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)
    report_to: tuple[str, ...] = ()
    start: Start | None = None
    budget: SharedBudget | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "format": 1,
            "kind": self.kind,
            "model": {"path": self.model.path, "name": self.model.name, "revision": self.model.revision},
            "grader": self.grader,
            "settings": self.settings,
            "data": self.data,
            "seed": self.seed,
            "preset": self.preset,
            "json_answers": self.json_answers,
            "adapters": [{"name": adapter.name, "path": adapter.path} for adapter in self.adapters],
            "labels": self.labels,
            "lists": self.lists,
            "judges": list(self.judges),
            "secrets": self.secrets,
            "report_to": list(self.report_to),
            **({"start": self.start.to_json()} if self.start else {}),
            **({"budget": {"file": self.budget.file, "share": self.budget.share}} if self.budget else {}),
        }

    @classmethod
    def from_json(cls, row: Any) -> "Job":
        try:
            if row["format"] != 1 or row["kind"] not in MODULES:
                raise SpecError(f"job.json has format {row['format']!r}, kind {row['kind']!r}.", path="job.json")
            return cls(
                kind=row["kind"],
                model=Model(**row["model"]),
                grader=row["grader"],
                settings=row["settings"],
                data=row["data"],
                seed=row.get("seed", 0),
                preset=row.get("preset", ""),
                json_answers=row.get("json_answers", False),
                adapters=tuple(Adapter(**adapter) for adapter in row.get("adapters", [])),
                labels=row.get("labels", {}),
                lists=row.get("lists", {}),
                judges=tuple(row.get("judges", ())),
                secrets=dict(row.get("secrets", {})),
                report_to=tuple(row.get("report_to", ())),
                start=Start(**row["start"]) if row.get("start") else None,
                budget=SharedBudget(**row["budget"]) if row.get("budget") else None,
            )
        except (KeyError, TypeError) as error:
            raise SpecError(f"job.json is not complete: {error}.", path="job.json", fix="Write it anew.") from error


WordLists = Mapping[str, Mapping[str, Sequence[str]]]


def list_files(lists: WordLists) -> dict[str, str]:
    """Where `write_job` puts each list, for `Job.lists`. Names are `slug` or `slug@number`."""
    return {name: f"lists/{name}.json" for name in lists}


def write_job(
    directory: Path,
    job: Job,
    items: dict[str, list[Item]],
    lists: WordLists | None = None,
    *,
    adapter: Path | None = None,
) -> None:
    """Create the directory with its inputs. `items`: split to its items; `job.data` names their files.

    lists: the word lists of `job.lists`, each as other names by label. adapter: where `job.start` is copied from.

    `job.json` is written last, under a temporary name first: a directory that has it is whole.
    Raises `SystemFault` when the directory holds another job already or cannot be written, `SpecError` (path "start")
    when the adapter is gone or is another one.
    """
    made = not directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / "job.json").exists():
            raise SystemFault(f"{directory} holds a job already. Choose another directory.")
        for split, name in job.data.items():
            with (directory / name).open("w", encoding="utf-8") as file:
                for item in items[split]:
                    file.write(json.dumps(item.to_json(), ensure_ascii=False) + "\n")
        for name, place in job.lists.items():
            path = inside(directory, place)
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps((lists or {})[name], ensure_ascii=False), encoding="utf-8")
        if job.start is not None and adapter is not None:
            copy_adapter(adapter, inside(directory, job.start.path), adapter_hash=job.start.adapter_hash)
        temporary = directory / "job.json.part"
        temporary.write_text(json.dumps(job.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(temporary, directory / "job.json")
    except SpecError:
        if made:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    except OSError as error:
        if made:
            shutil.rmtree(directory, ignore_errors=True)  # half a job is of no use and takes room
        if refusal(error) is DISK_FULL:
            raise SystemFault("The disk is full, so nothing was launched. Free some space and try again.") from error
        raise SystemFault(f"The job could not be written: {error}.") from error


def read_job(directory: Path) -> Job:
    """Raises `SpecError` where `job.json` is missing, broken or of another format."""
    try:
        row = json.loads((directory / "job.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpecError(
            "There is no job.json here.", path=str(directory), fix="Write one with the `new` command first."
        ) from error
    except ValueError as error:
        raise SpecError(f"It is not JSON: {error}.", path="job.json", fix="Write it anew.") from error
    return Job.from_json(row)


def read_lists(directory: Path, job: Job) -> dict[str, dict[str, tuple[str, ...]]]:
    """The word lists of a job by name. Raises `SpecError` naming the file that is missing or broken."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, place in job.lists.items():
        try:
            rows = json.loads(inside(directory, place).read_text(encoding="utf-8"))
            found[name] = {label: tuple(names) for label, names in rows.items()}
        except FileNotFoundError as error:
            fix = "Write the job anew."
            raise SpecError(f"The file of the word list {name} is missing.", path=place, fix=fix) from error
        except (ValueError, AttributeError, TypeError) as error:
            fix = 'It must hold {"label": ["other name"]}. Write the job anew.'
            raise SpecError(f"The word list {name} cannot be read: {error}.", path=place, fix=fix) from error
    return found


def inside(directory: Path, place: str) -> Path:
    """A file of the job. Raises `SpecError` for a place outside its directory."""
    path = directory / place
    if not path.resolve().is_relative_to(directory.resolve()):
        raise SpecError("This file lies outside the job's directory.", path=place, fix="Name a file inside it.")
    return path


def read_items(path: Path) -> list[Item]:
    """Items of a JSONL file. Raises `SpecError` naming the file and the line."""
    if not path.exists():
        raise SpecError("There is no such file.", path=str(path), fix="Check the name.")
    items: list[Item] = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path.name} line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SpecError(f"It is not JSON: {error}.", path=where, fix="Mend or remove the line.") from error
            if isinstance(row, dict):
                row.setdefault("id", str(number))
            items.append(Item.from_json(row, where=where))
    return items
