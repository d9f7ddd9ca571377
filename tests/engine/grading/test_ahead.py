"""Answers graded while others are being written: a judge is asked at once, what computes here waits for the end."""

import threading
import time
from typing import Any

import pytest

from rftstudio.engine.grading import grade_many, parse_spec
from rftstudio.engine.grading.ahead import GradingAhead
from rftstudio.engine.types import Item, Sample
from tests.engine.judge_server import JudgeServer, completion, graded, judged

JUDGE = parse_spec({"type": "judge", "model": "judge", "instruction": "Is it red?"})
STRING = {"type": "string_check", "input": "{{ sample.output_text }}", "reference": "red", "operation": "eq"}
ITEM = Item("1", ())


def verdict(body: dict[str, Any]) -> Any:
    return completion({"q1": {"reason": "So.", "choice": "yes" if graded(body) == "red" else "no"}})


def reached(server: JudgeServer, count: int) -> bool:
    deadline = time.monotonic() + 10
    while len(server.requests) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(server.requests) == count


def test_a_judge_is_asked_as_soon_as_an_answer_is_there() -> None:
    with JudgeServer(verdict) as server, judged(server):
        grading = GradingAhead(JUDGE)
        grading.add(1, ITEM, Sample("blue"))
        assert reached(server, 1)
        grading.add(0, ITEM, Sample("red"))
        assert [grade.score for grade in grading.grades()] == [1.0, 0.0]
        grading.add(0, ITEM, Sample("green"))
        assert [grade.score for grade in grading.grades()] == [0.0]
        grading.close()


@pytest.mark.parametrize(
    "spec",
    [
        STRING,
        {"type": "python", "source": "def grade(sample, item):\n    return float(sample['output_text'] == 'red')\n"},
    ],
)
def test_what_computes_here_is_graded_at_the_end_and_the_same(spec: dict[str, Any]) -> None:
    grading = GradingAhead(parse_spec(spec))
    assert not grading.at_once
    samples = [Sample("red"), Sample("blue"), Sample("red")]
    for number in (2, 0, 1):
        grading.add(number, ITEM, samples[number])
    found = [grade.score for grade in grading.grades()]
    assert found == [1.0, 0.0, 1.0]
    assert found == [grade.score for grade in grade_many(parse_spec(spec), [(ITEM, sample) for sample in samples])]
    assert grading.grades() == []


def test_a_python_part_keeps_the_whole_for_the_end() -> None:
    python = {"type": "python", "source": "def grade(sample, item):\n    return 1.0\n"}
    judge = {"type": "judge", "model": "judge", "instruction": "Is it red?"}
    both = {"type": "multi", "graders": {"a": python, "b": judge}, "calculate_output": "a * b"}
    assert not GradingAhead(parse_spec(both)).at_once


def test_closed_it_asks_nothing_further() -> None:
    let_go = threading.Event()

    def slow(body: dict[str, Any]) -> Any:
        let_go.wait(10)
        return verdict(body)

    with JudgeServer(slow) as server, judged(server, concurrency=1):
        grading = GradingAhead(JUDGE)
        for number in range(200):
            grading.add(number, ITEM, Sample(f"red {number}"))
        assert reached(server, 1)
        grading.close()
        let_go.set()
        time.sleep(0.2)
        assert len(server.requests) < 100
