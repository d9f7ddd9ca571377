"""How much a grader may use. Set in the worker, then read back: a limit that did not take is a missing layer."""

import os
import resource
from collections.abc import Mapping
from typing import Any, NamedTuple

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox.layers import LayerFault

MAX_SECONDS, MAX_MEMORY_MB = 120, 2048
SECONDS_SETTING, MEMORY_SETTING = "PYTHON_GRADER_SECONDS", "PYTHON_GRADER_MEMORY_MB"


class Limits(NamedTuple):
    """seconds: for one answer, by the clock (the parent's) and of processor time. memory_mb: of address space."""

    seconds: float = 60.0
    memory_mb: int = 512
    file_mb: int = 8
    open_files: int = 32

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """The operator's. Raises `SpecError` for a value out of range."""
        seconds = _number(environment, SECONDS_SETTING, 60, 1, MAX_SECONDS)
        memory = _number(environment, MEMORY_SETTING, 512, 128, MAX_MEMORY_MB)
        return cls(seconds=seconds, memory_mb=memory)


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise SpecError(f"{text[:40]!r} cannot be used.", path=name, fix=f"Use a whole number from {least} to {most}.")
    return int(text)


def impose(limits: Limits) -> None:
    """Limit this process, for good. Raises `LayerFault` where a limit does not hold."""
    wanted = {
        resource.RLIMIT_AS: limits.memory_mb << 20,
        resource.RLIMIT_CPU: int(limits.seconds) + 1,
        resource.RLIMIT_FSIZE: limits.file_mb << 20,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_STACK: 8 << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for name in ("RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO", "RLIMIT_NICE"):
        if hasattr(resource, name):
            wanted[getattr(resource, name)] = 0
    for which, most in wanted.items():
        ceiling = resource.getrlimit(which)[1]
        value = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        try:
            resource.setrlimit(which, (value, value))
        except (OSError, ValueError) as error:
            raise LayerFault("limits", f"limit {which} could not be set: {error}") from None
        if resource.getrlimit(which) != (value, value):
            raise LayerFault("limits", f"limit {which} was set to {value} and did not take")
