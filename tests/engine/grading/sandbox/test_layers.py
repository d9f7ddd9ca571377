"""Each layer is needed: without it, attacks get through that it stops. Only the tests can leave one out."""

import re
from pathlib import Path

import pytest

from rftstudio.engine.grading.sandbox import detect, layers
from rftstudio.engine.grading.sandbox.layers import COMBINATIONS, Combination, SandboxMissing, named
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.slot import Slot
from tests.engine.grading.sandbox.attacks import ATTACKS, WITNESSES
from tests.engine.grading.sandbox.test_attacks import FULL, WITHOUT_NAMESPACES, is_contained

# (combination, the layer left out of it) to attacks that get through then. Harmless ones only.
NEEDED = {
    (FULL, "namespaces"): ["learn whether a file exists"],
    (FULL, "landlock"): ["list the root folder"],
    (FULL, "seccomp"): [
        "fork", "clone by number", "clone3 by number", "a thread", "a pair of sockets", "netlink", "socket by number",
        "shared memory file", "io_uring", "bpf", "keys", "userfaultfd", "namespaces inside", "personality",
        "x32 numbers", "processors of its own", "make the pipes not wait", "become dumpable", "change user",
    ],
    (FULL, "limits"): ["memory without reserve", "open files", "a file larger than allowed"],
    (WITHOUT_NAMESPACES, "landlock"): [
        "read /etc/passwd", "read the application's source", "read the database", "list the temporary folder",
        "/proc/self/maps", "command line of process 1",
    ],
    (WITHOUT_NAMESPACES, "seccomp"): ["UDP", "unix socket by path", "open the parent by pidfd", "perf", "fork"],
}  # fmt: skip
EVERYTHING = {**ATTACKS, **WITNESSES}


@pytest.mark.parametrize(
    ("combination", "without", "name"),
    [(combination, without, name) for (combination, without), names in NEEDED.items() for name in names],
)
def test_without_the_layer_it_gets_through(run_program, combinations, combination, without, name):
    if combinations[combination]:
        pytest.skip(combinations[combination])
    found = run_program("user", "inside.py", combination, without, *NEEDED[combination, without])
    assert not is_contained(EVERYTHING[name], *found["attacks"][name])


@pytest.mark.parametrize("name", WITNESSES)
def test_with_every_layer_it_does_not(run_program, combinations, name):
    if combinations[FULL]:
        pytest.skip(combinations[FULL])
    found = run_program("user", "inside.py", FULL, "", *WITNESSES)
    assert is_contained(WITNESSES[name], *found["attacks"][name])


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_no_combination_is_without_seccomp_and_limits(combination):
    assert {"seccomp", "limits"} <= set(combination.layers)
    assert combination.files == "none" or "landlock" in combination.layers


@pytest.mark.parametrize("left", [(), ("limits",), ("seccomp",), ("namespaces", "landlock", "limits")])
def test_a_jail_without_them_is_not_started(left):
    with pytest.raises(ValueError, match="seccomp"):
        Slot(Combination(left, "scratch"), Limits())


@pytest.mark.parametrize("text", ["off", "none", "no", "", "0", "false", "limits", "landlock", "namespaces+landlock"])
def test_no_name_turns_it_off(text):
    with pytest.raises(SandboxMissing, match="None of them is “off”"):
        named(text)


@pytest.mark.parametrize("text", ["seccomp+landlock", " Landlock + SECCOMP ", "limits+landlock+seccomp"])
def test_a_combination_is_known_by_its_layers(text):
    assert named(text) is COMBINATIONS[1]


def test_nothing_of_the_environment_is_asked_but_the_pin_and_two_numbers():
    """So that there is no hidden switch: these are all the places where the sandbox looks at the environment."""
    found = set()
    for path in Path(layers.__file__).parent.glob("*.py"):
        found |= set(re.findall(r"os\.environ(?:\.get\(\w+|\b)", path.read_text(encoding="utf-8")))
    assert found <= {"os.environ.get(SETTING", "os.environ"}
    assert detect.SETTING == "SANDBOX_LAYERS"
