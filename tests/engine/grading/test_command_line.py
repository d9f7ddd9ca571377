import json
import subprocess
import sys

import pytest

from tests.engine.judge_server import Said, completion

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


JUDGED = {
    "grader": {"type": "judge", "model": "ours", "instruction": "Is it so?"},
    "item": {},
    "sample": "It is.",
}


def judges_file(path, server, **changes):
    row = {**server.endpoint("ours", key_env="OUR_KEY").to_json(), **changes}
    path.write_text(json.dumps([row]))
    return str(path)


def test_judges_are_asked_many_at_a_time_and_lines_keep_their_order(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("OUR_KEY", "sk-1")
    verdict = {"q1": {"reason": "Yes.", "choice": "yes"}}
    server = serve(lambda body: Said(completion(verdict).body, delay=0.2))
    lines = [{**JUDGED, "sample": f"It is {n}."} for n in range(8)]
    code, rows, errors = run([lines[0], b"{", CASE, *lines[1:]], "--judges", judges_file(tmp_path / "j.json", server))
    assert (code, errors) == (2, "")
    assert [row.get("score") for row in rows] == [1, None, 1, *[1] * 7]
    assert rows[1]["line"] == 2
    assert rows[0]["tokens"] == 120
    assert server.most_in_flight == 8
    assert server.requests[0][0]["Authorization"] == "Bearer sk-1"


def test_without_judges_a_judging_grader_says_so():
    code, rows, _ = run([JUDGED])
    assert (code, rows[0]["error"]["flag"]) == (0, "model_grader_server_error")
    assert "no judge is set up" in rows[0]["reason"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": "sk-1"}, "A key does not belong into a file"),
        ({"key_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE, which is not set"),
        ({"key_env": "1 2"}, "no name of a variable"),
        ({"concurrency": 0}, "at least one call"),
        ({"concurrency": 1.5}, "a whole number"),
        ({"timeout_s": "long"}, "a number"),
        ({"timeout_s": 1e9}, "not a usable time"),
        ({"price_in": -1}, "not negative"),
        ({"allow_private": "yes"}, "true or false"),
        ({"base_url": None}, "`base_url` is missing"),
        ({"colour": "red"}, "Unknown field"),
    ],
)
def test_judges_written_wrongly(serve, tmp_path, changes, says):
    server = serve(lambda body: completion("x"))
    code, rows, errors = run([], "--judges", judges_file(tmp_path / "j.json", server, **{"key_env": "", **changes}))
    assert (code, rows) == (2, [])
    assert "j.json[0]" in errors or "NOT_SET" in errors
    assert says in errors


def test_a_file_of_judges_that_cannot_be_read(tmp_path):
    for text, says in (("{", "cannot be read as JSON"), ("{}", "must be a list"), ("[1]", "must be a JSON object")):
        (tmp_path / "j.json").write_text(text)
        code, _, errors = run([], "--judges", str(tmp_path / "j.json"))
        assert (code, says in errors) == (2, True)
    assert "no such file" in run([], "--judges", str(tmp_path / "none.json"))[2]


def test_a_secret_is_sent_only_where_it_is_named(serve, monkeypatch):
    monkeypatch.setenv("OURS", "hush")
    monkeypatch.setenv("PRIVATE_ENDPOINTS", "127.0.0.1")
    server = serve(lambda body: Said(b'{"score": 1}'))
    line = {"grader": {"type": "endpoint", "url": server.url, "secret": "OURS"}, "item": {}, "sample": "x"}
    assert run([line])[1][0]["score"] is None
    assert server.requests == []
    assert run([line], "--secret", "OURS")[1][0]["score"] == 1
    assert server.requests[0][0]["Authorization"] == "Bearer hush"
    assert "NOT_SET_ANYWHERE is not set" in run([], "--secret", "NOT_SET_ANYWHERE")[2]


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
        "httpcore2",
    ]
    code = f"import sys, rftstudio.engine.grading.__main__; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
