"""The engine itself under a supervisor, on a model small enough for a test: trained, killed, picked up, kept."""

import hashlib
import json
from pathlib import Path

import pytest

from rftstudio.graders.secrets.actions import add_secret
from rftstudio.registry.actions import register_local
from rftstudio.runs.export import tensorboard_files
from rftstudio.runs.jobs import Status
from rftstudio.runs.tasks import start_job
from tests.engine.judge_server import JudgeServer, Said
from tests.factories import make_grader, make_run, make_taskset
from tests.runs.conftest import started
from tests.runs.test_supervisor import ended

pytestmark = [pytest.mark.slow, pytest.mark.training]
STEPS = 12


@pytest.fixture
def made_of(processes, workspace, monkeypatch, tmp_path):
    """What `make_run` takes, for the real engine on a tiny model."""
    from tests.engine.tiny import save_tiny_model

    monkeypatch.setenv("RFT_TEST_ENGINE", "real")
    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny"))
    taskset = make_taskset(workspace=workspace, published=True, worked_examples=[], instructions="answer with one word")
    settings = {"steps": STEPS, "eval_interval": 4, "batch_size": 8, "group_size": 4, "max_completion_length": 4}
    return {"workspace": workspace, "taskset": taskset, "base_model": model, "settings": settings}


@pytest.fixture
def run(made_of):
    return make_run(**made_of)


def test_a_training_killed_twice_is_whole_and_kept(run, until, kill):
    assert start_job("runs", "run", run.pk)
    until(lambda: run.events.filter(type="metrics", step__gte=2).exists(), seconds=120)
    kill(started("rftstudio.engine.training")[0])
    kill(started("supervise")[0])
    until(lambda: ended(run), seconds=200, looking_round=True)
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    metrics = run.events.filter(type="metrics").order_by("seq")
    assert [event.step for event in metrics] == list(range(STEPS + 1))
    seqs = list(run.events.order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    assert run.rollouts.filter(phase="train").count() == STEPS * 8
    written = [json.loads(line) for line in (run.directory / "rollouts.jsonl").read_text().splitlines()]
    assert [row.seq for row in run.rollouts.order_by("seq")] == [row["seq"] for row in written]
    model = run.tuned_model
    weights = Path(model.path) / "adapter_model.safetensors"
    assert model.adapter_hash == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert run.result["status"] == "succeeded"
    assert model.lineage["base_valid_reward_mean"] is not None


def test_a_training_asks_an_endpoint_with_its_secret_and_writes_it_nowhere(made_of, workspace, until, monkeypatch):
    token = "tok-" + "plainly" * 6
    with JudgeServer(
        lambda body: Said(json.dumps({"score": len(body["sample"]["output_text"]) % 5 / 4}).encode())
    ) as it:
        origin = f"http://127.0.0.1:{it.port}"
        monkeypatch.setenv("PRIVATE_ENDPOINTS", f"127.0.0.1:{it.port}")
        add_secret(workspace=workspace, by=None, name="OURS", origin=origin, value=token)
        spec = {"type": "endpoint", "url": f"{origin}/grade", "secret": "OURS"}
        make_grader(taskset=made_of["taskset"], spec=spec, published=True)
        run = make_run(**{**made_of, "settings": {**made_of["settings"], "steps": 2}})
        assert run.grader_version.spec["type"] == "endpoint"
        assert start_job("runs", "run", run.pk)
        until(lambda: ended(run), seconds=120)
        assert (run.status, run.error) == (Status.SUCCEEDED, "")
        assert {headers["Authorization"] for headers, _ in it.requests} == {f"Bearer {token}"}
        assert run.rollouts.filter(phase="train", reward__isnull=False).count() == 16
    files = [path for path in run.directory.rglob("*") if path.is_file()]
    assert [path.name for path in files if token.encode() in path.read_bytes()] == []


def test_a_training_tells_trackers_from_its_own_process(made_of, until, monkeypatch, settings, tmp_path):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlflow").as_uri())
    settings.REPORT_TO = ("tensorboard", "mlflow")
    run = make_run(**{**made_of, "settings": {**made_of["settings"], "steps": 2}})
    assert start_job("runs", "run", run.pk)
    until(lambda: ended(run), seconds=120)
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert not run.events.filter(type="tracker").exists()
    assert tensorboard_files(run)
    (found,) = mlflow.MlflowClient().search_runs(["0"])
    assert found.info.run_name == f"{run.taskset_version} · {run.pk}"
    assert found.info.status == "FINISHED"
    reported = run.events.get(type="metrics", step=2).data
    assert found.data.metrics["train_reward_mean"] == pytest.approx(reported["train_reward_mean"])
    assert found.data.metrics["eval_reward_mean"] == pytest.approx(reported["valid_reward_mean"])
