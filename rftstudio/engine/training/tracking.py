"""Tells trackers (`engine/trackers.py`) the figures of every step, through transformers' own callbacks.

A tracker that fails is left alone for the rest of the process and said once as an event: it never fails a training.
Each step is told once however often the training is killed or paused: `tracking.json` remembers how far each of them
is (only a kill in the very moment of telling tells a step twice), and what one lacks is told it at the next start, from
the log of events. All stages of a training are one run of theirs.
Figures and settings are sent, never a task or an answer.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.integrations import get_reporting_integration_callbacks

from rftstudio.engine.events import Log, read
from rftstudio.engine.trackers import STATE_FILE, TENSORBOARD_FOLDER, TRACKERS, told
from rftstudio.engine.training.journal import Journal

# A server that does not answer must not hold a training up; whoever sets these knows better.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "WANDB_INIT_TIMEOUT": "30",
    "WANDB_CONSOLE": "off",
    "WANDB_SILENT": "true",
    "WANDB_RESUME": "allow",
}


class Tracking(TrainerCallback):
    """See the module. Comes after `Reporter` in the list, which emits the figures that are told here."""

    def __init__(self, names: Sequence[str], directory: Path, journal: Journal, events: Log) -> None:
        self.directory = directory
        self.journal = journal
        self.events = events
        self._state = self._read()
        self._inner: dict[str, TrainerCallback] = {}
        self._begun = False
        self._last: tuple[Any, TrainerState, TrainerControl, dict[str, Any]] | None = None
        self._prepare(names)
        for name in names:
            try:
                (kind,) = get_reporting_integration_callbacks([name])
                self._inner[name] = kind()
            except Exception as error:
                self._give_up(name, error)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        self._last = args, state, control, more
        if self._begun:
            return  # a later stage
        self._begun = True
        self._tell("on_train_begin", args, state, control, **more)
        self._remember_run()
        for row in read(self.events.path):
            if row["type"] == "metrics":
                self._figures(row["data"], args, state, control, **more)

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        more.pop("logs", None)
        self._figures(self.journal.latest, args, state, control, **more)

    def close(self) -> None:
        """After the last stage. The end of a single one, of which transformers tells, is none for a tracker."""
        if self._last is not None:
            args, state, control, more = self._last
            self._tell("on_train_end", args, state, control, **more)

    def _figures(
        self, metrics: dict[str, Any], args: Any, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Tell a step to those that do not have it yet, under its own number (transformers counts updates)."""
        if not metrics:
            return
        counted, state.global_step = state.global_step, metrics["step"]
        try:
            for name in list(self._inner):
                if metrics["step"] > self._reached(name):
                    self._tell("on_log", args, state, control, names=[name], logs=told(metrics), **more)
                    if name in self._inner:
                        self._state["told"][name] = metrics["step"]
                        self._write()
        finally:
            state.global_step = counted

    def _reached(self, name: str) -> int:
        """The last step that a tracker has been told; in older files they all had the same."""
        step: int = self._state["told"].get(name, self._state["step"])
        return step

    def _tell(self, what: str, *arguments: Any, names: Sequence[str] | None = None, **more: Any) -> None:
        for name in list(self._inner) if names is None else names:
            try:
                getattr(self._inner[name], what)(*arguments, **more)
            except Exception as error:
                self._give_up(name, error)

    def _give_up(self, name: str, error: Exception) -> None:
        self._inner.pop(name, None)
        why = " ".join(str(error).split())[:400]
        message = (
            f"{TRACKERS[name].label} could not be told the figures ({type(error).__name__}: {why}). "
            "The training goes on without it; nothing else is lost."
        )
        row = {"type": "tracker", "level": "warn", "message": message, "data": {"name": name}}
        if self.events.append(row, key=f"tracker:{name}"):
            print(message, flush=True)

    # One run at the tracker's for one of ours, however often it is started

    def _prepare(self, names: Sequence[str]) -> None:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(self.directory / TENSORBOARD_FOLDER)
        os.environ.setdefault("WANDB_DIR", str(self.directory))
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        if "wandb" in names:
            self._state.setdefault("wandb", uuid4().hex[:12])
            os.environ["WANDB_RUN_ID"] = self._state["wandb"]
            self._write()
        if self._state.get("mlflow"):
            os.environ["MLFLOW_RUN_ID"] = self._state["mlflow"]
        else:
            os.environ.pop("MLFLOW_RUN_ID", None)

    def _remember_run(self) -> None:
        if "mlflow" in self._inner:
            import mlflow

            # By default it answers before the figures are sent, and a kill would lose those that count as told.
            self._inner["mlflow"]._async_log = False
            run = mlflow.active_run()
            if run is not None:
                self._state["mlflow"] = run.info.run_id
                self._write()

    def _read(self) -> dict[str, Any]:
        try:
            row = json.loads((self.directory / STATE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            row = {}
        return {"step": -1, "told": {}, **row}

    def _write(self) -> None:
        temporary = self.directory / f"{STATE_FILE}.part"
        temporary.write_text(json.dumps(self._state), encoding="utf-8")
        os.replace(temporary, self.directory / STATE_FILE)
