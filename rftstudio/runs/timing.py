"""The timed training step of a base model: asked for once, and never measured beside a job of this machine.

A job that starts meanwhile ends the measuring, which would get in its way and come out too long; it is done again when
nothing runs any more. The record lies in `BaseModel.timing`: {} where nobody has asked; "asked_at" while it is
measured, with an "error" where that did not work; "waits" until the machine is idle; "record" and "timed_at" once it is
known, with "steps" where those of a real training have corrected it (`pace.py`). What follows from it: `expect.py`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.launch.environment import environment
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue

LONGEST_S = 480  # a timing that takes longer is given up: it runs inside a short task
LOOK_S = 1.0  # how often it looks whether a job has started
ASK_AGAIN = timedelta(minutes=10)


def ask_for_timing(*, model: BaseModel) -> bool:
    """Have a model timed as soon as nothing runs. Says whether it is being timed now, or has just been asked for."""
    if model.is_timed or _asked_lately(model):
        return not model.is_timed and "error" not in model.timing
    if queue.running():
        if not model.timing.get("waits"):
            _change(model, {"waits": True})
        return False
    if _change(model, {"asked_at": timezone.now().isoformat()}):
        queue.wake("runs.time_model", [model.pk])
    return True


def ask_for_those_waiting() -> list[BaseModel]:
    """Models whose timing waited for an idle machine, now that it may be one."""
    waiting = [model for model in BaseModel.objects.all() if model.timing.get("waits")]
    return [model for model in waiting if ask_for_timing(model=model)]


def time_again(*, model: BaseModel) -> bool:
    """Forget what is known of a model's speed and measure it anew; False where that waits for a job to end."""
    BaseModel.objects.filter(pk=model.pk).update(timing={})
    model.timing = {}
    return ask_for_timing(model=model)


def time_model(*, model: BaseModel) -> bool:
    """Time one step of a model that this was asked for, and keep the figures. Takes up to minutes.

    False where there is nothing to do, where a job runs (the timing waits for its end) and where it does not work (the
    record says why, so that pages do not wait for it).
    """
    if model.is_timed or "asked_at" not in model.timing:
        return False
    try:
        figures = None if queue.running() else _measured(model)
    except SystemFault as fault:
        _change(model, {"asked_at": timezone.now().isoformat(), "error": str(fault)[:500]})
        return False
    if figures is None or queue.running():
        _change(model, {"waits": True})
        return False
    return _change(model, {"record": figures, "timed_at": timezone.now().isoformat()})


def command(model: BaseModel, result: Path) -> list[str]:
    """What measures, as a process of its own: the engine's libraries stay out of the worker."""
    engine = [sys.executable, "-P", "-m", "rftstudio.engine.training", "time"]
    return [*engine, "--model", model.location, "--out", str(result)]


def _asked_lately(model: BaseModel) -> bool:
    asked = model.timing.get("asked_at")
    return bool(asked) and timezone.now() - datetime.fromisoformat(asked) < ASK_AGAIN


def _change(model: BaseModel, timing: dict[str, Any]) -> bool:
    """False where somebody else was first: a training may have told the pace, or a person asked for another timing."""
    changed = BaseModel.objects.filter(pk=model.pk, timing=model.timing).update(timing=timing)
    if changed:
        model.timing = timing
    return bool(changed)


def _measured(model: BaseModel) -> dict[str, Any] | None:
    """The engine's figures; None where a job has started. Raises `SystemFault` with the last line of what it said."""
    with tempfile.TemporaryDirectory(prefix="rft-timing-") as folder:
        result, said = Path(folder) / "timing.json", Path(folder) / "said.txt"
        try:
            with said.open("wb") as into:
                process = subprocess.Popen(
                    command(model, result),
                    cwd=folder,
                    env=environment(os.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=into,
                    stderr=subprocess.STDOUT,
                )
            if _end(process) is None:
                return None
            figures: dict[str, Any] = json.loads(result.read_text(encoding="utf-8")) if not process.returncode else {}
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise SystemFault(f"{model} could not be timed: {error}") from error
        if not figures:
            words = said.read_text(encoding="utf-8", errors="replace").strip() or "it said nothing"
            raise SystemFault(f"{model} could not be timed: {words.splitlines()[-1]}")
        return figures


def _end(process: "subprocess.Popen[bytes]") -> int | None:
    """The exit status; None where a job started and this had to go. Raises `TimeoutExpired`. Leaves no process."""
    until = time.monotonic() + LONGEST_S
    try:
        while True:
            try:
                return process.wait(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                if queue.running():
                    return None
                if time.monotonic() > until:
                    raise
    finally:
        process.kill()
        process.wait()
