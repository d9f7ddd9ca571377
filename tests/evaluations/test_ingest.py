"""Log lines become rows once, whatever is read twice."""

import pytest

from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.ingest import ingest_rows
from rftstudio.evaluations.models import Answer
from tests.evaluations.build import make_tuned_run


@pytest.fixture
def comparison(workspace):
    return create_comparison(run=make_tuned_run(workspace=workspace))


def answer(seq, **changes):
    row = {
        "seq": seq,
        "created_at": 1.0,
        "item_id": "test-0",
        "model": "base",
        "sample": 0,
        "text": "billing",
        "tokens": 2,
        "truncated": False,
        "grade": {"name": "desk", "type": "exact_choice", "score": 0.0, "children": []},
        "score": 0.0,
        "seconds": 0.2,
    }
    return {**row, **changes}


def test_answers_are_taken_once(comparison):
    rows = [answer(1), answer(2, model="tuned", text="emergency", score=1.0)]
    ingest_rows(comparison=comparison, log="answers", rows=rows)
    ingest_rows(comparison=comparison, log="answers", rows=[*rows, answer(3, item_id="test-1")])
    found = Answer.objects.filter(comparison=comparison).values_list("seq", "item_key", "model", "score")
    assert list(found) == [(1, "test-0", "base", 0.0), (2, "test-0", "tuned", 1.0), (3, "test-1", "base", 0.0)]


def test_a_missing_score_stays_missing(comparison):
    ingest_rows(comparison=comparison, log="answers", rows=[answer(1, score=None)])
    assert Answer.objects.get().score is None


def test_nul_characters_are_replaced_everywhere(comparison):
    grade = {"name": "desk", "type": "exact_choice", "score": 0.0, "reason": "says a\x00b", "children": []}
    ingest_rows(comparison=comparison, log="answers", rows=[answer(1, text="a\x00b", grade=grade)])
    found = Answer.objects.get()
    assert (found.text, found.grade["reason"]) == ("a\N{REPLACEMENT CHARACTER}b", "says a\N{REPLACEMENT CHARACTER}b")


def test_progress_versions_and_warnings(comparison):
    rows = [
        {"seq": 1, "type": "started", "level": "info", "message": "", "data": {"versions": {"torch": "2"}}},
        {"seq": 2, "type": "message", "level": "warn", "message": "Careful.", "data": {}},
        {"seq": 3, "type": "message", "level": "info", "message": "Fine.", "data": {}},
        {"seq": 4, "type": "progress", "level": "info", "message": "", "data": {"done": 5, "total": 16}},
    ]
    for _ in range(2):
        ingest_rows(comparison=comparison, log="events", rows=rows)
    comparison.refresh_from_db()
    assert comparison.progress == {"done": 5, "total": 16}
    assert comparison.result["started"] == {"versions": {"torch": "2"}}
    assert comparison.result["warnings"] == [{"seq": 2, "level": "warn", "message": "Careful."}]
