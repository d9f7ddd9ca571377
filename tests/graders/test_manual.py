"""Each kind has a manual page whose examples are true."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import get_template

from rftstudio.engine.grading import KINDS, grade, parse_spec
from rftstudio.engine.types import Item, Sample
from tests.engine.judge_server import JudgeServer, Said, completion, judged

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
def test_the_examples_score_what_the_page_says(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examples(kind)
    assert found
    for example in found:
        spec = parse_spec(example["grader"])
        assert spec.type == kind
        item, sample = Item("example", (), example["item"]), Sample.from_text(example["sample"])
        with JudgeServer(partial(reply, example)) as server:
            if "service_says" in example:
                monkeypatch.setenv("PRIVATE_ENDPOINTS", "127.0.0.1")
                spec = parse_spec({**example["grader"], "url": server.url})
            with judged(server):
                result = grade(spec, item, sample)
        assert result.error is None
        assert result.score == pytest.approx(example["score"])


def reply(example: dict[str, Any], body: dict[str, Any]) -> Said:
    """What the judge or the service of an example says."""
    if "service_says" in example:
        return Said(json.dumps(example["service_says"]).encode())
    if "judge_prefers" in example:
        first = body["messages"][1]["content"].partition("<second_answer>")[0]
        return completion({"reason": "So.", "verdict": "first" if example["judge_prefers"] in first else "second"})
    return completion(example["judge_says"])


# The tables of the pages: what they state, in the same words.
STATED = [
    ("exact_choice", {}, "emergency", [("Emergency.", 1), ("emergency or appointment", 0), ("billing", 0)]),
    ("number", {}, 10, [("10.8", 1), ("8", 0.75), ("15", 0), ("between 9 and 12", 0)]),
    ("ranking", {"credit": "reciprocal", "ladder": []}, ["FBN1"], [("TGFBR2, FBN1, COL3A1", 0.5)]),
    ("ranking", {"credit": "linear", "ladder": [], "top_k": 10}, ["FBN1"], [("TGFBR2, FBN1, COL3A1", 0.9)]),
    ("set_match", {"measure": "recall"}, ["fever", "cough", "rash"], [("Cough, fever, headache, nausea", 2 / 3)]),
    ("set_match", {"measure": "f1"}, ["fever", "cough", "rash"], [("Cough, fever, headache, nausea", 4 / 7)]),
    (
        "number",
        {"unit": "mg/g", "tolerance": 0, "band": 0},
        12.5,
        [("12.5 g/kg", 1), ("1.25 %", 1), ("12 tablets", 0), ("5 mL", 0)],
    ),
    ("number", {"unit": "°C", "tolerance": 0, "band": 0}, 37, [("98.6 °F", 1)]),
    ("regex", {}, "B", [("A is wrong, so … Answer: B", 1), ("Answer: C, no, Answer: B", 1), ("It is B", 0)]),
    (
        "keywords",
        {},
        None,
        [
            ("Give aspirin and do an ECG.", 1),
            ("Give aspirin.", 0.5),
            ("Give aspirin, do an ECG, give ibuprofen.", 0.5),
            ("Give aspirin and do an ECG. No ibuprofen.", 1),
        ],
    ),
    # What the page admits to.
    (
        "keywords",
        {"required": ["fever"]},
        None,
        [
            ("No drug has helped against the fever", 0),
            ("Fever is not what I would expect", 1),
            ("possible fever", 1),
            ("had a fever last year", 1),
            ("no cough, rash or fever", 0),
        ],
    ),
    (
        "format",
        {},
        None,
        [
            ("Rest in bed and drink plenty of water.", 1),
            ("Sure, here is my advice: rest in bed.", 0.75),
            ("Sure, here is my advice: **rest** in bed and drink plenty of water and", 0),
        ],
    ),
]


@pytest.mark.parametrize(("kind", "changes", "reference", "answers"), STATED)
def test_the_tables_are_true(kind: str, changes: dict, reference: Any, answers: list) -> None:
    spec = parse_spec({**examples(kind)[0]["grader"], **changes})
    for answer, score in answers:
        found = grade(spec, Item("example", (), {"reference_answer": reference}), Sample.from_text(answer)).score
        assert found == pytest.approx(score), answer
