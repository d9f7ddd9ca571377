"""OpenAI's grader JSON in and out. What goes out is run, away from this code, and must score the same."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.grading.exchange import read_openai, write_openai
from rftstudio.engine.grading.exchange.flat import flatten
from rftstudio.engine.grading.exchange.python_source import NoTwin, python_source
from rftstudio.engine.grading.formula import Formula
from rftstudio.engine.types import Item, Sample

ANSWER, REFERENCE = "{{ sample.output_text }}", "{{ item.reference_answer }}"
BOTH = {"input": ANSWER, "reference": REFERENCE}
CHECK = {"type": "string_check", **BOTH, "operation": "ilike"}

LABELS = {
    "type": "exact_choice",
    "choices": ["emergency", "billing", "A+"],
    "synonyms": {"emergency": ["urgent", "A&E"]},
    "partial": 0.2,
}
OURS: list[tuple[dict[str, Any], list[Any]]] = [
    (LABELS, ["emergency", "billing", ["emergency", "billing"], "kitchen", ""]),
    ({"type": "exact_choice", "synonyms_from": "{{ item.synonyms }}"}, ["BRCA1", "heart attack"]),
    (
        {"type": "number", "tolerance": 0.05, "tolerance_kind": "relative", "band": 0.1, "pick": "last"},
        [10, "10 mg", 0, "none", -2.5],
    ),
    ({"type": "number", "tolerance": 1, "pick": "first", "percent": "fraction"}, [0.45, "45 %", 1e300]),
    ({"type": "number"}, [12, "1,234"]),
    ({"type": "ranking", "top_k": 10}, [["FBN1"], "TGFBR2", ["BRCA1", "FBN1"], []]),
    ({"type": "ranking", "credit": "linear", "top_k": 4, "synonyms": {"FBN1": ["fibrillin 1"]}}, [["FBN1"]]),
    ({"type": "ranking", "credit": "ladder", "ladder": [1, 0.5, 0.25]}, ["FBN1"]),
    ({"type": "set_match"}, [["fever", "cough"], "none", []]),
    ({"type": "set_match", "measure": "f_beta", "beta": 0.5, "synonyms": {"fever": ["pyrexia"]}}, ["fever, cough"]),
    ({"type": "set_match", "measure": "precision"}, [["fever", "cough", "rash"]]),
    ({"type": "json_fields"}, [{"code": "I21", "dose": 5, "signs": ["fever"]}, "no json"]),
    (
        {
            "type": "json_fields",
            "fields": [
                {"path": "code", "weight": 2, "grader": LABELS | {"choices": [], "synonyms": {}}},
                {"path": "dose", "required": False, "grader": {"type": "number", "tolerance": 1}},
                {"path": "signs", "grader": {"type": "set_match"}},
            ],
            "json_schema": {"type": "object", "required": ["code"]},
        },
        [{"code": "I21", "dose": 5, "signs": ["fever"]}, {"code": "I21"}],
    ),
    (
        {
            "type": "keywords",
            "required": ["fever", "cough"],
            "forbidden": ["aspirin"],
            "synonyms": {"fever": ["pyrexia"]},
            "negation": "respect",
        },
        ["x"],
    ),
    ({"type": "keywords", "required_from": "{{ item.reference_answer }}", "whole_words": False}, [["fev", "BRCA"], ""]),
    ({"type": "format", "max_words": 3, "no_preamble": True, "ends_properly": True, "valid_json": True}, ["x"]),
    (
        {
            "type": "rubric",
            "criteria": [
                {"name": "drug", "weight": 3, "check": CHECK},
                {
                    "name": "risk",
                    "weight": 1,
                    "critical": "cap",
                    "cap": 0.3,
                    "applies_if": {"value": "{{ item.synonyms }}"},
                    "check": {"type": "string_check", "input": ANSWER, "reference": "dose", "operation": "like"},
                },
            ],
        },
        ["aspirin", "FBN1"],
    ),
]  # fmt: skip
ANSWERS = [
    "", " ", "emergency", "Emergency.", "**urgent**", "It is an emergency", "emergency or billing", "A&E", "A+", "a",
    "10", "10.4 mg", "about 12,5", "1,234", "45 %", "between 9 and 12", "−2.5", "1e309", "ten", "½", "10 10.9",
    "FBN1", "TGFBR2, FBN1, COL3A1", "1. BRCA1\n2. Fibrillin 1 (FBN1)\n3. fbn1", '["TGFBR2", "FBN1"]', "none",
    "Cough, fever and rash", "- pyrexia\n- cough", "fever; fever; cough", "heart attack", "MI", "aspirin 5 mg, dose",
    '{"code": "I21", "dose": 5.5, "signs": ["fever", "rash"]}', '```json\n{"code": "i21"}\n```', '{"code": ', "[1]",
    '{"code": null, "dose": "5"}', "null", "ﬁbrillin\u200b 1", "x" * 3000, '{"a": ' * 30,
]  # fmt: skip
SYNONYMS = (None, "", ["MI", "heart attack"], {"BRCA1": ["breast cancer 1"]})


def cases() -> list[tuple[dict[str, Any], dict[str, Any], str]]:
    return [
        (spec, {"reference_answer": reference, "synonyms": SYNONYMS[(place + turn) % len(SYNONYMS)]}, answer)
        for spec, references in OURS
        for place, reference in enumerate(references)
        for turn, answer in enumerate(ANSWERS)
    ]


RUNNER = """
import json, sys
namespaces = []
for source in json.load(open(sys.argv[1])):
    namespaces.append({"__name__": "grader"})
    exec(compile(source, "grader.py", "exec"), namespaces[-1])
assert not any(name.startswith("rftstudio") for name in sys.modules)
found = []
for which, item, text in json.load(open(sys.argv[2])):
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    try:
        found.append(namespaces[which]["grade"]({"output_text": text, "output_json": parsed}, item))
    except Exception as failure:
        found.append(f"{type(failure).__name__}: {failure}")
print(json.dumps(found))
"""


def test_python_written_out_scores_the_same_where_our_code_is_not(tmp_path) -> None:
    """Each kind of ours on some 1,700 cases, in a process that cannot import the studio."""
    specs = [spec for spec, _ in OURS]
    (tmp_path / "sources").write_text(json.dumps([python_source(parse_spec(spec)) for spec in specs]))
    (tmp_path / "cases").write_text(json.dumps([(specs.index(spec), item, text) for spec, item, text in cases()]))
    command = [sys.executable, "-I", "-c", RUNNER, str(tmp_path / "sources"), str(tmp_path / "cases")]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    scores = set()
    for (spec, item, text), score in zip(cases(), found, strict=True):
        ours = grade(parse_spec(spec), Item("", (), item), Sample.from_text(text))
        where = (spec, item, text, ours.reason, score)
        if ours.score is None:
            assert isinstance(score, str), where
        else:
            assert isinstance(score, float), where
            assert score == ours.score, where
            scores.add(score)
    assert len(scores) > 10
    assert sum(isinstance(score, str) for score in found) > 50


def run_exported(grader: dict[str, Any], item: dict[str, Any], text: str) -> float | None:
    """What OpenAI would make of it: python by exec, the formula by its grammar, the rest by the shared kinds."""
    if grader["type"] == "python":
        space: dict[str, Any] = {}
        exec(grader["source"], space)
        try:
            return float(space["grade"]({"output_text": text}, item))
        except ValueError:
            return None
    if grader["type"] == "multi":
        scores = {name: run_exported(part, item, text) for name, part in grader["graders"].items()}
        if None in scores.values():
            return None
        return Formula(grader["calculate_output"], frozenset(scores)).value(scores)  # type: ignore[arg-type]
    return grade(parse_spec(grader), Item("", (), item), Sample.from_text(text)).score


VETOES = {
    "type": "rubric",
    "criteria": [
        {"name": "Names the drug", "weight": 3, "check": CHECK},
        {"name": "right desk", "weight": 2, "critical": "cap", "cap": 0.4, "threshold": 0.2, "check": LABELS},
        {"name": "max", "weight": 1, "polarity": "must_not", "critical": "zero",
         "check": {"type": "string_check", "input": ANSWER, "reference": "cure", "operation": "like"}},
        {"name": "only shown", "weight": 0, "check": CHECK},
        {"name": "formula", "weight": 0.5, "check": {"type": "multi", "calculate_output": "2 * a - b",
         "graders": {"a": CHECK, "b": {"type": "text_similarity", **BOTH, "evaluation_metric": "fuzzy_match"}}}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("answer", ["emergency", "urgent", "billing", "emergency cure", "It is an emergency", "", "x"])
def test_a_rubric_becomes_one_formula_with_its_vetoes(answer) -> None:
    spec = parse_spec(VETOES)
    report = write_openai(spec)
    assert report.whole
    assert report.grader["type"] == "multi"
    types = {grader["type"] for grader in report.grader["graders"].values()}
    assert types == {"python", "string_check", "text_similarity"}
    assert "max" not in report.grader["graders"]
    item = {"reference_answer": "emergency"}
    ours = grade(spec, Item("", (), item), Sample.from_text(answer)).score
    assert run_exported(report.grader, item, answer) == pytest.approx(ours)


def test_a_formula_in_a_formula_becomes_one() -> None:
    inner = {"type": "multi", "graders": {"a": CHECK, "b": CHECK}, "calculate_output": "(a + b) / 2"}
    spec = parse_spec(
        {"type": "multi", "graders": {"a": inner, "b_a": CHECK}, "calculate_output": "a * b_a - 1e-9 * a"}
    )
    report = write_openai(spec)
    assert all(grader["type"] != "multi" for grader in report.grader["graders"].values())
    for answer in ("aspirin", "none"):
        ours = grade(spec, Item("", (), {"reference_answer": "aspirin"}), Sample.from_text(answer)).score
        assert math.isclose(run_exported(report.grader, {"reference_answer": "aspirin"}, answer), ours)


def test_what_goes_out_comes_in_again() -> None:
    spec = parse_spec({"type": "multi", "graders": {"a": CHECK}, "calculate_output": "a"})
    out = write_openai(spec).grader
    assert read_openai(out).grader == {**spec.model_dump(mode="json", exclude_none=True), "name": "multi"}


SCHEMA = {"type": "object", "properties": {"a": {"pattern": "^x"}}}
JUDGED = {"type": "judge", "model": "main", "instruction": "Is it kind?"}
PER_ITEM = {"name": "a", "applies_if": {"value": "{{ item.x }}"}, "check": JUDGED}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "json_fields", "json_schema": SCHEMA}, "pattern"),
        ({"type": "number", "unit": "mg"}, "pint"),
        ({"type": "set_match", "synonyms_list": "genes"}, "word list"),
        ({"type": "regex", "pattern": "a+"}, "re2"),
        ({"type": "format", "language": "en"}, "language"),
        ({"type": "keywords", "required": ["a"], "inflections": "english"}, "endings"),
        ({"type": "pairwise", "model": "main"}, "asks a model"),
        ({"type": "endpoint", "url": "https://marks.example.org/"}, "asks a model or a server"),
        ({"type": "json_fields", "fields": [{"path": "a", "grader": JUDGED}]}, "asks a model"),
    ],
)
def test_what_has_no_twin_is_named_with_the_reason(part, words) -> None:
    report = write_openai(parse_spec({"type": "multi", "graders": {"x": part}, "calculate_output": "x"}))
    assert report.grader is None
    assert [(step.path, step.what) for step in report.problems] == [("graders.x", part["type"])]
    assert words in report.problems[0].note


def test_a_judged_criterion_for_some_items_has_no_twin() -> None:
    report = write_openai(parse_spec({"type": "rubric", "criteria": [PER_ITEM]}))
    assert report.grader is None
    assert "some items only" in report.problems[0].note


def test_a_rubric_of_judged_criteria_becomes_score_models() -> None:
    criteria = [
        {"name": "kind", "sentence": "Is kind.", "weight": 2, "check": {**JUDGED, "instruction": ""}},
        {"name": "asked", "critical": "zero", "check": {**JUDGED, "choices": ["no", "yes"], "reference": REFERENCE}},
    ]
    report = write_openai(parse_spec({"type": "rubric", "criteria": criteria}))
    assert report.whole
    first, second = report.grader["graders"].values()
    assert (first["type"], first["range"]) == ("score_model", [0, 1])
    assert "0 for “no”, 0.5 for “partly”, 1 for “yes”" in first["input"][0]["content"]
    assert first["input"][1]["content"].endswith("Is kind.")
    assert REFERENCE in second["input"][1]["content"]
    assert read_openai(report.grader).grader is not None
    assert report.grader["calculate_output"].startswith("((2 * kind + 1 * asked) / 3) * min(1, floor(asked")


def test_too_large_a_list_of_names_has_no_twin() -> None:
    names = {f"label {number}": [f"name {number} {'x' * 90}"] for number in range(2500)}
    with pytest.raises(NoTwin, match="KiB"):
        python_source(parse_spec({"type": "set_match", "synonyms": names}))


def test_too_many_criteria_for_a_formula_are_written_as_python() -> None:
    criteria = [{"name": f"c{number}", "check": CHECK} for number in range(100)]
    report = write_openai(parse_spec({"type": "rubric", "criteria": criteria}))
    assert report.grader["type"] == "python"
    assert flatten(parse_spec({"type": "rubric", "criteria": criteria})).notes[-1][2] == ""


GIVEN = {"type": "multi", "name": "m", "graders": [{**CHECK, "name": "a", "operation": "neq"}], "calculate_output": "a"}


def test_the_shapes_found_in_the_wild() -> None:
    report = read_openai(GIVEN)
    assert report.grader["graders"]["a"]["operation"] == "ne"
    assert [step.outcome for step in report.steps] == ["changed", "changed"]
    wrapped = {"method": {"type": "reinforcement", "reinforcement": {"grader": GIVEN}}}
    assert read_openai(wrapped).grader == report.grader
    assert read_openai({"grader": GIVEN}).grader == report.grader
    kept = read_openai({**CHECK, "name": "a", "pass_threshold": 0.8})
    assert kept.grader["pass_threshold"] == 0.8
    assert "kept" in kept.steps[0].note


def test_the_criteria_of_an_eval_become_their_mean() -> None:
    report = read_openai({"testing_criteria": [{**CHECK, "name": "Right answer"}, {**CHECK, "name": "Right answer"}]})
    assert report.grader["calculate_output"] == "(Right_answer + Right_answer_2) / 2"


BAD_PART = {"type": "multi", "graders": {"a": {"type": "magic"}, "b": CHECK}, "calculate_output": "a"}


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"type": "magic"}, "", "magic"),
        (BAD_PART, "graders.a", "magic"),
        ({"type": "multi", "graders": {"a": CHECK}, "calculate_output": "zz"}, "calculate_output", "zz"),
        ({**CHECK, "input": "{{ sample.text }}"}, "input", "text"),
        ({**CHECK, "colour": 1}, "colour", "Unknown field"),
        ({"grader": {**CHECK, "operation": "similar"}}, "grader.operation", "similar"),
        ([], "", "empty"),
        ("text", "", "not a grader"),
        (None, "", "not a grader"),
        ({}, "", "no type"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(given, path, words) -> None:
    report = read_openai(given)
    assert report.grader is None
    assert any(words.lower() in step.note.lower() and step.path.startswith(path) for step in report.problems), report
