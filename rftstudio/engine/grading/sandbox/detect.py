"""Which layers hold on this machine: each combination is built in a throw-away jail and attacked, the strongest first.

That a system call exists, or returns 0, proves nothing: Ubuntu 24.04 allows `unshare` and then denies the mounts. What
was found is kept for the life of the process, so that a run never falls to a weaker combination.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter

from rftstudio.engine.grading.sandbox import probes
from rftstudio.engine.grading.sandbox.layers import (
    COMBINATIONS,
    ENABLE,
    Combination,
    Layer,
    LayerFault,
    SandboxMissing,
    named,
)
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.slot import JailLost, Slot
from rftstudio.engine.grading.sandbox.source import read_program

SETTING = "SANDBOX_LAYERS"  # pins one combination by name; there is none without seccomp
_ALL: tuple[Layer, ...] = ("namespaces", "landlock", "seccomp", "limits")


@dataclass(frozen=True, slots=True)
class Detection:
    """combination: the strongest that withstood, None where none did. missing: layer to why it is not in it.

    problem: what is wrong with the setting itself.
    """

    combination: Combination | None
    missing: Mapping[Layer, str] = field(default_factory=dict)
    pinned: str = ""
    seconds: float = 0.0
    problem: str = ""

    @property
    def refusal(self) -> str:
        """Why no Python grader runs here and what to do about it, "" where they run."""
        if self.combination is not None:
            return ""
        if self.problem:
            return f"The setting {SETTING} cannot be used: {self.problem}"
        if self.pinned:
            about = f"The setting {SETTING} asks for {self.pinned}, which does not hold here."
        else:
            about = "No sandbox holds on this machine, so Python graders are kept but do not run."
        needed: list[Layer] = [layer for layer in self.missing if self.pinned or layer in ("seccomp", "limits")]
        reasons = " ".join(f"{layer.capitalize()}: {self.missing[layer]}. {ENABLE[layer]}" for layer in needed)
        return f"{about} {reasons}".strip()


_found: Detection | None = None
_lock = threading.Lock()


def detect() -> Detection:
    """Of this process; takes a tenth of a second the first time."""
    global _found
    with _lock:
        if _found is None:
            _found = look(os.environ.get(SETTING, ""))
        return _found


def require() -> Combination:
    """The combination to run with. Raises `SandboxMissing`."""
    found = detect()
    if found.combination is None:
        raise SandboxMissing(found.refusal)
    return found.combination


def look(pinned: str = "", candidates: tuple[Combination, ...] = COMBINATIONS) -> Detection:
    """Try the candidates, or the pinned one alone. Nothing is kept."""
    began = perf_counter()
    if pinned.strip():
        try:
            candidates = (named(pinned),)
        except SandboxMissing as error:
            return Detection(None, pinned=pinned, problem=str(error))
    missing: dict[Layer, str] = {}
    if sys.platform != "linux":
        missing = dict.fromkeys(_ALL, f"it is a part of Linux, and this is {sys.platform}")
        return Detection(None, missing, pinned, perf_counter() - began)
    for candidate in candidates:
        if missing.keys() & set(candidate.layers):
            continue  # a layer that failed in a stronger combination does not come back in a weaker one
        fault = _try(candidate)
        if fault is None:
            for layer in set(_ALL) - set(candidate.layers) - missing.keys():
                missing[layer] = f"{SETTING} leaves it out"
            return Detection(candidate, missing, pinned, perf_counter() - began)
        missing[fault.layer] = fault.why
    return Detection(None, missing, pinned, perf_counter() - began)


def _try(combination: Combination) -> LayerFault | None:
    """Build it, attack it, tear it down. None: it withstood."""
    slot: Slot | None = None
    try:
        slot = Slot(combination, Limits(seconds=10))
        slot.load(read_program(probes.SOURCE))
        if slot.run([(probes.BENIGN, {})], 10)[0].score != 1.0:
            return LayerFault(combination.layers[0], "a harmless grader does not run in it")
        with tempfile.TemporaryDirectory() as folder:
            item = {"pid": os.getpid(), "file": __file__, "folder": folder}
            for attack in probes.ATTACKS:
                outcome = slot.run([(attack, item)], 10)[0]
                if outcome.score != 0.0 and (outcome.failure is None or outcome.failure.kind != "crash"):
                    words = attack.replace("_", " ")
                    return LayerFault(combination.layers[0], f"it was put up, but code inside it still {words}")
    except LayerFault as fault:
        return fault
    except JailLost as error:
        return LayerFault(combination.layers[0], str(error).rstrip("."))
    finally:
        if slot is not None:
            slot.close()
    return None
