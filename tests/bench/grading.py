"""Grades a second of the deterministic kinds through `grade_many`, on one core. `python -m tests.bench.grading`."""

import json
from time import perf_counter
from typing import Any

from rftstudio.engine.grading import grade_many, parse_spec
from rftstudio.engine.types import Item, Sample

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
}


def run() -> dict[str, Any]:
    """Grades a second by kind (best of five rounds) and whether each reaches the target."""
    speeds = {kind: _speed(*case) for kind, case in CASES.items()}
    return {
        "grades_per_second": {kind: round(speed) for kind, speed in speeds.items()},
        "target": TARGET,
        "reached": min(speeds.values()) >= TARGET,
    }


def _speed(data: dict[str, Any], reference: Any, answers: list[str]) -> float:
    spec = parse_spec(data)
    pairs = [
        (
            Item(str(index), (), {"reference_answer": reference}),
            Sample(answers[index % len(answers)] + " " * (index % 7)),
        )
        for index in range(PAIRS)
    ]
    best = 0.0
    for _ in range(ROUNDS):
        started = perf_counter()
        grades = grade_many(spec, pairs)
        best = max(best, PAIRS / (perf_counter() - started))
        if any(grade.score is None for grade in grades):
            raise SystemExit(f"{spec.type}: a grade without a score: {grades[0].error}")
    return best


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
