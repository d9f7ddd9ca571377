"""Other programs that may be told a training's figures: TensorBoard, MLflow, Weights & Biases.

Which of them is written in `job.json` (`report_to`); where they are and with which key is in the environment, in their
own variables. How they are told is in `training/tracking.py`. Nothing is imported here, so the web process may use it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.flat import flat

TENSORBOARD_FOLDER = "tensorboard"  # in the job's directory
STATE_FILE = "tracking.json"
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})
# transformers would hook every gradient, or upload weights from a folder that our checkpoints are not in.
REFUSED = frozenset({"WANDB_WATCH", "WANDB_LOG_MODEL"})


@dataclass(frozen=True, slots=True)
class Tracker:
    """name: transformers' word. module: what has to be installed. prefix: of its variables, "" where it needs none."""

    name: str
    label: str
    module: str
    package: str
    prefix: str = ""
    needs: str = ""


TRACKERS = {
    tracker.name: tracker
    for tracker in (
        Tracker("tensorboard", "TensorBoard", "tensorboard", "tensorboard"),
        Tracker("mlflow", "MLflow", "mlflow", "mlflow", "MLFLOW_", "MLFLOW_TRACKING_URI"),
        Tracker("wandb", "Weights & Biases", "wandb", "wandb", "WANDB_"),
    )
}


def read_names(names: Iterable[str]) -> tuple[str, ...]:
    """Known names in order, each once. Raises `SpecError` naming one that is not known."""
    found = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    for name in found:
        if name not in TRACKERS:
            raise SpecError(
                f"There is no tracker {name!r}.", path="report_to", fix=f"Use one or more of {', '.join(TRACKERS)}."
            )
    return found


def require(names: Iterable[str], environment: Mapping[str, str]) -> None:
    """Raises `SpecError` where a tracker is not installed, or its variables do not say where it is."""
    for name in read_names(names):
        tracker = TRACKERS[name]
        if find_spec(tracker.module) is None:
            raise SpecError(
                f"The figures are to be sent to {tracker.label}, which is not installed here.",
                path="report_to",
                fix=f"Run `pip install {tracker.package}` in the studio's environment, or take {name} out of "
                "RFT_REPORT_TO.",
            )
        if tracker.needs and not environment.get(tracker.needs):
            raise SpecError(
                f"The figures are to be sent to {tracker.label}, and {tracker.needs} does not say where that is.",
                path="report_to",
                fix=f"Set {tracker.needs}, or take {name} out of RFT_REPORT_TO, then start the studio again.",
            )


def variables(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """What a job's process needs of the studio's environment: the trackers' own variables, and the way out."""
    prefixes = tuple(TRACKERS[name].prefix for name in names if TRACKERS[name].prefix)
    if not prefixes:
        return {}
    return {
        name: value
        for name, value in environment.items()
        if (name.startswith(prefixes) and name not in REFUSED) or name in PROXIES
    }


def told(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a step as a tracker gets them. transformers knows validation by the prefix "eval_"."""
    return {
        "eval_" + name.removeprefix("valid_") if name.startswith("valid_") else name: float(value)
        for name, value in flat(metrics).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in ("step", "total_steps")
    }
