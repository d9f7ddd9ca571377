"""Each kind has a manual page whose examples are true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import get_template

from rftstudio.engine.grading import KINDS, grade, parse_spec
from rftstudio.engine.types import Item, Sample

PAGES = Path(settings.BASE_DIR) / "templates" / "docs" / "graders"


def examples(kind: str) -> list[dict[str, Any]]:
    text = (PAGES / f"{kind}.md").read_text(encoding="utf-8")
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_and_a_fragment_for_every_kind(kind: str) -> None:
    text = (PAGES / f"{kind}.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    for heading in ("## What you fill in", "## How it is scored", "## An example", "## Traps"):
        assert heading in text
    assert f"`{kind}`" in text
    get_template(f"graders/kinds/{kind}.html")


def test_no_page_without_a_kind() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} - set(KINDS) == {"import-export", "which"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_score_what_the_page_says(kind: str) -> None:
    found = examples(kind)
    assert found
    for example in found:
        spec = parse_spec(example["grader"])
        assert spec.type == kind
        result = grade(spec, Item("example", (), example["item"]), Sample.from_text(example["sample"]))
        assert result.error is None
        assert result.score == pytest.approx(example["score"])


# The tables of the pages: what they state, in the same words.
STATED = [
    ("exact_choice", {}, "emergency", [("Emergency.", 1), ("emergency or appointment", 0), ("billing", 0)]),
    ("number", {}, 10, [("10.8", 1), ("8", 0.75), ("15", 0), ("between 9 and 12", 0)]),
    ("ranking", {"credit": "reciprocal", "ladder": []}, ["FBN1"], [("TGFBR2, FBN1, COL3A1", 0.5)]),
    ("ranking", {"credit": "linear", "ladder": [], "top_k": 10}, ["FBN1"], [("TGFBR2, FBN1, COL3A1", 0.9)]),
    ("set_match", {"measure": "recall"}, ["fever", "cough", "rash"], [("Cough, fever, headache, nausea", 2 / 3)]),
    ("set_match", {"measure": "f1"}, ["fever", "cough", "rash"], [("Cough, fever, headache, nausea", 4 / 7)]),
]


@pytest.mark.parametrize(("kind", "changes", "reference", "answers"), STATED)
def test_the_tables_are_true(kind: str, changes: dict, reference: Any, answers: list) -> None:
    spec = parse_spec({**examples(kind)[0]["grader"], **changes})
    for answer, score in answers:
        found = grade(spec, Item("example", (), {"reference_answer": reference}), Sample.from_text(answer)).score
        assert found == pytest.approx(score), answer
