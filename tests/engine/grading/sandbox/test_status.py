"""What people are told: a run's first event, a launch, and a run that would go on in another sandbox."""

import json

import pytest

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.sandbox import detect
from rftstudio.engine.grading.sandbox.layers import COMBINATIONS
from rftstudio.engine.grading.sandbox.status import in_words, of_run, refusal

SOURCE = {"type": "python", "source": "def grade(sample, item):\n    return 1\n"}
PLAIN = {"type": "string_check", "input": "{{ sample.output_text }}", "reference": "x", "operation": "eq"}
RUBRIC = {"type": "rubric", "criteria": [{"name": "c", "check": SOURCE}]}
NESTED = {"type": "multi", "graders": {"a": PLAIN, "b": RUBRIC}, "calculate_output": "a + b"}


@pytest.fixture
def machine(monkeypatch):
    """A machine on which one combination holds, or none."""

    def set_up(combination, **missing):
        monkeypatch.setattr(detect, "_found", detect.Detection(combination, missing))

    return set_up


def test_without_python_there_is_nothing_to_say(tmp_path, machine):
    machine(None, seccomp="not here")
    spec = parse_spec(PLAIN)
    assert of_run(spec, tmp_path / "events.jsonl") == {}
    assert in_words({}) == ""
    assert refusal(spec) == ""


@pytest.mark.parametrize("data", [SOURCE, NESTED])
def test_the_first_event_says_which_layers_hold_and_why_not_more(tmp_path, machine, data):
    machine(COMBINATIONS[1], namespaces="unshare: Operation not permitted")
    found = of_run(parse_spec(data), tmp_path / "events.jsonl")
    assert found["engines"] == ["process"]
    assert found["layers"] == ["landlock", "seccomp", "limits"]
    assert found["missing"] == {"namespaces": "unshare: Operation not permitted"}
    assert found["limits"]["memory_mb"] == 512
    assert in_words(found) == " Its Python grader runs in landlock + seccomp."


def test_without_a_sandbox_the_run_does_not_start(tmp_path, machine):
    machine(None, seccomp="not here")
    with pytest.raises(SystemFault, match="CONFIG_SECCOMP_FILTER"):
        of_run(parse_spec(NESTED), tmp_path / "events.jsonl")


def test_a_run_does_not_go_on_in_another_sandbox(tmp_path, machine):
    events = tmp_path / "events.jsonl"
    machine(COMBINATIONS[0])
    began = of_run(parse_spec(SOURCE), events)
    events.write_text(json.dumps({"seq": 1, "type": "started", "data": {"sandbox": began}}) + "\n")
    assert of_run(parse_spec(SOURCE), events) == began
    machine(COMBINATIONS[1])
    with pytest.raises(SystemFault, match="would go on in landlock"):
        of_run(parse_spec(SOURCE), events)
