"""How many jobs this machine can run at once, from its cores and its memory. Standard library only.

A training of the model that ships with the studio takes every core it is given and 3.8 GB at its peak (measured: quick
look of the clinic sample, SmolLM2-135M, two cores). Its products fill two cores, so two trainings on fewer than four
cores each get in each other's way. What counts is what the process may use: affinity and cgroup limits, as in a
container. A GPU is taken whole by one job, since how much of its memory a model needs is not known beforehand.
"""

import os
from pathlib import Path

CORES_EACH = 4
BYTES_EACH = 6 << 30  # a training, its grader's sandboxes, a judge beside it; larger models want their own setting
MOST = 8  # beyond that somebody should have thought about it
CGROUP = Path("/sys/fs/cgroup")
DEVICES = Path("/dev")


def places(cores: int, memory: int) -> int:
    """Jobs at once for so many cores and bytes: one at least, two from eight cores and 12 GB on."""
    return max(1, min(cores // CORES_EACH, memory // BYTES_EACH, MOST))


def places_here() -> int:
    """Jobs at once on this machine."""
    return 1 if has_gpu() else places(cores(), memory())


def has_gpu() -> bool:
    """Whether a GPU can be seen: NVIDIA's or AMD's, unless it is hidden from us."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and (any(DEVICES.glob("nvidia[0-9]*")) or (DEVICES / "kfd").exists())


def threads_each(at_once: int) -> int | None:
    """Threads for the numeric libraries of one job, so that jobs at once do not fight; None leaves it to them."""
    return max(1, cores() // at_once) if at_once > 1 else None


def cores() -> int:
    """Cores that this process may use."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(CGROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(period):
        found = min(found, int(quota) // int(period))
    return max(1, found)


def memory() -> int:
    """Bytes that this process may use; a guess of 8 GB where the machine does not say."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        found = 8 << 30
    limits = (_read(CGROUP / "memory.max"), _read(CGROUP / "memory" / "memory.limit_in_bytes"))  # of either version
    return min([found, *(int(limit) for limit in limits if limit.isdecimal())])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
