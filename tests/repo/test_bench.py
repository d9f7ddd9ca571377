"""The timings run, on a model too small to say anything of speed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.training]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from tests.engine.tiny import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("bench") / "tiny", context=1024)


def bench(name, *arguments):
    command = [sys.executable, "-m", f"tests.bench.{name}", *map(str, arguments), "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_step_is_timed_against_stock_trl(model):
    found = bench("training", "--shape", "A", "--steps", 1, "--random", "tiny", "--model", model)
    assert found["ratio"] == pytest.approx(found["trl_seconds"] / found["ours_seconds"], rel=0.05)
    assert found["ours_sampling_s"] > 0
    assert found["memory_ratio"] > 0
    assert found["ours_share_of_limit"] > 0
    assert found["trl_sampled_tokens_per_second"] > 0


def test_sampling_is_timed_against_generate(model):
    found = bench("sampling", "--shape", "A", "--rounds", 1, "--model", model)
    assert found["new_tokens"] == 4 * 8 * 8
    assert found["ours_tokens_per_second"] > 0
    assert found["limit_gflops"] > 0


def test_what_the_studio_adds_is_measured_on_a_real_run(model):
    found = bench("studio", "--steps", 2, "--model", model)
    assert found["steps"] == 2
    assert found["first_point_s"] > 0
    assert found["supervisor_share_of_engine"] > 0
