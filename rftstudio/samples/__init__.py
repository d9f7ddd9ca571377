"""The sample projects that ship with the product, read from their folders.

A sample is a folder here (the slug with underscores) holding `taskset.json`, `items.jsonl`, `grader.json` and a
`README.md` that names its source and licence. This module only reads them; the rooms that own task sets and graders
turn them into rows.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class SampleItem:
    """One task of a sample: the columns an expert sees and the reference answer in the task set's answer type."""

    id: str
    split: str
    fields: dict[str, Any]
    reference_answer: Any
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A solved case that stands in every prompt. Never one of the items."""

    fields: dict[str, Any]
    reference_answer: Any


@dataclass(frozen=True, slots=True)
class Sample:
    """A whole sample project: a task set, its items and a grader."""

    name: str
    slug: str
    description: str
    instructions: str
    answer_type: str
    answer_options: dict[str, Any]
    input_fields: tuple[dict[str, str], ...]
    prompt_template: str
    worked_examples: tuple[WorkedExample, ...]
    preset: str
    items: tuple[SampleItem, ...]
    grader: dict[str, Any]
    readme: str
    folder: Path

    def split(self, name: str) -> tuple[SampleItem, ...]:
        """The items of `train`, `validation` or `test`, in file order."""
        return tuple(item for item in self.items if item.split == name)

    @property
    def recorded_run(self) -> dict[str, Any] | None:
        """Figures of a run made when the sample was written, or None where none is shipped."""
        path = self.folder / "recorded_run.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None


def list_samples() -> list[str]:
    """The slugs of all samples, sorted."""
    return sorted(path.parent.name.replace("_", "-") for path in FOLDER.glob("*/taskset.json"))


def load_sample(slug: str) -> Sample:
    """Read one sample. Raises `LookupError` naming the samples there are."""
    slugs = list_samples()
    if slug not in slugs:
        raise LookupError(f"There is no sample project {slug!r}. Use one of: {', '.join(slugs)}.")
    folder = FOLDER / slug.replace("-", "_")
    head = json.loads((folder / "taskset.json").read_text("utf-8"))
    lines = (folder / "items.jsonl").read_text("utf-8").splitlines()
    return Sample(
        name=head["name"],
        slug=head["slug"],
        description=head["description"],
        instructions=head["instructions"],
        answer_type=head["answer_type"],
        answer_options=head["answer_options"],
        input_fields=tuple(head["input_fields"]),
        prompt_template=head["prompt_template"],
        worked_examples=tuple(WorkedExample(**example) for example in head["worked_examples"]),
        preset=head["preset"],
        items=tuple(_read_item(line) for line in lines),
        grader=json.loads((folder / "grader.json").read_text("utf-8")),
        readme=(folder / "README.md").read_text("utf-8"),
        folder=folder,
    )


def _read_item(line: str) -> SampleItem:
    row = json.loads(line)
    return SampleItem(
        id=row["id"],
        split=row["split"],
        fields=row["fields"],
        reference_answer=row["reference_answer"],
        tags=tuple(row.get("tags", ())),
        notes=row.get("notes", ""),
    )
