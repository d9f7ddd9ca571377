"""What to tell people about the sandbox: operators on the status page, experts at a launch, a run in its first event.

Decides nothing; it puts into words what `detect.py` found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.events import read
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.python import python_graders
from rftstudio.engine.grading.sandbox.detect import detect
from rftstudio.engine.grading.sandbox.layers import ENABLE, GIVES, Layer
from rftstudio.engine.grading.sandbox.libraries import installed
from rftstudio.engine.grading.sandbox.limits import Limits


@dataclass(frozen=True, slots=True)
class LayerStatus:
    """One layer on this machine. why: it does not hold. enable: what to do about that."""

    layer: Layer
    gives: str
    holds: bool
    why: str
    enable: str


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """refusal: why no Python grader runs here, "" where they do."""

    refusal: str
    combination: str
    pinned: str
    layers: Sequence[LayerStatus]
    packages: Sequence[str]
    limits: Limits
    monty: bool
    seconds: float


def sandbox_status() -> SandboxStatus:
    """Of this machine. Raises `SpecError` for a limit in the environment that is out of range."""
    found = detect()
    holding = found.combination.layers if found.combination else ()
    return SandboxStatus(
        refusal=found.refusal,
        combination=found.combination.name if found.combination else "",
        pinned=found.pinned,
        layers=[
            LayerStatus(layer, gives, layer in holding, found.missing.get(layer, ""), ENABLE[layer])
            for layer, gives in GIVES.items()
        ],
        packages=installed(),
        limits=Limits.from_environment(),
        monty=has_monty(),
        seconds=found.seconds,
    )


def has_monty() -> bool:
    return util.find_spec("pydantic_monty") is not None


def refusal(spec: Spec) -> str:
    """Why a grader with Python in it cannot run on this machine, "" where it can or has none."""
    engines = {grader.engine for grader in python_graders(spec)}
    if "monty" in engines and not has_monty():
        return "The grader is run by Monty, which is not installed on this machine. Install pydantic-monty."
    if None in engines:
        try:
            Limits.from_environment()
        except SpecError as error:
            return str(error)
        return detect().refusal
    return ""


def of_run(spec: Spec, events: Path) -> dict[str, Any]:
    """`sandbox` of a run's first event: {} without a Python grader.

    Raises `SystemFault` where none holds, or where the run began in another one and would go on in this.
    """
    engines = sorted({grader.engine or "process" for grader in python_graders(spec)})
    if not engines:
        return {}
    if reason := refusal(spec):
        raise SystemFault(reason)
    now: dict[str, Any] = {"engines": engines}
    if "process" in engines:
        found = detect()
        assert found.combination is not None  # or there were a refusal
        now |= {
            "layers": list(found.combination.layers),
            "missing": dict(found.missing),
            "pinned": found.pinned,
            "limits": Limits.from_environment().to_json(),
        }
    began = next((row["data"].get("sandbox") for row in read(events) if row.get("type") == "started"), None)
    if began and (began.get("layers"), began["engines"]) != (now.get("layers"), now["engines"]):
        raise SystemFault(
            f"This run began with its Python grader in {_named(began)} and would go on in {_named(now)}. It is not "
            "continued with another sandbox. Start it on the machine where it began, or launch it anew."
        )
    return now


def in_words(sandbox: dict[str, Any]) -> str:
    """A sentence for the first event's message; "" without a Python grader."""
    return f" Its Python grader runs in {_named(sandbox)}." if sandbox else ""


def _named(sandbox: dict[str, Any]) -> str:
    layers = [layer for layer in sandbox.get("layers") or () if layer != "limits"]
    parts = [" + ".join(layers)] if layers else []
    return " and ".join([*parts, *(["Monty"] if "monty" in sandbox["engines"] else [])])
