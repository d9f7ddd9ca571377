"""The filters, instruction by instruction, for both architectures; and the tables against the system's own headers."""

import platform
import re
import struct
from pathlib import Path

import pytest

from rftstudio.engine.grading.sandbox import seccomp
from rftstudio.engine.grading.sandbox.syscalls import AUDIT, TABLES

ARCHITECTURES = ["x86_64", "aarch64"]
EPERM, EACCES, ENOSYS, ENOTTY = (seccomp.ERRNO | number for number in (1, 13, 38, 25))
PID = 4242


def decide(program: bytes, architecture: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel's interpreter of classic BPF would answer."""
    audit = AUDIT[architecture] if audit is None else audit
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number, audit, 0, *(value & (1 << 64) - 1 for value in padded))
    place, held = 0, 0
    for _ in range(10_000):
        code, jump_true, jump_false, constant = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == 0x20:
            held = struct.unpack_from("=I", data, constant)[0]
        elif code == 0x06:
            return constant
        else:
            taken = {0x15: held == constant, 0x25: held > constant, 0x35: held >= constant, 0x45: held & constant}
            place += jump_true if taken[code] else jump_false
    raise AssertionError("the program does not end")


@pytest.fixture(params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture(params=["none", "read", "scratch"])
def worker(request, architecture):
    return request.param, seccomp.worker_filter(request.param, PID, architecture)


def test_hostile_calls_end_the_process(architecture):
    program = seccomp.zygote_filter(architecture)
    for name in seccomp.HOSTILE:
        assert decide(program, architecture, TABLES[architecture][name]) == seccomp.KILL, name


def test_every_other_way_into_the_kernel_ends_the_process(architecture, worker):
    for program in (seccomp.zygote_filter(architecture), worker[1]):
        assert decide(program, architecture, 0, audit=0x40000003) == seccomp.KILL  # i386
        assert decide(program, architecture, 0, audit=0x40000028) == seccomp.KILL  # 32-bit ARM
        if architecture == "x86_64":
            assert decide(program, architecture, 0x40000000 + 39) == seccomp.KILL  # x32


def test_a_worker_may_compute_and_nothing_is_allowed_by_default(architecture, worker):
    _, program = worker
    table = TABLES[architecture]
    for name in seccomp.COMPUTE:
        if name in table:
            assert decide(program, architecture, table[name]) == seccomp.ALLOW, name
    for name in ("socket", "connect", "execve", "execveat", "clone", "memfd_create", "shmget", "pipe2", "prctl"):
        assert decide(program, architecture, table[name], 17) == EPERM, name
    for number in (*range(450, 600), 1000, 0x3FFFFFFF):
        assert decide(program, architecture, number) == EPERM, number
    assert decide(program, architecture, table["clone3"]) == ENOSYS
    assert decide(program, architecture, table["openat2"]) == ENOSYS


def test_what_is_allowed_is_exactly_what_is_listed(architecture, worker):
    files, program = worker
    listed = {"none": [], "read": seccomp.LOOK, "scratch": [*seccomp.LOOK, *seccomp.SCRATCH]}[files]
    by_arguments = {"open", "openat", "fcntl", "ioctl", "kill", "tgkill", "prlimit64"}
    for name, number in TABLES[architecture].items():
        if name in by_arguments:
            continue
        allowed = name in seccomp.COMPUTE or name in listed
        assert (decide(program, architecture, number) == seccomp.ALLOW) == allowed, name


def test_opening(architecture, worker):
    files, program = worker
    number = TABLES[architecture]["openat"]
    read, write = (decide(program, architecture, number, 3, 0, flags) for flags in (0o2000000, 0o101))
    assert (read, write) == {
        "none": (EPERM, EPERM),
        "read": (seccomp.ALLOW, EACCES),
        "scratch": (seccomp.ALLOW, seccomp.ALLOW),
    }[files]


def test_signals_go_to_itself_only(architecture, worker):
    for name in ("kill", "tgkill"):
        number = TABLES[architecture][name]
        assert decide(worker[1], architecture, number, PID) == seccomp.ALLOW
        for other in (PID + 1, 1, 0, -1, -PID):
            assert decide(worker[1], architecture, number, other) == EPERM
    for name in ("tkill", "rt_sigqueueinfo", "pidfd_send_signal"):
        assert decide(worker[1], architecture, TABLES[architecture][name], PID) == EPERM


def test_limits_may_be_read_and_not_set(architecture, worker):
    number = TABLES[architecture]["prlimit64"]
    assert decide(worker[1], architecture, number, 0, 7, 0, 0x7F00_0000_0000) == seccomp.ALLOW
    assert decide(worker[1], architecture, number, 0, 7, 0x1000, 0) == EPERM
    assert decide(worker[1], architecture, number, 0, 7, 0x1_0000_0000, 0) == EPERM  # only the upper half is set
    assert decide(worker[1], architecture, number, 99, 7, 0, 0) == EPERM


def test_shared_pipes_cannot_be_changed(architecture, worker):
    table = TABLES[architecture]
    assert decide(worker[1], architecture, table["fcntl"], 3, 1030) == seccomp.ALLOW  # F_DUPFD_CLOEXEC
    for command in (4, 8, 1031, 1033):  # F_SETFL F_SETOWN F_SETPIPE_SZ F_ADD_SEALS
        assert decide(worker[1], architecture, table["fcntl"], 3, command) == EPERM
    assert decide(worker[1], architecture, table["ioctl"], 3, 0x5451) == seccomp.ALLOW  # FIOCLEX
    for request in (0x5421, 0x5412, 0x5401):  # FIONBIO TIOCSTI TCGETS
        assert decide(worker[1], architecture, table["ioctl"], 3, request) == ENOTTY


def test_a_zygote_forks_and_makes_no_namespaces(architecture):
    program = seccomp.zygote_filter(architecture)
    clone = TABLES[architecture]["clone"]
    assert decide(program, architecture, clone, 0x01200011) == seccomp.ALLOW  # what fork() passes
    for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000):
        assert decide(program, architecture, clone, flag | 17) == EPERM


def test_programs_are_small_enough_for_the_kernel(architecture, worker):
    assert len(seccomp.zygote_filter(architecture)) // 8 < 4096
    assert len(worker[1]) // 8 < 250  # a long one is slow to put up, once an answer


HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_tables_are_the_kernels(name):
    path = Path(HEADERS[name])
    if not path.exists():
        pytest.skip(f"this machine has no kernel headers for {name}")
    text = path.read_text()
    known = {key: int(value) for key, value in re.findall(r"#define __NR3264_(\w+) (\d+)", text)}
    known |= {key: int(value) for key, value in re.findall(r"#define __NR_(\w+)\s+(\d+)", text)}
    known |= {"newfstatat": known.get("fstatat", known.get("newfstatat"))}
    compared = {key: value for key, value in TABLES[name].items() if key in known}
    assert len(compared) > 150
    assert compared == {key: known[key] for key in compared}


def test_this_machine_has_a_table():
    assert platform.machine() in TABLES
