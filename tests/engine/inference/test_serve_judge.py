"""The small model as a judge, in a process of its own: it can be asked, its verdicts can be read, it says it is weak."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from rftstudio.engine.grading import grade, grade_many, parse_spec
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.types import Item, Sample
from tests.engine.tiny import save_tiny_model

KINDS: list[dict[str, Any]] = [
    {"type": "judge", "model": "own", "instruction": "is it red"},
    {"type": "score_model", "model": "own", "input": [{"role": "user", "content": "{{ sample.output_text }}"}]},
    {
        "type": "label_model",
        "model": "own",
        "input": [{"role": "user", "content": "{{ sample.output_text }}"}],
        "labels": ["red", "green"],
        "passing_labels": ["red"],
    },
    {"type": "pairwise", "model": "own", "reference": "green"},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny", context=2048)


@pytest.fixture(scope="module")
def announced(model: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "rftstudio.engine.inference.serve_judge", "--model", str(model), "--port", "0"]
    process = subprocess.Popen([*command, "--idle", "120"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def judges(announced: dict[str, Any]) -> Iterator[Judges]:
    endpoint = JudgeEndpoint("own", announced["url"], announced["model"], allow_private=True, weak=True)
    found = Judges([endpoint])
    with using(Tools(judges=found)):
        yield found


def test_it_says_that_it_is_weak(announced: dict[str, Any]) -> None:
    assert announced["weak"] is True
    assert announced["url"].startswith("http://127.0.0.1:")
    row = json.loads(httpcore2.request("GET", announced["url"] + "/models").content)["data"][0]
    assert (row["id"], row["weak"]) == ("tiny", True)
    assert "weak judge" in row["note"]


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec["type"])
def test_every_kind_gets_a_verdict_that_can_be_read(judges: Judges, spec: dict[str, Any]) -> None:
    found = grade(parse_spec(spec), Item("1", ()), Sample.from_text('red "quoted" \\ one'))
    assert found.error is None
    assert 0 <= (found.score or 0) <= 1
    assert found.reason.startswith("Weak judge, for trying out only.")
    assert found.tokens > 0


def test_a_rubric_in_one_call_and_many_at_once(judges: Judges) -> None:
    check = {"type": "judge", "model": "own"}
    criteria = [{"name": f"c{n}", "sentence": f"Is number {n}.", "check": check} for n in range(3)]
    spec = parse_spec({"type": "rubric", "criteria": criteria})
    grades = grade_many(spec, [(Item(str(n), ()), Sample(f"red {n}")) for n in range(6)])
    assert all(found.score is not None for found in grades)
    assert judges.budget.spent.calls == 6


def ask(announced: dict[str, Any], row: Any, path: str = "/chat/completions") -> tuple[int, dict[str, Any]]:
    content = row if isinstance(row, bytes) else json.dumps(row).encode()
    reply = httpcore2.request("POST", announced["url"] + path, content=content)
    return reply.status, json.loads(reply.content)


def test_without_a_schema_it_just_answers(announced: dict[str, Any]) -> None:
    status, row = ask(announced, {"messages": [{"role": "user", "content": "what colour"}], "max_tokens": 5})
    assert status == 200
    assert row["choices"][0]["message"]["role"] == "assistant"
    assert row["usage"]["completion_tokens"] <= 5
    assert "weak judge" in row["note"]


@pytest.mark.parametrize(
    ("row", "status", "says"),
    [
        (b"{", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        ([], 400, "`messages`"),
        ({"messages": []}, 400, "`messages`"),
        ({"messages": [{"role": "user", "content": 5}]}, 400, "content of text"),
        ({"messages": [{"role": "user", "content": "x"}], "temperature": "hot"}, 400, "temperature"),
        ({"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "xml"}}, 400, "json_schema"),
        ({"messages": [{"role": "user", "content": "red " * 5000}]}, 400, "more than this small model can read"),
        (b"x" * 2_000_000, 413, "at most"),
    ],
)
def test_bad_requests_are_told_apart(announced: dict[str, Any], row: Any, status: int, says: str) -> None:
    found, answer = ask(announced, row)
    assert found == status
    assert says in answer["error"]["message"]


def test_nothing_else_is_served(announced: dict[str, Any]) -> None:
    assert ask(announced, {}, "/embeddings")[0] == 404


def test_a_directory_that_is_no_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rftstudio.engine.inference.serve_judge", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no config.json" in done.stderr
    assert done.stdout == ""


def test_it_ends_when_nobody_asks(model: Path) -> None:
    command = [sys.executable, "-m", "rftstudio.engine.inference.serve_judge", "--model", str(model), "--idle", "0.2"]
    assert subprocess.run(command, capture_output=True, timeout=90, check=False).returncode == 0
