"""Child processes as jobs: started, found again, told to stop, cleared away."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from rftstudio.engine import launch
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.job import MODULES, Job, Model, write_job
from rftstudio.engine.launch import local
from rftstudio.engine.launch.environment import environment


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setitem(MODULES, "training", "tests.runs.counting_job")
    return tmp_path / "job"


@pytest.fixture
def begun():
    """Handles whose processes are killed after the test, whatever happened."""
    handles = []
    yield handles
    for handle in handles:
        local.signal(handle, signal.SIGKILL)


def make(directory, **settings):
    job = Job("training", Model(str(directory)), {}, {"steps": 2, **settings}, {})
    write_job(directory, job, {})
    return directory


def wait(handle, seconds=20):
    end = time.monotonic() + seconds
    while (code := local.poll(handle)) is None and time.monotonic() < end:
        time.sleep(0.02)
    return code


def start(directory, begun, **more):
    begun.append(local.start(directory, env=environment(os.environ), **more))
    return begun[-1]


def test_runs_to_its_end_with_its_output_in_the_log(directory, begun):
    handle = start(make(directory), begun)
    assert wait(handle) == launch.EXIT_SUCCEEDED
    assert local.collect(handle) == 0
    assert "counting from 0" in (directory / "log.txt").read_text()


def test_secrets_reach_the_child_and_no_file(directory, begun):
    handle = start(make(directory, steps=500), begun, secrets={"RFT_KEY_1": "sk-hush"})
    assert psutil.Process(handle.pid).environ()["RFT_KEY_1"] == "sk-hush"
    assert "sk-hush" not in repr(handle)
    local.signal(handle, signal.SIGKILL)
    wait(handle)
    local.collect(handle)
    for path in directory.iterdir():
        assert path.is_dir() or b"sk-hush" not in path.read_bytes(), path


def test_exit_code_of_a_failure(directory, begun):
    handle = start(make(directory, fail_at=1), begun)
    assert wait(handle) == launch.EXIT_SYSTEM
    assert "the tape is full" in (directory / "log.txt").read_text()


def test_minus_the_signal_of_a_kill(directory, begun):
    handle = start(make(directory, steps=500), begun)
    local.signal(handle, signal.SIGKILL)
    assert wait(handle) == -signal.SIGKILL
    assert local.collect(handle) == -signal.SIGKILL


def test_no_two_jobs_in_one_directory(directory, begun):
    first = start(make(directory, steps=500), begun)
    with pytest.raises(launch.Busy, match="works in"):
        start(directory, begun)
    local.signal(first, signal.SIGKILL)
    wait(first)
    local.collect(first)
    start(directory, begun)


def test_sigterm_and_the_stop_file_end_it_at_a_step(directory, begun, tmp_path):
    handle = start(make(directory, steps=5000), begun)
    time.sleep(0.5)
    launch.request_stop(directory)
    assert wait(handle) == launch.EXIT_CANCELLED
    other = start(make(tmp_path / "other", steps=5000), begun)
    while not (tmp_path / "other" / "events.jsonl").exists():
        time.sleep(0.02)
    time.sleep(0.3)
    local.signal(other, signal.SIGTERM)
    assert wait(other) == launch.EXIT_ENDED


def test_adopted_by_another_process_and_unknown_once_dead(directory, begun):
    handle = start(make(directory, steps=500), begun)
    found = local.adopt(handle.to_json())
    assert found == handle
    assert found.process is None
    assert local.poll(found) is None
    local.signal(found, signal.SIGKILL)
    assert wait(found) == launch.EXIT_UNKNOWN
    assert local.adopt(handle.to_json()) is None


def test_found_by_its_nonce_alone(directory, begun):
    handle = start(make(directory, steps=500), begun, nonce="5eafd00d")
    assert local.adopt({"nonce": "5eafd00d"}) == handle
    assert local.adopt({"nonce": "another"}) is None
    assert local.adopt({}) is None


def test_a_stranger_with_the_same_process_id_is_not_adopted(begun):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        data = {"pid": stranger.pid, "started": "somewhen", "nonce": "x"}
        assert local.adopt(data) is None
        mine = {"pid": stranger.pid, "started": local._start_mark(stranger.pid), "nonce": "x"}
        assert local.adopt(mine) is None, "the nonce must be in its environment"
        local.signal(local.Handle(stranger.pid, "somewhen", "x"), signal.SIGKILL)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_collect_ends_what_the_job_left_running(directory, begun):
    handle = start(make(directory, leave_child=60), begun)
    with pytest.raises(SystemFault, match="still runs"):
        local.collect(handle)
    assert wait(handle) == 0
    left = psutil.Process(int((directory / "child").read_text()))
    assert left.is_running()
    local.collect(handle)
    psutil.wait_procs([left], timeout=5)
    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE


def test_needs_a_whole_job(tmp_path, begun):
    tmp_path.joinpath("job.json").write_text("{")
    with pytest.raises(SpecError, match="not JSON"):
        start(tmp_path, begun)


def test_environment_holds_nothing_of_ours():
    source = {
        "PATH": "/bin", "HOME": "/home/x", "LC_ALL": "C", "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "0",
        "SECRET_KEY": "s", "DATABASE_URL": "postgres://u:p@h/d", "BROKER_URL": "redis://h", "JUDGE_KEY": "j",
        "DJANGO_SETTINGS_MODULE": "rftstudio.settings", "https_proxy": "http://p", "PRIVATE_ENDPOINTS": "10.0.0.5",
    }  # fmt: skip
    child = environment(source)
    assert {"PATH", "HOME", "LC_ALL", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"} <= set(child)
    assert not {"SECRET_KEY", "DATABASE_URL", "BROKER_URL", "JUDGE_KEY", "DJANGO_SETTINGS_MODULE"} & set(child)
    assert child["HF_HUB_OFFLINE"] == "1"
    assert child["PRIVATE_ENDPOINTS"] == "10.0.0.5"
    assert "https_proxy" not in child
    online = environment(source, offline=False, keys=["JUDGE_KEY"], threads=3)
    assert online["JUDGE_KEY"] == "j"
    assert online["https_proxy"] == "http://p"
    assert online["OMP_NUM_THREADS"] == "3"
    assert "HF_HUB_OFFLINE" not in online


def test_the_job_is_nice(directory, begun):
    handle = start(make(directory, steps=500), begun)
    assert psutil.Process(handle.pid).nice() == psutil.Process().nice() + local.NICENESS
