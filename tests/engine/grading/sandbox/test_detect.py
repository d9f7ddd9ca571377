"""Which layers hold is found by attack; a refusal says what is missing and what to do."""

import os
import subprocess
import sys

import pytest

from rftstudio.command.terminal import ROOT
from rftstudio.engine.grading.sandbox import detect, slot
from rftstudio.engine.grading.sandbox.layers import COMBINATIONS, LayerFault
from tests.engine.grading.sandbox.test_attacks import FULL


@pytest.fixture
def without(monkeypatch):
    """Machines on which layers cannot be put up."""

    def take_away(*layers):
        real = slot.Slot._hear

        def hear(self, seconds):
            message = real(self, seconds)
            for layer in message.get("ready", ()):
                if layer in layers:
                    raise LayerFault(layer, "not on this machine")
            return message

        monkeypatch.setattr(slot.Slot, "_hear", hear)

    return take_away


def test_the_strongest_that_holds_is_taken(combinations):
    best = next((one for one in COMBINATIONS if not combinations[one.name]), None)
    assert detect.look().combination == best


def test_it_is_quick(combinations):
    if combinations[FULL]:
        pytest.skip(combinations[FULL])
    assert min(detect.look().seconds for _ in range(3)) < 2  # a tenth of a second where nothing else runs


def test_a_missing_layer_leads_to_the_next_combination(without, combinations):
    if combinations["landlock+seccomp"]:
        pytest.skip(combinations["landlock+seccomp"])
    without("namespaces")
    found = detect.look()
    assert found.combination == COMBINATIONS[1]
    assert found.missing == {"namespaces": "not on this machine"}
    assert found.refusal == ""


def test_without_landlock_nothing_is_left_to_open(without):
    without("landlock", "namespaces")
    found = detect.look()
    assert found.combination is None or found.combination.files == "none"


def test_without_seccomp_there_is_a_refusal_that_says_what_to_do(without):
    without("seccomp")
    found = detect.look()
    assert found.combination is None
    assert "Seccomp: not on this machine" in found.refusal
    assert "CONFIG_SECCOMP_FILTER" in found.refusal


def test_a_pinned_combination_is_the_only_one_tried(without):
    without("namespaces")
    found = detect.look(FULL)
    assert found.combination is None
    assert f"The setting SANDBOX_LAYERS asks for {FULL}" in found.refusal
    assert "unprivileged user namespaces" in found.refusal


def test_a_pinned_weaker_one_is_kept_to(combinations):
    if combinations["landlock+seccomp"]:
        pytest.skip(combinations["landlock+seccomp"])
    found = detect.look("landlock+seccomp")
    assert found.combination == COMBINATIONS[1]
    assert "SANDBOX_LAYERS" in found.missing["namespaces"]


@pytest.mark.parametrize("text", ["off", "none", "landlock", "everything"])
def test_a_pin_that_is_no_combination_refuses(text):
    found = detect.look(text)
    assert found.combination is None
    assert "cannot be used" in found.refusal


def test_other_systems_are_refused(monkeypatch):
    monkeypatch.setattr(detect.sys, "platform", "darwin")
    found = detect.look()
    assert found.combination is None
    assert "darwin" in found.refusal


def test_a_jail_that_leaks_is_not_used(monkeypatch):
    """The probes decide, not that everything could be put up."""
    harmless = detect.probes.SOURCE.replace("def forks(item):", "def forks(item):\n    return True\n")
    monkeypatch.setattr(detect.probes, "SOURCE", harmless)
    found = detect.look(FULL)
    assert found.combination is None


@pytest.mark.parametrize("value", ["seccomp", "off"])
def test_the_pin_comes_from_the_environment(value):
    script = (
        "from rftstudio.engine.grading import grade, parse_spec\n"
        "from rftstudio.engine.types import Item, Sample\n"
        "spec = parse_spec({'type': 'python', 'source': 'def grade(sample, item):\\n    return 1'})\n"
        "grade = grade(spec, Item('1', ()), Sample('x'))\n"
        "print(grade.score, grade.error and grade.error.flag)"
    )
    environment = {**os.environ, "SANDBOX_LAYERS": value}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    expected = {"seccomp": "1.0 None", "off": "None python_grader_server_error"}[value]
    assert done.stdout.strip() == expected, done.stderr
