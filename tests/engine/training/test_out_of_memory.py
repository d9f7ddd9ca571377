"""Memory that runs out in the middle of a training, for real: a limit is put on the process, then taken away."""

import os
import resource
import subprocess
import sys
import time

import psutil
import pytest

from rftstudio.engine.faults import OUT_OF_MEMORY
from rftstudio.engine.training.run import run
from tests.engine.training.conftest import MakeJob, curve, log
from tests.engine.training.test_survives import check_same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process"),
]
SETTINGS = {"steps": 80, "eval_interval": 40, "batch_size": 64, "group_size": 16, "max_completion_length": 24}


def test_it_ends_with_a_sentence_and_goes_on_when_there_is_memory(make_job: MakeJob) -> None:
    directory = make_job("short", **SETTINGS)
    command = [sys.executable, "-m", "rftstudio.engine.training", str(directory)]
    # What is larger than this is asked of the system each time, so that a limit is felt, whatever was kept before.
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    with (directory / "log.txt").open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=env)
    try:
        while not (directory / "events.jsonl").exists() or len(curve(directory)) < 4:
            assert process.poll() is None, (directory / "log.txt").read_text()
            time.sleep(0.05)
        has = psutil.Process(process.pid).memory_info().vms
        resource.prlimit(process.pid, resource.RLIMIT_AS, (has // 2, has // 2))
        assert process.wait(200) == OUT_OF_MEMORY.code, (directory / "log.txt").read_text()[-3000:]
    finally:
        process.kill()
    last = log(directory, "events.jsonl")[-1]
    assert (last["type"], last["message"]) == ("finished", OUT_OF_MEMORY.sentence)
    assert (last["data"]["status"], last["data"]["culprit"]) == ("failed", "system")
    done = len(curve(directory))
    assert 4 <= done < 80
    assert run(directory) == 0
    reference = make_job("reference", **SETTINGS)
    assert run(reference) == 0
    check_same(directory, reference)
