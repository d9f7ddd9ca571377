"""A training with a Python grader is launched only where it can run, and its job is told the operator's settings."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox import detect
from rftstudio.engine.grading.sandbox import pool as pools
from rftstudio.engine.launch.environment import environment
from rftstudio.runs.actions import launch_run
from rftstudio.runs.models import Run
from rftstudio.tasksets.actions import publish_version
from tests.factories import make_base_model, make_grader, make_taskset

SPEC = {"type": "python", "source": "def grade(sample, item):\n    return 1.0\n"}


@pytest.fixture
def published(workspace, bob):
    if refusal := detect.detect().refusal:
        pytest.skip(refusal)
    taskset = make_taskset(workspace=workspace, by=bob)
    grader = make_grader(taskset=taskset, by=bob, spec=SPEC, published=True)
    return {
        "taskset_version": publish_version(taskset=taskset, by=bob),
        "grader_version": grader.latest_version,
        "base_model": make_base_model(),
        "preset": "quick",
        "settings": {},
        "by": bob,
    }


def test_it_is_launched(published):
    assert launch_run(**published).status == "queued"


def test_it_is_refused_where_no_sandbox_holds(published, monkeypatch):
    monkeypatch.setattr(pools, "_pool", None)
    monkeypatch.setattr(detect, "_found", detect.Detection(None, {"seccomp": "the kernel has none"}))
    with pytest.raises(SpecError, match="cannot run on this machine") as failed:
        launch_run(**published)
    assert failed.value.path == "grader_version"
    assert "CONFIG_SECCOMP_FILTER" in failed.value.message
    assert not Run.objects.exists()


def test_the_operators_settings_reach_the_job():
    source = {
        "SANDBOX_LAYERS": "seccomp",
        "PYTHON_GRADER_SECONDS": "9",
        "PYTHON_GRADER_MEMORY_MB": "300",
        "SECRET_KEY": "x",
    }
    found = environment(source)
    assert {name: found.get(name) for name in source} == {**source, "SECRET_KEY": None}
