"""What counts as a full disk and as used-up memory, in the words of those who raise it."""

import errno

import pytest

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.faults import DISK_FULL, OUT_OF_MEMORY, Refusal, refusal


class OutOfMemoryError(RuntimeError):
    """As torch calls it on a GPU."""


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DISK_FULL),
        (OSError(errno.EFBIG, "File too large"), DISK_FULL),
        (caused(SystemFault("The checkpoint of step 3 could not be written."), OSError(errno.ENOSPC, "")), DISK_FULL),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), DISK_FULL),
        (MemoryError(), OUT_OF_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OUT_OF_MEMORY),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), OUT_OF_MEMORY),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"),
            OUT_OF_MEMORY,
        ),
        (RuntimeError("std::bad_alloc"), OUT_OF_MEMORY),
        (RuntimeError("could not create a primitive"), OUT_OF_MEMORY),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
        (KeyError("memory"), None),
    ],
)  # fmt: skip
def test_refusal(error: Exception, expected: Refusal | None) -> None:
    assert refusal(error) is expected


def test_torch_says_it_as_expected() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**62, dtype=torch.uint8)
    assert refusal(raised.value) is OUT_OF_MEMORY


def test_an_error_that_causes_itself_is_looked_at_once() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert refusal(one) is None
