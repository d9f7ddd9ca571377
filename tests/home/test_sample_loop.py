"""The command: one JSON object on stdout, sentences on stderr, an exit status that tells."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from rftstudio.engine.errors import SystemFault
from rftstudio.home.loop import Outcome
from rftstudio.home.management.commands import sample_loop

FOUND = Outcome(0.06, 0.7211111, 0.6611111, 0.51, 0.81, 40, 243.21, 7)


@pytest.fixture
def ran(db, workspace, monkeypatch):
    """The arguments that the loop was called with; it returns at once."""
    given = {}

    def run_loop(**arguments):
        given.update(arguments)
        arguments["say"]("step 10 of 80")
        return FOUND

    monkeypatch.setattr(sample_loop, "run_loop", run_loop)
    monkeypatch.setattr(sample_loop, "embedded_model", lambda say: None)
    return given


def call(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    call_command("sample_loop", *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def test_one_json_object_and_nothing_else_on_stdout(ran, workspace):
    out, errors = call("--json", "--seed", "5", "--set", "steps=4")
    assert len(out.splitlines()) == 1
    assert json.loads(out) == {
        "base_reward": 0.06,
        "tuned_reward": 0.7211,
        "difference": 0.6611,
        "ci_low": 0.51,
        "ci_high": 0.81,
        "n_items": 40,
        "seconds": 243.21,
        "run_id": 7,
    }
    assert "step 10 of 80" in errors
    assert (ran["project"], ran["seed"], ran["changes"]) == ("clinic-inbox", 5, {"steps": "4"})
    assert ran["workspace"] == workspace


def test_without_json_a_sentence(ran):
    out, _ = call()
    assert out.strip() == "On 40 unseen tasks the tuned model scores 0.72 against 0.06, +0.66 [0.51, 0.81]."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--project", "nothing"], "There is no sample project 'nothing'. Use one of: clinic-inbox"),
        (["--preset", "slow"], "There is no preset 'slow'. Use one of: quick"),
        (["--set", "steps"], "NAME=VALUE"),
        (["--workspace", "nowhere"], "There is no workspace 'nowhere'"),
    ],
)
def test_a_wrong_option_is_named(ran, arguments, sentence):
    with pytest.raises(CommandError, match=sentence.replace(".", r"\.")) as caught:
        call("--json", *arguments)
    assert caught.value.returncode == 2


def test_a_failure_is_a_sentence(ran, monkeypatch):
    def fail(**arguments):
        raise SystemFault("Run 7 did not succeed. The disk is full.")

    monkeypatch.setattr(sample_loop, "run_loop", fail)
    with pytest.raises(CommandError, match="The disk is full") as caught:
        call("--json")
    assert caught.value.returncode == 1


def test_interrupted(ran, monkeypatch):
    def interrupt(**arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sample_loop, "run_loop", interrupt)
    with pytest.raises(SystemExit) as caught:
        call("--json")
    assert caught.value.code == 130
