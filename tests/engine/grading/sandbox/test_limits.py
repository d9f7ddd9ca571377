"""Limits are set, read back, and the operator's within bounds."""

import resource
import subprocess
import sys

import pytest

from rftstudio.command.terminal import ROOT
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox import limits
from rftstudio.engine.grading.sandbox.layers import LayerFault
from rftstudio.engine.grading.sandbox.limits import Limits, impose


@pytest.mark.parametrize(
    ("environment", "seconds", "memory"),
    [
        ({}, 60, 512),
        ({"PYTHON_GRADER_SECONDS": " 120 "}, 120, 512),
        ({"PYTHON_GRADER_MEMORY_MB": "2048", "PYTHON_GRADER_SECONDS": ""}, 60, 2048),
    ],
)
def test_the_operator_sets_them(environment, seconds, memory):
    found = Limits.from_environment(environment)
    assert (found.seconds, found.memory_mb) == (seconds, memory)


@pytest.mark.parametrize("value", ["0", "121", "-1", "1.5", "ten", "9" * 5000, "٣"])
def test_a_number_out_of_bounds_is_refused(value):
    with pytest.raises(SpecError, match="from 1 to 120") as failed:
        Limits.from_environment({"PYTHON_GRADER_SECONDS": value})
    assert failed.value.path == "PYTHON_GRADER_SECONDS"


def test_a_limit_that_does_not_take_is_a_missing_layer(monkeypatch):
    monkeypatch.setattr(limits.resource, "setrlimit", lambda which, values: None)
    with pytest.raises(LayerFault, match="did not take") as failed:
        impose(Limits())
    assert failed.value.layer == "limits"


def test_a_limit_that_cannot_be_set_is_a_missing_layer(monkeypatch):
    def refused(which, values):
        raise OSError("not here")

    monkeypatch.setattr(limits.resource, "setrlimit", refused)
    with pytest.raises(LayerFault, match="could not be set"):
        impose(Limits())


def test_they_hold_and_a_lower_ceiling_stays():
    script = (
        "import resource as r\n"
        "from rftstudio.engine.grading.sandbox.limits import Limits, impose\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (20, 20))\n"
        "impose(Limits(seconds=5))\n"
        "print(r.getrlimit(r.RLIMIT_AS), r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    size = 512 << 20
    assert done.stdout.strip() == f"({size}, {size}) (20, 20) (0, 0)", done.stderr
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 20, "this process keeps its own"
