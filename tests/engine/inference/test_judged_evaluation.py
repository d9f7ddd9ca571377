"""A comparison whose grader asks a judge and a service: counted, bounded, gone on with."""

import json
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.inference.evaluation import run
from rftstudio.engine.job import Adapter, Job, Model, write_job
from rftstudio.engine.types import Item
from tests.engine.judge_server import JudgeServer, Said, completion
from tests.engine.tiny import rows, save_tiny_model

JUDGED = {
    "type": "score_model",
    "model": "ours",
    "input": [{"role": "user", "content": "{{ sample.output_text }} {{ item.reference_answer }}"}],
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def make(directory: Path, model: Path, grader: dict[str, Any], *, count: int = 5, **given: Any) -> Path:
    judges, secrets = given.pop("judges", ()), given.pop("secrets", {})
    job = Job(
        kind="evaluation",
        model=Model(str(model), "tiny"),
        grader=grader,
        settings={"samples": 2, "max_completion_length": 6, **given},
        data={"items": "items.jsonl"},
        seed=4,
        adapters=(Adapter("base"),),
        judges=tuple(judges),
        secrets=secrets,
    )
    write_job(directory, job, {"items": [Item.from_json(row) for row in rows(count, shots=1)]})
    return directory


def answer(body: dict[str, Any]) -> Said:
    return completion({"steps": [], "result": 0.25})


def test_it_is_graded_by_the_judge_and_says_what_that_cost(tmp_path: Path, model: Path) -> None:
    with JudgeServer(answer) as server:
        endpoint = server.endpoint("ours", price_in=1.0, price_out=2.0)
        directory = make(tmp_path / "job", model, JUDGED, judges=[endpoint.to_json()])
        assert run(directory) == 0
    result = json.loads((directory / "result.json").read_text())
    assert result["models"]["base"]["mean_score"] == 0.25
    assert result["judges"]["tokens"] == 120 * len(server.requests)
    assert result["judges"]["cost"] == pytest.approx(140e-6 * len(server.requests))


def test_a_used_up_budget_keeps_what_is_graded_and_a_larger_one_goes_on(tmp_path: Path, model: Path) -> None:
    with JudgeServer(answer) as server:
        judges = [server.endpoint("ours").to_json()]
        directory = make(tmp_path / "job", model, JUDGED, judges=judges, judge_tokens=8000, count=100)
        assert run(directory) == 4
        told, last = (json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()[-2:])
        assert "budget of 8,000 tokens is used up" in last["message"]
        assert told["type"] == "progress"
        assert told["data"]["judges"]["used_up"] == "The judge budget of 8,000 tokens is used up."
        assert told["data"]["judges"]["total_tokens"] == 120 * len(server.requests) >= 8000
        kept = (directory / "answers.jsonl").read_text().splitlines()
        assert all(json.loads(line)["score"] is not None for line in kept)
        job = json.loads((directory / "job.json").read_text())
        job["settings"]["judge_tokens"] = 0
        (directory / "job.json").write_text(json.dumps(job))
        assert run(directory) == 0
        asked = [json.dumps(body["messages"]) for body in server.bodies]
        assert len(asked) == len(set(asked))
    assert json.loads((directory / "result.json").read_text())["models"]["base"]["n_no_score"] == 0


def test_a_service_gets_its_secret_from_the_environment(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVATE_ENDPOINTS", "127.0.0.1")
    monkeypatch.setenv("RFT_SECRET_1", "hush")
    with JudgeServer(lambda body: Said(b'{"score": 0.5}')) as server:
        grader = {"type": "endpoint", "url": server.url, "secret": "ours"}
        directory = make(tmp_path / "job", model, grader, secrets={"ours": "RFT_SECRET_1"})
        assert run(directory) == 0
        assert {headers["Authorization"] for headers, _ in server.requests} == {"Bearer hush"}
    assert "hush" not in "".join(path.read_text() for path in directory.glob("*.json*"))
    monkeypatch.delenv("RFT_SECRET_1")
    assert run(make(tmp_path / "other", model, grader, secrets={"ours": "RFT_SECRET_1"})) == 2
