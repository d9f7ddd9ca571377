"""The timed training step of a base model: one at a time on the whole install, and never beside a job of this machine.

A job that is launched meanwhile ends the measuring, which would get in its way and come out too long; it is done again
when nothing runs or waits any more. The record lies in `BaseModel.timing`: {} where nobody has asked; "asked_at" until
it is measured, with "beat_at", the last sign of life, while a worker does so, or an "error" where that did not work;
"waits" until the machine is idle; "record" and "timed_at" once it is known, with "steps" where those of a real training
have corrected it (`pace.py`). What follows from it: `expect.py`.
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

from django.db import transaction
from django.utils import timezone

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.launch.environment import environment
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue

LONGEST_S = 480  # a timing that takes longer is given up: it runs inside a short task
LOOK_S = 0.5  # how often it looks whether a job was launched, which it keeps waiting until then
BEAT = timedelta(seconds=5)
STALE = timedelta(seconds=30)  # silence after which whoever measures is taken for dead
ASK_AGAIN = timedelta(minutes=10)


def ask_for_timing(*, model: BaseModel) -> bool:
    """Have a model timed as soon as nothing runs. Says whether it is being timed now, or has just been asked for."""
    if model.is_timed or _asked_lately(model):
        return not model.is_timed and "error" not in model.timing
    if _measured_now() or not queue.is_idle():
        if not model.timing.get("waits"):
            _change(model, {"waits": True})
        return False
    if _change(model, {"asked_at": timezone.now().isoformat()}):
        queue.wake("runs.time_model", [model.pk])
    return True


def ask_for_next() -> BaseModel | None:
    """A model whose timing waited for an idle machine, or was lost with its worker, now that it may be measured."""
    for model in BaseModel.objects.all():
        lost = "beat_at" in model.timing and not _is_measured(model)
        if (lost or model.timing.get("waits")) and ask_for_timing(model=model):
            return model
    return None


def time_again(*, model: BaseModel) -> bool:
    """Forget what is known of a model's speed and measure it anew; False where that waits for something to end.

    One that is being measured now is let go on: its figures are as new as those of another measurement would be.
    """
    with transaction.atomic():
        queue.one_at_a_time()
        model.refresh_from_db(fields=["timing"])
        if not _is_measured(model):
            BaseModel.objects.filter(pk=model.pk).update(timing={})
            model.timing = {}
    return ask_for_timing(model=model)


def time_model(*, model: BaseModel) -> bool:
    """Time one step of a model that this was asked for, and keep the figures. Takes up to minutes.

    False where there is nothing to do, where something runs (the timing waits for its end) and where it does not work
    (the record says why, so that pages do not wait for it).
    """
    if not _claim(model):
        return False
    try:
        figures = _measured(model)
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


def _claim(model: BaseModel) -> bool:
    """Take a timing that was asked for. False where there is nothing to take, or where it has to wait."""
    with transaction.atomic():
        queue.one_at_a_time()
        model.refresh_from_db(fields=["timing"])
        if model.is_timed or "asked_at" not in model.timing or _is_measured(model):
            return False
        if _measured_now() or not queue.is_idle():
            _change(model, {"waits": True})
            return False
        return _change(model, {"asked_at": model.timing["asked_at"], "beat_at": timezone.now().isoformat()})


def _still_ours(model: BaseModel) -> bool:
    """Gives a sign of life. False where the model is another one now, or somebody else measures it."""
    if timezone.now() - datetime.fromisoformat(model.timing["beat_at"]) < BEAT:
        return BaseModel.objects.filter(pk=model.pk, timing=model.timing).exists()
    return _change(model, {**model.timing, "beat_at": timezone.now().isoformat()})


def _is_measured(model: BaseModel) -> bool:
    """Whether a worker measures it, as far as its signs of life tell."""
    beat = model.timing.get("beat_at")
    return bool(beat) and timezone.now() - datetime.fromisoformat(beat) < STALE


def _measured_now() -> bool:
    return any(_is_measured(model) for model in BaseModel.objects.all())


def _asked_lately(model: BaseModel) -> bool:
    if "beat_at" in model.timing:
        return _is_measured(model)
    asked = model.timing.get("asked_at")
    return bool(asked) and timezone.now() - datetime.fromisoformat(asked) < ASK_AGAIN


def _change(model: BaseModel, timing: dict[str, Any]) -> bool:
    """False where somebody else was first: a training may have told the pace, or a person asked for another timing."""
    changed = BaseModel.objects.filter(pk=model.pk, timing=model.timing).update(timing=timing)
    if changed:
        model.timing = timing
    return bool(changed)


def _measured(model: BaseModel) -> dict[str, Any] | None:
    """The engine's figures; None where it gave way. Raises `SystemFault` with the last line of what it said."""
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
            if _end(process, model) is None:
                return None
            figures: dict[str, Any] = json.loads(result.read_text(encoding="utf-8")) if not process.returncode else {}
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise SystemFault(f"{model} could not be timed: {error}") from error
        if not figures:
            words = said.read_text(encoding="utf-8", errors="replace").strip() or "it said nothing"
            raise SystemFault(f"{model} could not be timed: {words.splitlines()[-1]}")
        return figures


def _end(process: "subprocess.Popen[bytes]", model: BaseModel) -> int | None:
    """The exit status; None where a job was launched and this had to go. Raises `TimeoutExpired`. Leaves no process."""
    until = time.monotonic() + LONGEST_S
    try:
        while True:
            try:
                return process.wait(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                if not queue.is_idle() or not _still_ours(model):
                    return None
                if time.monotonic() > until:
                    raise
    finally:
        process.kill()
        process.wait()
