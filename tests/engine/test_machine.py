"""How many jobs a machine runs at once."""

import pytest
from django.conf import settings

from rftstudio.engine import machine

GB = 1 << 30


@pytest.mark.parametrize(
    ("cores", "memory", "places"),
    [(1, 1, 1), (2, 24, 1), (4, 64, 1), (7, 64, 1), (8, 11, 1), (8, 12, 2), (16, 64, 4), (16, 20, 3), (128, 2000, 8)],
)
def test_places(cores, memory, places):
    assert machine.places(cores, memory * GB) == places


def test_a_container_counts_by_its_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    whole = machine.cores(), machine.memory()
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(f"{GB}\n")
    assert (machine.cores(), machine.memory()) == (1, GB)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert (machine.cores(), machine.memory()) == whole


def test_a_gpu_is_for_one_job(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "DEVICES", tmp_path)
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(machine, "cores", lambda: 16)
    monkeypatch.setattr(machine, "memory", lambda: 128 * GB)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert machine.places_here() == 4
    (tmp_path / "nvidiactl").touch()
    assert machine.places_here() == 4, "a driver is no GPU"
    (tmp_path / "nvidia0").touch()
    assert machine.places_here() == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert machine.places_here() == 4
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    (tmp_path / "nvidia0").unlink()
    (tmp_path / "kfd").touch()
    assert machine.places_here() == 1


def test_jobs_at_once_share_the_cores(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 16)
    assert machine.threads_each(1) is None, "a single one may have them all"
    assert (machine.threads_each(3), machine.threads_each(40)) == (5, 1)


def test_no_place_at_all_stops_the_start(tmp_path):
    import os
    import subprocess
    import sys

    def start(value: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "rftstudio.settings", "DATA_DIR": str(tmp_path)}
        code = "from django.conf import settings; print(settings.MAX_RUNNING_JOBS)"
        env = {**env, "MAX_RUNNING_JOBS": value} if value else {k: v for k, v in env.items() if k != "MAX_RUNNING_JOBS"}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=env, capture_output=True, text=True, cwd=settings.BASE_DIR, check=False)

    assert "MAX_RUNNING_JOBS=0 would let nothing run. Use 1 or more." in start("0").stderr
    assert start("3").stdout == "3\n"
    assert start("").stdout == f"{machine.places_here()}\n"
