"""Nothing gets out: every attack inside, as root and as an ordinary user, beside what it does to a plain process."""

import pytest

from tests.engine.grading.sandbox.attacks import ATTACKS, Attack

FULL, WITHOUT_NAMESPACES, SECCOMP_ALONE = "namespaces+landlock+seccomp", "landlock+seccomp", "seccomp"
PLACES = [
    ("root", FULL),
    ("user", FULL),
    ("root", WITHOUT_NAMESPACES),
    ("user", WITHOUT_NAMESPACES),
    ("user", SECCOMP_ALONE),
]
# Where the scratch folder cannot be tidied in a moment the whole jail is thrown away.
THROWN_AWAY = {"files by the thousand in the scratch folder", "leave a folder for the next answer"}


def is_contained(attack: Attack, score: float | None, kind: str, message: str) -> bool:
    match attack.expect:
        case "blocked":
            return score == 0.0 or kind == "crash"
        case "killed":
            return kind == "crash" and "system call that is not allowed" in message
        case "memory":
            return score == 0.0 or kind in ("memory", "crash")
        case "harmless":
            return score == 0.5
        case "harmless or blocked":  # where there is no scratch folder it is blocked
            return score == 0.5 or kind == "exception"
        case failure:
            return score is None and kind == failure


def test_the_list_is_whole():
    assert len(ATTACKS) >= 140


@pytest.mark.parametrize(("user", "combination"), PLACES)
@pytest.mark.parametrize("name", ATTACKS)
def test_it_does_not_get_through(run_program, combinations, name, user, combination):
    if combinations[combination]:
        pytest.skip(combinations[combination])
    found = run_program(user, "inside.py", combination)
    assert is_contained(ATTACKS[name], *found["attacks"][name]), found["attacks"][name]


@pytest.mark.parametrize(("user", "combination"), PLACES)
def test_nobody_outside_noticed_anything(run_program, combinations, user, combination):
    if combinations[combination]:
        pytest.skip(combinations[combination])
    found = run_program(user, "inside.py", combination)
    assert found["noticed"] == []
    assert (found["user"] == 0) == (user == "root")
    assert set(found["lost"]) <= (THROWN_AWAY if combination == FULL else set())


@pytest.mark.parametrize("name", ATTACKS)
def test_it_works_where_there_is_no_sandbox(run_program, name):
    found = run_program("user", "control.py")
    if name == "32-bit system calls" and found[name] == "dies":
        pytest.skip("this kernel has no 32-bit system calls at all")
    assert found[name] == ATTACKS[name].control


@pytest.mark.parametrize("name", ["fork", "TCP", "read /etc/passwd", "NORESERVE", "a forged reply", "ptrace"])
def test_it_holds_under_python_without_asserts(run_program, combinations, name):
    if combinations[FULL]:
        pytest.skip(combinations[FULL])
    name = {"NORESERVE": "memory without reserve"}.get(name, name)
    wanted = ["fork", "TCP", "read /etc/passwd", "memory without reserve", "a forged reply", "ptrace"]
    found = run_program("user", "inside.py", FULL, "", *wanted, flags=("-O",))
    assert is_contained(ATTACKS[name], *found["attacks"][name]), found["attacks"][name]
