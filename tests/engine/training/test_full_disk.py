"""A disk that fills up under a training, for real: a sentence, nothing broken, the same result once there is room."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rftstudio.engine.events import Log, read
from rftstudio.engine.faults import DISK_FULL
from rftstudio.engine.training import reporter
from rftstudio.engine.training.run import run
from tests.engine.small_disk import fill, small_disk
from tests.engine.training.conftest import MakeJob, log
from tests.engine.training.test_survives import check_same


def rows(log: Log) -> list[int]:
    return [row["seq"] for row in read(log.path)]


def test_a_log_on_a_full_disk_keeps_whole_lines_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=256) as disk:
        events = Log(disk / "events.jsonl")
        filler = fill(disk, leave=20_000)
        row = {"type": "metrics", "text": "x" * 3000}
        keys = [f"metrics:{number}" for number in range(40)]
        with pytest.raises(OSError, match="No space"):
            events.append_many([row] * 40, keys=keys)
        written = rows(events)
        assert 2 < len(written) < 40, "those that had room"
        assert events.path.read_bytes().endswith(b"}\n"), "nothing torn"
        with pytest.raises(OSError, match="No space"):
            events.append(row, key="metrics:39")
        filler.unlink()
        assert events.append_many([row] * 40, keys=keys) == 40 - len(written)
        events.close()
        assert rows(events) == list(range(1, 41))
        assert [row["key"] for row in read(events.path)] == keys


@pytest.mark.parametrize("room", [0, 9_000, 30_000, 90_000, 150_000, 250_000, 400_000])
def test_the_disk_fills_up(make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """With so many bytes left when it starts it is stopped by one file or another: logs, weights, optimizer, result."""
    monkeypatch.setattr(reporter, "RECOVERY_SECONDS", 0.0)
    reference = make_job("reference")
    assert run(reference) == 0
    with small_disk(tmp_path / "disk", kilobytes=4096) as disk:
        directory = disk / "job"
        shutil.copytree(make_job("original"), directory)
        filler = fill(disk, leave=room)
        assert run(directory) == DISK_FULL.code
        for name in ("events.jsonl", "rollouts.jsonl"):
            text = (directory / name).read_text() if (directory / name).exists() else ""
            assert not text or text.endswith("\n")
        assert not list((directory / "checkpoints").glob(".*.part")), "half a checkpoint would keep the disk full"
        assert run(directory) == DISK_FULL.code, "it is still full"
        filler.unlink()
        assert run(directory) == 0
        check_same(directory, reference)


@pytest.mark.slow
def test_the_real_process_says_so_by_its_exit_code(make_job: MakeJob, tmp_path: Path) -> None:
    """Its output goes to the same disk; Python alone would end with 120 when it cannot write it."""
    with small_disk(tmp_path / "disk", kilobytes=2048) as disk:
        directory = disk / "job"
        shutil.copytree(make_job("original"), directory)
        fill(disk)
        with (directory / "log.txt").open("ab") as output:
            command = [sys.executable, "-m", "rftstudio.engine.training", str(directory)]
            for env in ({}, {"PYTHONUNBUFFERED": "1"}):
                ended = subprocess.run(command, stdout=output, stderr=output, env={**os.environ, **env})
                assert ended.returncode == DISK_FULL.code


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_a_full_disk(make_job: MakeJob) -> None:
    directory = make_job()

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    command = [sys.executable, "-m", "rftstudio.engine.training", str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)
    assert ended.returncode == DISK_FULL.code, ended.stderr
    last = log(directory, "events.jsonl")[-1]
    assert (last["type"], last["message"]) == ("finished", DISK_FULL.sentence)
    assert run(directory) == 0
    assert json.loads((directory / "result.json").read_text())["status"] == "succeeded"
