"""Trackers are told every figure once, through their own libraries; one that fails costs the training nothing."""

import json
from pathlib import Path

import pytest

from rftstudio.engine.training import reporter, tracking
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import MakeJob, curve, log
from tests.engine.training.test_endings import ALWAYS, cut
from tests.engine.training.test_sft import WARM
from tests.engine.training.test_survives import Killed, kill_at

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What `Tracking` sets is taken back; MLflow writes into a folder, which it wants to be asked for."""
    names = ("TENSORBOARD_LOGGING_DIR", "MLFLOW_RUN_ID", "WANDB_DIR", "WANDB_RUN_ID", *tracking.PATIENCE)
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlflow").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "rft")


def reports_to(directory: Path, *names: str) -> Path:
    path = directory / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "report_to": list(names)}))
    return directory


def drawn(directory: Path) -> dict[str, dict[int, list[float]]]:
    """What TensorBoard reads back: by name, every value that was written for a step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, dict[int, list[float]]] = {}
    for file in sorted((directory / "tensorboard").iterdir()):
        read = EventAccumulator(str(file), size_guidance={"scalars": 0})
        read.Reload()
        for name in read.Tags()["scalars"]:
            for one in read.Scalars(name):
                found.setdefault(name, {}).setdefault(one.step, []).append(one.value)
    return found


def test_tensorboard_has_every_step_once_and_the_training_is_the_same(make_job: MakeJob) -> None:
    plain = make_job("plain")
    assert run(plain) == 0
    directory = reports_to(make_job("told"), "tensorboard")
    assert run(directory) == 0
    assert curve(directory) == curve(plain)
    found = drawn(directory)
    reported = curve(directory)
    assert found["train/train_reward_mean"] == {
        step: [pytest.approx(train, abs=1e-6)] for step, (train, _) in reported.items() if train is not None
    }
    assert found["eval/reward_mean"] == {
        step: [pytest.approx(valid, abs=1e-6)] for step, (_, valid) in reported.items() if valid is not None
    }
    assert sorted(found["eval/reward_mean"]) == [0, 2, 4, 6]
    assert {"train/entropy", "train/timing.sampling", "eval/reward_ci.0"} <= set(found)


@pytest.mark.parametrize("updates", [1, 2])
def test_killed_and_started_again_each_step_is_told_once_in_one_run(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, updates: int
) -> None:
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 1e9)  # steps are done again, and must not be told again
    directory = reports_to(make_job(updates_per_batch=updates), "tensorboard", "mlflow")
    with monkeypatch.context() as patch:
        kill_at(patch, 14)
        with pytest.raises(Killed):
            run(directory)
    import mlflow

    mlflow.end_run()  # in a process of its own it would end with it
    assert run(directory) == 0
    assert {step: len(values) for step, values in drawn(directory)["train/train_reward_mean"].items()} == dict.fromkeys(
        range(1, 7), 1
    )
    client = mlflow.MlflowClient()
    (experiment,) = [one for one in client.search_experiments() if one.name == "rft"]
    (found,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(found.info.run_id, "eval_reward_mean")
    told = {one.step: one.value for one in history}
    assert len(history) == len(told) == 4
    assert told == {step: pytest.approx(valid) for step, (_, valid) in curve(directory).items() if valid is not None}
    assert found.info.status == "FINISHED"
    assert found.info.run_name == directory.name
    assert [row for row in log(directory, "events.jsonl") if row["type"] == "tracker"] == []


def mlflow_steps(directory: Path) -> tuple[str, list[int]]:
    """The state of the training's one run at MLflow, and for which steps it knows how long they took."""
    import mlflow

    client = mlflow.MlflowClient()
    (experiment,) = [one for one in client.search_experiments() if one.name == "rft"]
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == directory.name
    return found.info.status, [one.step for one in client.get_metric_history(found.info.run_id, "timing.step")]


def test_one_that_was_away_is_told_at_the_next_start_and_the_others_not_again(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = reports_to(make_job(), "tensorboard", "mlflow")
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens there
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        kill_at(patch, 14)
        with pytest.raises(Killed):
            run(directory)
    assert run(directory) == 0
    assert mlflow_steps(directory) == ("FINISHED", list(range(7)))
    assert {step: len(values) for step, values in drawn(directory)["train/timing.step"].items()} == dict.fromkeys(
        range(7), 1
    )


def test_a_training_that_has_nothing_left_to_train_tells_what_is_left(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = reports_to(make_job(grader=ALWAYS, patience=2, eval_interval=1), "tensorboard", "mlflow")
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        assert run(directory) == 0
    cut(directory / "events.jsonl", 1)  # killed after its last checkpoint, before it said that it was over
    (directory / "result.json").unlink()
    assert run(directory) == 0
    assert mlflow_steps(directory) == ("FINISHED", [0, 1, 2])
    assert {step: len(values) for step, values in drawn(directory)["train/timing.step"].items()} == dict.fromkeys(
        range(3), 1
    )


def test_what_counts_as_told_has_arrived(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    directory = reports_to(make_job(steps=2), "mlflow")
    real, arrived = mlflow.log_metrics, []

    def watched(*given: object, **named: object) -> object:
        arrived.append(named.get("synchronous"))
        return real(*given, **named)

    monkeypatch.setattr(mlflow, "log_metrics", watched)
    assert run(directory) == 0
    assert len(arrived) == 3
    assert False not in arrived, "what is sent in the background dies with the process"


def test_two_stages_are_one_run(make_job: MakeJob) -> None:
    import mlflow

    directory = reports_to(make_job(**WARM), "tensorboard", "mlflow")
    assert run(directory) == 0
    client = mlflow.MlflowClient()
    (experiment,) = [one for one in client.search_experiments() if one.name == "rft"]
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    told = [one.step for one in client.get_metric_history(found.info.run_id, "eval_reward_mean")]
    assert told == [step for step, (_, valid) in curve(directory).items() if valid is not None]
    assert sorted(drawn(directory)["train/tokens_seen"]) == [1, 2, 3, 4, 5, 6]


def test_a_tracker_that_fails_is_said_once_and_the_others_go_on(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    plain = make_job("plain")
    assert run(plain) == 0
    directory = reports_to(make_job("told"), "mlflow", "tensorboard")
    assert run(directory) == 0
    assert curve(directory) == curve(plain)
    (said,) = [row for row in log(directory, "events.jsonl") if row["type"] == "tracker"]
    assert said["level"] == "warn"
    assert said["message"].startswith("MLflow could not be told the figures")
    assert "goes on without it" in said["message"]
    assert len(drawn(directory)["train/train_reward_mean"]) == 6


def test_one_that_fails_in_the_middle(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils.tensorboard import SummaryWriter

    directory = reports_to(make_job(), "tensorboard")
    real = SummaryWriter.add_scalar

    def full(self: SummaryWriter, tag: str, value: float, step: int) -> None:
        if step == 3:
            raise OSError(28, "No space left on device")
        real(self, tag, value, step)

    monkeypatch.setattr(SummaryWriter, "add_scalar", full)
    assert run(directory) == 0
    said = [row["message"] for row in log(directory, "events.jsonl") if row["type"] == "tracker"]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert sorted(curve(directory)) == list(range(7))


def test_refused_before_anything_is_loaded(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = reports_to(make_job("nowhere"), "mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert run(directory) == 2
    assert "MLFLOW_TRACKING_URI does not say" in log(directory, "events.jsonl")[-1]["message"]
    directory = reports_to(make_job("missing"), "tensorboard")
    monkeypatch.setattr("rftstudio.engine.trackers.find_spec", lambda name: None)
    assert run(directory) == 2
    assert "pip install tensorboard" in log(directory, "events.jsonl")[-1]["message"]


def test_weights_and_biases_offline(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    directory = reports_to(make_job(), "wandb")
    assert run(directory) == 0
    assert [row for row in log(directory, "events.jsonl") if row["type"] == "tracker"] == []
    assert list((directory / "wandb").glob("offline-run-*/*.wandb"))


def test_no_secret_is_written(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-plainly-plainly")
    directory = reports_to(make_job(), "mlflow", "tensorboard")
    assert run(directory) == 0
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert {"job.json", "tracking.json"} <= {path.name for path in files}
    assert [path.name for path in files if b"tok-plainly" in path.read_bytes()] == []
