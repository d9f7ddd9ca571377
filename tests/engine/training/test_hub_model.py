"""A job by hand on a hub model: pinned when it is written, fetched when it runs, nothing fetched afterwards."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.hub_server import Repo, repo_of, running_hub
from tests.engine.tiny import rows
from tests.engine.training.conftest import GRADER, SMALL, log

ROOT = Path(__file__).parents[3]


@pytest.fixture
def hub():
    with running_hub() as running:
        yield running


def engine(hub, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "HF_ENDPOINT": hub.url,
        "RFT_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    command = [sys.executable, "-m", "rftstudio.engine.training", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=240)


def new(hub, tmp_path: Path, model: str, *more: str) -> subprocess.CompletedProcess[str]:
    for name, count in (("train", 4), ("validation", 2)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(count)))
    (tmp_path / "grader.json").write_text(json.dumps(GRADER))
    settings = {**SMALL, "steps": 2}
    return engine(
        hub, tmp_path, "new", str(tmp_path / "job"), "--model", model, *more,
        "--train", str(tmp_path / "train.jsonl"), "--validation", str(tmp_path / "validation.jsonl"),
        "--grader", str(tmp_path / "grader.json"),
        *(part for name, value in settings.items() for part in ("--set", f"{name}={value}")),
    )  # fmt: skip


@pytest.mark.slow
def test_it_trains_and_asks_the_hub_once(hub, tmp_path, tiny_directory):
    repo = hub.repos["org/tiny"] = repo_of(tiny_directory, refs=("main", "v1"))
    repo.files |= {"modeling_tiny.py": b"raise SystemExit('ran')", "pytorch_model.bin": b"\x80"}
    written = new(hub, tmp_path, "org/tiny", "--revision", "v1")
    assert written.returncode == 0, written.stderr
    job = json.loads((tmp_path / "job" / "job.json").read_text())
    assert job["model"] == {"path": "org/tiny", "name": "org/tiny", "revision": repo.commit}
    repo.refs = ("main",)  # the tag is gone; the commit is what counts
    done = engine(hub, tmp_path, str(tmp_path / "job"))
    assert done.returncode == 0, done.stdout + done.stderr
    started = next(row for row in log(tmp_path / "job", "events.jsonl") if row["type"] == "started")
    assert started["data"]["model"]["revision"] == repo.commit
    assert not hub.asked_for("modeling_tiny.py")
    assert not hub.asked_for("pytorch_model.bin")
    hub.asked.clear()
    shutil.rmtree(tmp_path / "job")
    new(hub, tmp_path, "org/tiny", "--revision", repo.commit)
    again = engine(hub, tmp_path, str(tmp_path / "job"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert hub.asked == [], "it is here, and it is pinned"


def test_what_the_hub_does_not_have(hub, tmp_path):
    gone = new(hub, tmp_path, "org/none")
    assert gone.returncode == 2
    assert "no model org/none" in gone.stderr
    hub.repos["org/tiny"] = Repo({})
    assert "no revision called “v9”" in new(hub, tmp_path, "org/tiny", "--revision", "v9").stderr
    elsewhere = new(hub, tmp_path, "http://169.254.169.254/org/tiny")
    assert "come from 127.0.0.1" in elsewhere.stderr


def test_an_unsafe_one_is_refused_when_it_runs(hub, tmp_path, tiny_directory):
    repo = hub.repos["org/bad"] = repo_of(tiny_directory)
    repo.files["pytorch_model.bin"] = repo.files.pop("model.safetensors")
    assert new(hub, tmp_path, "org/bad").returncode == 0
    done = engine(hub, tmp_path, str(tmp_path / "job"))
    assert done.returncode == 2
    last = log(tmp_path / "job", "events.jsonl")[-1]
    assert "only pickled ones" in last["message"]
    assert last["data"]["culprit"] == "author"
