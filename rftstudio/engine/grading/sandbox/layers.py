"""The layers of the sandbox, and which of them may stand together. Knows no kernel call and starts nothing.

A process limit alone is no boundary: every combination has seccomp. Which combination holds on this machine is found
by attack, in `detect.py`.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from rftstudio.engine.errors import EngineError

Layer = Literal["namespaces", "landlock", "seccomp", "limits"]
Files = Literal["none", "read", "scratch"]  # what the worker may open: nothing; its libraries; those and a scratch

GIVES: Mapping[Layer, str] = {
    "namespaces": "An empty network, a process tree of its own, and a disk with nothing but Python's libraries on it.",
    "landlock": "Only Python's libraries can be read, and nothing outside the scratch folder can be written.",
    "seccomp": "No connections, no programs, no new processes or threads, no view of other processes.",
    "limits": "Bounds on memory, processor time, open files and written bytes.",
}
ENABLE: Mapping[Layer, str] = {
    "namespaces": (
        "Allow unprivileged user namespaces: kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0 "
        "and, on Ubuntu, kernel.apparmor_restrict_unprivileged_userns=0. A container may need a seccomp profile that "
        "allows unshare and mount. It is fine without where Landlock holds."
    ),
    "landlock": (
        "Use Linux 5.13 or later, built with Landlock and with “landlock” in the lsm= list of the boot command. "
        "Without it graders can open no file, so only modules loaded beforehand can be imported."
    ),
    "seccomp": (
        "Use a Linux kernel with CONFIG_SECCOMP_FILTER on x86_64 or aarch64, and in a container do not forbid the "
        "system calls seccomp and prctl."
    ),
    "limits": "Let the process set its own limits (setrlimit).",
}


# Plain tuples rather than dataclasses here and in `limits.py`: the jail reads these files, and a jail that has loaded
# less forks faster.
class Combination(NamedTuple):
    """Layers that stand together. files: what is left to open."""

    layers: tuple[Layer, ...]
    files: Files

    @property
    def name(self) -> str:
        """As written in the setting that pins one: `namespaces+landlock+seccomp`. Limits always go with it."""
        return "+".join(layer for layer in self.layers if layer != "limits")


# The strongest first. Without Landlock nothing at all can be opened, namespaces or not.
COMBINATIONS: tuple[Combination, ...] = (
    Combination(("namespaces", "landlock", "seccomp", "limits"), "scratch"),
    Combination(("landlock", "seccomp", "limits"), "read"),
    Combination(("namespaces", "seccomp", "limits"), "none"),
    Combination(("seccomp", "limits"), "none"),
)


class SandboxMissing(EngineError):
    """No combination of layers holds here, so no Python grader runs. The message says what to enable."""


class LayerFault(EngineError):
    """A layer could not be put up. Raised inside the jail's own process, told to the parent."""

    def __init__(self, layer: Layer, why: str) -> None:
        super().__init__(f"{layer}: {why}")
        self.layer: Layer = layer
        self.why = why


def named(text: str) -> Combination:
    """The combination of that name. Raises `SandboxMissing`, since there is no other way to run without one."""
    wanted = {part.strip() for part in text.lower().split("+")} - {"limits"}
    for combination in COMBINATIONS:
        if wanted == set(combination.layers) - {"limits"}:
            return combination
    known = ", ".join(combination.name for combination in COMBINATIONS)
    raise SandboxMissing(f"“{text[:80]}” is no combination of layers. There are: {known}. None of them is “off”.")
