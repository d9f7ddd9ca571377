"""Fifty kills at moments drawn by chance: the child, its supervisor, the worker, the web server, all of them at once.

What is left is what an undisturbed training leaves: the same weights to the byte, every event and every answer once, in
the files and in the rows. The moments are seed-fixed: either so many steps after the last kill, or so many seconds,
which often is before the child has loaded its model. A grader that takes its time keeps the training going meanwhile.
RFT_TEST_SEED draws other moments.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings

from rftstudio.engine.events import read
from rftstudio.engine.launch.environment import environment
from rftstudio.registry.actions import register_local
from rftstudio.runs.jobs import Status
from tests.engine.judge_server import JudgeServer, Said
from tests.factories import make_grader, make_run, make_taskset
from tests.runs.conftest import started
from tests.runs.household import Household, Reader, wait
from tests.runs.test_supervisor import ended
from tests.runs.test_worker import broker  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.timeout(1800)]

KILLS = 50
STEPS = 300
VICTIMS = ("child", "supervisor", "worker", "web", "child supervisor worker web")
SETTINGS = {"steps": STEPS, "eval_interval": 10, "batch_size": 8, "group_size": 4, "max_completion_length": 4}
SLOW = 0.3  # seconds for a mark while there is somebody to be killed
PATIENCE = 300  # seconds for anything at all


class Kill(NamedTuple):
    """after: steps or seconds since the last one."""

    victims: tuple[str, ...]
    unit: str
    after: float


def moments(seed: int) -> list[Kill]:
    """Every victim equally often. Of three deaths of the child in a row one has to be after a new step: a job that dies
    four times without getting any further is given up, as it should be."""
    chance = random.Random(seed)
    victims = [VICTIMS[place % len(VICTIMS)] for place in range(KILLS)]
    chance.shuffle(victims)
    found, barren = [], 0
    for names in victims:
        steps = chance.random() < 0.5 or ("child" in names and barren == 2)
        if "child" in names:
            barren = 0 if steps else barren + 1
        unit, after = ("steps", chance.randint(1, 4)) if steps else ("seconds", round(chance.uniform(0.1, 5.0), 2))
        found.append(Kill(tuple(names.split()), unit, after))
    return found


@pytest.fixture
def marker(monkeypatch):
    """A grader behind HTTP whose marks are a function of the answer."""

    def mark(body: dict[str, Any]) -> Said:
        score = sum(body["sample"]["output_text"].encode()) % 5 / 4
        return Said(json.dumps({"score": score}).encode(), delay=server.seconds)

    with JudgeServer(mark) as server:
        server.seconds = 0.0
        monkeypatch.setenv("PRIVATE_ENDPOINTS", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def run(processes, marker, workspace, monkeypatch, tmp_path):
    from tests.engine.tiny import save_tiny_model

    monkeypatch.setenv("RFT_TEST_ENGINE", "real")
    monkeypatch.setenv("RFT_TEST_LOOK_SECONDS", "1")
    monkeypatch.setenv("JOB_STALE_SECONDS", "4")
    monkeypatch.setenv("JOB_START_SECONDS", "12")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny"))
    taskset = make_taskset(workspace=workspace, published=True, worked_examples=[], instructions="answer with one word")
    spec = {"type": "endpoint", "url": f"http://127.0.0.1:{marker.port}/grade"}
    make_grader(taskset=taskset, spec=spec, published=True)
    return make_run(workspace=workspace, taskset=taskset, base_model=model, settings=SETTINGS)


@pytest.fixture
def undisturbed(run, monkeypatch, tmp_path) -> Path:
    """The same job, run by hand to its end."""
    directory = tmp_path / "undisturbed"
    shutil.copytree(run.directory, directory)
    command = [sys.executable, "-P", "-m", "rftstudio.engine.training", str(directory)]
    subprocess.run(command, env=environment(os.environ), check=True, capture_output=True, cwd=directory)
    return directory


@pytest.fixture
def household(broker, run, tmp_path):  # noqa: F811
    home = Household(broker=broker, folder=tmp_path)
    home.start("worker")
    home.start("web")
    yield home
    home.close()


def told(directory: Path) -> int:
    """How many steps the training has reported."""
    try:
        return (directory / "events.jsonl").read_bytes().count(b'"type": "metrics"')
    except FileNotFoundError:
        return 0


def rows(directory: Path, name: str) -> list[dict[str, Any]]:
    return list(read(directory / f"{name}.jsonl"))


def metrics(directory: Path) -> dict[int, tuple[Any, Any, Any]]:
    names = ("train_reward_mean", "valid_reward_mean", "grad_norm")
    found = [row["data"] for row in rows(directory, "events") if row["type"] == "metrics"]
    return {data["step"]: tuple(data.get(name) for name in names) for data in found}


def answers(directory: Path) -> dict[str, tuple[Any, ...]]:
    names = ("item_id", "text", "reward", "advantage")
    return {row["key"]: tuple(row[name] for name in names) for row in rows(directory, "rollouts")}


def check_whole(run: Any) -> None:
    """Every line once in the files, and the same in the rows."""
    for name, stored in (("events", run.events), ("rollouts", run.rollouts)):
        written = rows(run.directory, name)
        assert [row["seq"] for row in written] == list(range(1, len(written) + 1))
        keys = [row["key"] for row in written if "key" in row]
        assert len(keys) == len(set(keys))
        assert list(stored.order_by("seq").values_list("seq", flat=True)) == [row["seq"] for row in written]
    events = [(row["seq"], row["type"], row["message"], row["data"]) for row in rows(run.directory, "events")]
    assert list(run.events.order_by("seq").values_list("seq", "type", "message", "data")) == events
    texts = [(row["seq"], row["step"], row["text"], row["reward"]) for row in rows(run.directory, "rollouts")]
    assert list(run.rollouts.order_by("seq").values_list("seq", "step", "text", "reward")) == texts
    kept = {path.name for path in (run.directory / "checkpoints").glob("step-*")}
    assert {f"step-{one.step}" for one in run.checkpoints.filter(removed=False)} == kept
    assert not list((run.directory / "checkpoints").glob(".*"))


def test_fifty_kills_leave_what_none_leaves(run, undisturbed, household, marker, bob, as_bob):
    marker.seconds = SLOW
    log = Path(settings.JOBS_DIR) / "supervisors.log"  # other tests' supervisors have written into it as well
    written = log.stat().st_size if log.exists() else 0
    page = Reader(f"http://127.0.0.1:{household.port}/runs/{run.pk}/points/", as_bob.cookies["sessionid"].value)
    page.start()
    wait(lambda: told(run.directory) > 1, seconds=PATIENCE, what="the first step")
    killed: Counter[str] = Counter()
    for number, kill in enumerate(moments(seed=int(os.environ.get("RFT_TEST_SEED", 8))), start=1):
        if kill.unit == "steps":
            aim = told(run.directory) + kill.after
            what = f"kill {number} of {KILLS}, {kill.after} steps after the one before"
            wait(lambda aim=aim: told(run.directory) >= aim, seconds=PATIENCE, what=what)
        else:
            page.done.wait(kill.after)
        print(f"kill {number:2} at step {told(run.directory) - 1:3}: {', '.join(kill.victims)}", flush=True)
        for victim in kill.victims:
            killed[victim] += household.kill(victim)
        for victim in {"worker", "web"} & set(kill.victims):
            household.start(victim)
        run.refresh_from_db()
        assert run.status == Status.RUNNING, f"after kill {number}: {run.status} {run.error}"
    assert told(run.directory) < STEPS, "all kills were in the middle"
    marker.seconds = 0.0
    wait(lambda: ended(run), seconds=PATIENCE, what="the end")
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    wait(lambda: len(page.steps) > STEPS, seconds=PATIENCE, what="the open page")
    page.done.set()
    wait(lambda: not started(), seconds=60, what="the last process")

    print(f"{killed} in all {sum(killed.values())} processes; page: {page.answers} answers, {page.refused} refusals")
    assert killed["worker"] == killed["web"] == 2 * KILLS / len(VICTIMS)
    assert killed["child"] > KILLS / len(VICTIMS)
    assert page.steps == list(range(STEPS + 1)), "an open page misses nothing and gets nothing twice"
    check_whole(run)
    assert metrics(run.directory) == metrics(undisturbed)
    assert answers(run.directory) == answers(undisturbed)
    result, expected = (json.loads((one / "result.json").read_text()) for one in (run.directory, undisturbed))
    assert {**result, "seconds": 0} == {**expected, "seconds": 0}
    for step in (result["best_step"], STEPS):
        weights = f"checkpoints/step-{step}/adapter_model.safetensors"
        assert (run.directory / weights).read_bytes() == (undisturbed / weights).read_bytes()
    assert run.tuned_model.adapter_hash == expected["adapter_hash"]
    assert "cannot be taken in" not in log.read_bytes()[written:].decode()
