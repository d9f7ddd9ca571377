"""Filters of system calls, as raw BPF: one for the zygote, which may fork, and a tighter one for each worker.

Allowed is what is listed. The rest gets EPERM, so that a library can say so; calls that only an attacker makes end the
process. The x32 and 32-bit ways into the kernel, which number calls differently, end it as well.

See seccomp(2), and `Documentation/userspace-api/seccomp_filter.rst` in the kernel.
"""

import ctypes
import errno
import struct
from collections.abc import Sequence
from functools import lru_cache

from rftstudio.engine.grading.sandbox import kernel
from rftstudio.engine.grading.sandbox.layers import Files, LayerFault
from rftstudio.engine.grading.sandbox.syscalls import AUDIT, TABLES, machine

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, JUMP_EQUAL, JUMP_ABOVE, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data
X32_BIT = 0x40000000
SET_MODE_FILTER, ALL_THREADS = 1, 1
NEW_NAMESPACES = 0x7E020080  # CLONE_NEW*
WRITING = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY O_RDWR O_CREAT O_TRUNC
O_TMPFILE = 0o20000000
_ITSELF = 0x7FFFFFF1  # stands for the worker's own id, which no process has
FIOCLEX, FIONBIO = 0x5451, 0x5421


def _words(text: str) -> list[str]:
    return text.split()


COMPUTE = _words(
    """
    read write readv writev pread64 close fstat lseek mmap mprotect munmap mremap brk madvise rt_sigaction
    rt_sigprocmask rt_sigreturn sigaltstack poll ppoll select pselect6 getpid gettid getppid getuid geteuid getgid
    getegid getresuid getresgid getrandom clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time
    times getrusage futex set_robust_list rseq sched_yield sched_getaffinity getcpu exit exit_group getcwd
    restart_syscall uname setitimer getitimer alarm getrlimit dup
    """
)
LOOK = _words(
    """
    stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64 getdents
    """
)
SCRATCH = _words(
    """
    pwrite64 ftruncate mkdir mkdirat unlink unlinkat rmdir rename renameat renameat2 fsync fdatasync
    """
)
SUPERVISE = _words(
    """
    fork wait4 waitid kill tgkill prctl seccomp setrlimit prlimit64 set_tid_address open openat pipe2 fcntl dup2
    dup3 sysinfo
    """
)
HOSTILE = _words(
    """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp bpf io_uring_setup io_uring_enter
    io_uring_register userfaultfd perf_event_open keyctl add_key request_key unshare setns mount umount2 pivot_root
    chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr open_by_handle_at name_to_handle_at
    kexec_load kexec_file_load init_module finit_module delete_module personality pidfd_getfd swapon reboot acct
    quotactl syslog fanotify_init
    """
)

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def _low(argument: int) -> int:
    return ARGUMENTS_AT + 8 * argument


def _high(argument: int) -> int:
    return _low(argument) + 4


class Filter:
    """A program under construction: one block a system call, none of which jumps out of itself."""

    def __init__(self, architecture: str) -> None:
        self.table = TABLES[architecture]
        self.program: list[Instruction] = [
            (LOAD, 0, 0, ARCHITECTURE_AT),
            (JUMP_EQUAL, 1, 0, AUDIT[architecture]),
            (RETURN, 0, 0, KILL),
            (LOAD, 0, 0, NUMBER_AT),
        ]
        if architecture == "x86_64":
            self.program += [(JUMP_AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, KILL)]

    def each(self, names: Sequence[str], action: int) -> None:
        """These calls, whatever their arguments. Numbers in a row are one test: a short program is put up faster."""
        found = sorted({self.table[name] for name in names if name in self.table})
        starts = [number for number in found if number - 1 not in found]
        ends = [number for number in found if number + 1 not in found]
        for start, end in zip(starts, ends, strict=True):
            self.program += [(JUMP_AT_LEAST, 0, 2, start), (JUMP_ABOVE, 1, 0, end), (RETURN, 0, 0, action)]

    def block(self, name: str, body: Sequence[Instruction]) -> None:
        """One call, decided by its arguments. Every path through `body` returns."""
        if name in self.table:
            self.program += [(JUMP_EQUAL, 0, len(body), self.table[name]), *body]

    def only(self, name: str, argument: int, values: Sequence[int], otherwise: int) -> None:
        """One call, allowed where the argument's lower half is one of these values."""
        count = len(values)
        tests = [(JUMP_EQUAL, count - place, 0, value) for place, value in enumerate(values)]
        self.block(name, [(LOAD, 0, 0, _low(argument)), *tests, (RETURN, 0, 0, otherwise), (RETURN, 0, 0, ALLOW)])

    def without(self, name: str, argument: int, bits: int, otherwise: int) -> None:
        """One call, allowed where none of these bits is set in the argument's lower half."""
        tests = [(LOAD, 0, 0, _low(argument)), (JUMP_BITS, 0, 1, bits), (RETURN, 0, 0, otherwise)]
        self.block(name, [*tests, (RETURN, 0, 0, ALLOW)])

    def end(self) -> bytes:
        self.program.append((RETURN, 0, 0, ERRNO | errno.EPERM))
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in self.program)


def zygote_filter(architecture: str = "") -> bytes:
    """What the zygote needs: computing, looking, reading, forking and ending its worker, putting up more filters."""
    made = Filter(architecture or machine())
    made.each(HOSTILE, KILL)
    made.each(["clone3"], ERRNO | errno.ENOSYS)  # its flags lie in memory, where a filter cannot look; libc has clone
    made.without("clone", 0, NEW_NAMESPACES, ERRNO | errno.EPERM)
    made.only("ioctl", 1, [FIOCLEX, FIONBIO], ERRNO | errno.ENOTTY)
    made.each([*COMPUTE, *LOOK, *SCRATCH, *SUPERVISE], ALLOW)
    return made.end()


def worker_filter(files: Files, pid: int, architecture: str = "") -> bytes:
    """What an author's code may do, on top of the zygote's filter, which ends the process for `HOSTILE` calls.

    pid: the worker's own, the only process that it may signal.
    """
    return _worker_template(files, architecture).replace(struct.pack("=I", _ITSELF), struct.pack("=I", pid))


@lru_cache(maxsize=8)
def _worker_template(files: Files, architecture: str) -> bytes:
    """Made once, by the zygote, rather than in every worker."""
    made = Filter(architecture or machine())
    made.each(["clone3", "openat2"], ERRNO | errno.ENOSYS)
    made.only("ioctl", 1, [FIOCLEX], ERRNO | errno.ENOTTY)  # "not a terminal" for the rest
    # F_GETFD F_SETFD F_GETFL F_DUPFD_CLOEXEC. Never F_SETFL or FIONBIO: the pipes are the next worker's as well.
    made.only("fcntl", 1, [1, 2, 3, 1030], ERRNO | errno.EPERM)
    for name in ("kill", "tgkill"):
        made.only(name, 0, [_ITSELF], ERRNO | errno.EPERM)
    refuse = (RETURN, 0, 0, ERRNO | errno.EPERM)
    made.block(  # prlimit64(0, …, NULL, …): its own limits may be read
        "prlimit64",
        [
            (LOAD, 0, 0, _low(0)), (JUMP_EQUAL, 1, 0, 0), refuse,
            (LOAD, 0, 0, _low(2)), (JUMP_EQUAL, 1, 0, 0), refuse,
            (LOAD, 0, 0, _high(2)), (JUMP_EQUAL, 1, 0, 0), refuse,
            (RETURN, 0, 0, ALLOW),
        ],
    )  # fmt: skip
    if files == "read":
        made.without("open", 1, WRITING | O_TMPFILE, ERRNO | errno.EACCES)
        made.without("openat", 2, WRITING | O_TMPFILE, ERRNO | errno.EACCES)
    allowed = {"none": [], "read": LOOK, "scratch": [*LOOK, *SCRATCH, "open", "openat"]}[files]
    made.each([*COMPUTE, *allowed], ALLOW)
    return made.end()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(program: bytes) -> None:
    """Put a filter on this process, for good. Raises `LayerFault`."""
    held = ctypes.create_string_buffer(program, len(program))
    described = _Program(len(program) // 8, ctypes.cast(held, ctypes.c_void_p))
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        number = TABLES[machine()]["seccomp"]
        behind = kernel.call(number, SET_MODE_FILTER, ALL_THREADS, ctypes.byref(described))
    except KeyError:
        raise LayerFault("seccomp", f"there is no table of system calls for {machine()}") from None
    except OSError as error:
        raise LayerFault("seccomp", f"the kernel refused the filter: {error.strerror}") from None
    if behind:
        raise LayerFault("seccomp", "another thread could not be put under the filter")
