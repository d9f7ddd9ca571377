"""What the machine refused, a full disk or no more memory, told from a fault of ours in whatever a library raises.

Both end a job that can go on once there is room again, so each has an exit code of its own: on a full disk the log of
events has no room for the reason either.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """code: the job's exit code. sentence: what happened and what to do, for a person."""

    code: int
    sentence: str


DISK_FULL = Refusal(
    7,
    "The disk is full: nothing more could be written. Free some space on it first; what was saved until then is kept.",
)
OUT_OF_MEMORY = Refusal(
    8,
    "The machine ran out of memory. Close what else uses it first. If it happens again, launch it anew with fewer "
    "answers per step, a lower limit on the length of answers or a smaller model. What was saved until then is kept.",
)
REFUSALS = {refusal.code: refusal for refusal in (DISK_FULL, OUT_OF_MEMORY)}

# EFBIG: a limit on the size of a file (`ulimit -f`) is a disk that is full for us.
NUMBERS = {errno.ENOSPC: DISK_FULL, errno.EDQUOT: DISK_FULL, errno.EFBIG: DISK_FULL, errno.ENOMEM: OUT_OF_MEMORY}
# torch, CUDA, C++ and the Rust of safetensors raise classes of their own.
WORDS = {
    "no space left on device": DISK_FULL,
    "disk quota exceeded": DISK_FULL,
    "file too large (os error": DISK_FULL,
    "can't allocate memory": OUT_OF_MEMORY,
    "cannot allocate memory": OUT_OF_MEMORY,
    "not enough memory": OUT_OF_MEMORY,
    "out of memory": OUT_OF_MEMORY,
    "bad_alloc": OUT_OF_MEMORY,
    "could not create a primitive": OUT_OF_MEMORY,  # oneDNN, which has no room for its code or its buffers
    "could not create a memory": OUT_OF_MEMORY,
}


def refusal(error: BaseException) -> Refusal | None:
    """What the machine refused, if that is behind an error; None for any other."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in NUMBERS:
            return NUMBERS[one.errno]
        if isinstance(one, MemoryError) or type(one).__name__ == "OutOfMemoryError":
            return OUT_OF_MEMORY
        words = str(one).casefold()
        for part, found in WORDS.items():
            if part in words:
                return found
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
