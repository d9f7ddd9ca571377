import json
import subprocess
import sys

import pytest

CASE = {
    "grader": {"type": "exact_choice", "choices": ["yes", "no"]},
    "item": {"id": "a", "messages": [{"role": "user", "content": "?"}], "reference_answer": "yes"},
    "sample": "Yes.",
}


def run(lines, *arguments):
    text = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    done = subprocess.run(
        [sys.executable, "-m", "rftstudio.engine.grading", *arguments],
        input=text,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_one_grade_a_line():
    fields_only = {**CASE, "item": {"reference_answer": "no"}, "sample": {"output_text": "yes \ud800"}}
    code, rows, errors = run([CASE, b"  ", fields_only, CASE])
    assert (code, errors) == (0, "")
    assert [row["score"] for row in rows] == [1, 0, 1]
    assert rows[0]["type"] == "exact_choice"
    assert rows[0]["reason"] == "The answer is “yes”, as expected."
    assert rows[0].keys() == {
        "name",
        "type",
        "score",
        "reason",
        "error",
        "children",
        "weight",
        "metrics",
        "latency_s",
        "tokens",
    }


def test_a_grader_failure_is_a_grade_not_a_bad_line():
    code, rows, _ = run([{**CASE, "item": {}}])
    assert code == 0
    assert rows[0]["score"] is None
    assert rows[0]["error"]["flag"] == "invalid_variable_error"


@pytest.mark.parametrize(
    ("line", "path", "says"),
    [
        (b"{", "line 2", "not JSON"),
        (b"[" * 100_000, "line 2", "nested too deeply"),
        (b"\xff\xfe", "line 2", "not JSON"),
        (b"[]", "line 2", "not a JSON object"),
        ({"grader": {}, "item": {}}, "line 2", "`sample` is missing"),
        ({**CASE, "grader": {"type": "exact_choise"}}, "line 2: grader.type", "Unknown grader type"),
        ({**CASE, "grader": 5}, "line 2: grader", "must be a JSON object"),
        ({**CASE, "item": 5}, "line 2: item", "not a JSON object"),
        ({**CASE, "item": {"messages": []}}, "line 2: item.messages", "missing or empty"),
        ({**CASE, "sample": {"text": "x"}}, "line 2: sample", "output_text"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_graded(line, path, says):
    code, rows, errors = run([CASE, line, CASE])
    assert (code, errors) == (2, "")
    assert [row.get("score") for row in rows] == [1, None, 1]
    assert rows[1]["line"] == 2
    assert rows[1]["error"]["path"] == path
    assert says in rows[1]["error"]["message"]
    assert rows[1]["error"]["fix"]


def test_nothing_in_nothing_out():
    assert run([]) == (0, [], "")


def test_help():
    done = subprocess.run(
        [sys.executable, "-m", "rftstudio.engine.grading", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "cases.jsonl" in done.stdout


def test_starts_without_django_torch_or_any_heavy_library():
    heavy = [
        "django",
        "torch",
        "transformers",
        "numpy",
        "scipy",
        "nltk",
        "sacrebleu",
        "rouge_score",
        "rapidfuzz",
        "jsonschema",
    ]
    code = f"import sys, rftstudio.engine.grading.__main__; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
