"""Grades a second of the deterministic kinds through `grade_many`, on one core. `python -m tests.bench.grading`."""

import json
import os
from time import process_time
from typing import Any

from rftstudio.engine.grading import grade_many, parse_spec
from rftstudio.engine.types import Item, Sample
from tests.engine.models import sentence_model

TARGET = 20_000
PAIRS = 4_000
ROUNDS = 5

_IN, _REFERENCE = "{{ sample.output_text }}", "{{ item.reference_answer }}"
_GENES = ["FBN1", "TGFBR2", "COL3A1", "SMAD3", "ACTA2", "MYH11", "SKI", "LOX"]

# kind -> (spec, reference answer, answers)
CASES: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "string_check": (
        {"type": "string_check", "input": _IN, "reference": _REFERENCE, "operation": "ilike"},
        "appointment",
        ["Appointment", "This needs an appointment.", "emergency"],
    ),
    "exact_choice": (
        {"type": "exact_choice", "choices": ["emergency", "appointment", "prescription", "billing"], "partial": 0.2},
        "appointment",
        ["appointment", "Appointment.", "I would book an appointment for this patient.", "billing or emergency"],
    ),
    "number": (
        {"type": "number", "tolerance": 0.01, "tolerance_kind": "relative", "band": 0.1, "pick": "last"},
        12.5,
        ["12.5", "The dose is 12.6 mg.", "1,234.5 mg a day, so 13 mg each", "no idea"],
    ),
    "ranking": (
        {"type": "ranking", "credit": "reciprocal", "top_k": 10},
        ["FBN1"],
        [", ".join(_GENES), "\n".join(f"{n}. {gene}" for n, gene in enumerate(_GENES[::-1], 1)), json.dumps(_GENES)],
    ),
    "set_match": (
        {"type": "set_match", "measure": "f1"},
        ["fever", "cough", "chest pain"],
        ["fever, cough", "- cough\n- chest pain\n- rash", '["fever", "cough", "chest pain"]'],
    ),
    "number with units": (
        {
            "type": "number",
            "unit": "mg/g",
            "tolerance": 0.01,
            "tolerance_kind": "relative",
            "band": 0.1,
            "pick": "last",
        },
        12.5,
        ["12.5 mg/g", "The content is 12.6 g/kg.", "1.25 %", "about 13 mg/g in 5 mL, that is all"],
    ),
    "regex": (
        {
            "type": "regex",
            "pattern": "(?:answer|result): *([a-e])",
            "ignore_case": True,
            "group": "1",
            "operation": "eq",
        },
        "b",
        ["Answer: b", "I think it is c, so the result: c", "no idea at all, sorry about that"],
    ),
    "keywords": (
        {
            "type": "keywords",
            "required": ["fever", "chest pain", "ECG"],
            "forbidden": ["ibuprofen"],
            "inflections": "english",
            "negation": "respect",
        },
        "",
        [
            "The patient has a fever and chest pains; do an ECG.",
            "No fever, but chest pain.\nGive ibuprofen.",
            "He should rest and drink plenty of water.",
        ],
    ),
    "format": (
        {"type": "format", "max_words": 40, "no_preamble": True, "ends_properly": True, "no_markdown": True},
        "",
        [
            "The patient has a fever and chest pains; do an ECG.",
            "Sure, here is my **advice**: rest in bed, and drink",
            "1. Rest in bed.\n2. Drink plenty of water (at least 2 L).",
        ],
    ),
    "json_fields": (
        {
            "type": "json_fields",
            "fields": [
                {"path": "code", "grader": {"type": "exact_choice"}},
                {"path": "dose", "grader": {"type": "number", "tolerance": 1}},
            ],
        },
        {"code": "I21", "dose": 12.5},
        ['{"code": "I21", "dose": 12}', '{"code": "i20"}', "no JSON"],
    ),
    "multi": (
        {
            "type": "multi",
            "graders": {
                "right": {"type": "exact_choice", "choices": ["yes", "no"]},
                "short": {"type": "format", "max_words": 5},
            },
            "calculate_output": "0.8 * right + 0.2 * short",
        },
        "yes",
        ["Yes.", "no", "I would say so, but I am not at all sure"],
    ),
    "rubric": (
        {
            "type": "rubric",
            "criteria": [
                {"name": "right", "weight": 3, "check": {"type": "exact_choice", "choices": ["yes", "no"]}},
                {"name": "short", "critical": "cap", "check": {"type": "format", "max_words": 5}},
            ],
        },
        "yes",
        ["Yes.", "no", "I would say so, but I am not at all sure"],
    ),
    **{
        f"text_similarity {metric}": (
            {"type": "text_similarity", "input": _IN, "reference": _REFERENCE, "evaluation_metric": metric},
            "Take two tablets daily with a glass of water.",
            ["Take two tablets daily.", "One tablet with water every day", "Call again if it gets worse."],
        )
        for metric in ("fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_l")
    },
}

# These run a model for each answer, so that no target is set for them.
SLOWER: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "format with a language": (
        {"type": "format", "language": "en"},
        "",
        ["The patient has a fever and chest pains; do an ECG.", "Der Patient hat Fieber und soll sich ausruhen."],
    ),
    "text_similarity cosine": (
        {"type": "text_similarity", "input": _IN, "reference": _REFERENCE, "evaluation_metric": "cosine"},
        "Take two tablets daily with a glass of water.",
        [f"Take {number} tablets daily, that is what I would advise." for number in range(1, 5000)],
    ),
}


def run() -> dict[str, Any]:
    """Grades a second of one core's time by kind (best of five rounds) and whether each reaches the target."""
    os.environ.setdefault("EMBEDDING_MODEL", str(sentence_model()))
    speeds = {kind: _speed(*case) for kind, case in CASES.items()}
    return {
        "grades_per_second": {kind: round(speed) for kind, speed in speeds.items()},
        "target": TARGET,
        "reached": min(speeds.values()) >= TARGET,
        "with_a_model": {kind: round(_speed(*case, pairs=200, rounds=1)) for kind, case in SLOWER.items()},
    }


def _speed(data: dict[str, Any], reference: Any, answers: list[str], pairs: int = PAIRS, rounds: int = ROUNDS) -> float:
    spec = parse_spec(data)
    graded = [
        (
            Item(str(index), (), {"reference_answer": reference}),
            Sample(answers[index % len(answers)] + " " * (index % 7)),
        )
        for index in range(pairs)
    ]
    grade_many(spec, graded[:1])  # loads what it needs
    best = 0.0
    for _ in range(rounds):
        started = process_time()
        grades = grade_many(spec, graded)
        best = max(best, pairs / (process_time() - started))
        if any(grade.score is None for grade in grades):
            raise SystemExit(f"{spec.type}: a grade without a score: {grades[0].error}")
    return best


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
