"""How fast a base model is on this machine, as its record says. Measuring it is the business of `runs/timing.py`."""

from rftstudio.engine.errors import SpecError
from rftstudio.engine.estimate import Timing
from rftstudio.registry.models import BaseModel


def timing_of(model: BaseModel) -> Timing | None:
    """The model's timing on this machine; None where there is none that can be read."""
    if not model.is_timed:
        return None
    try:
        return Timing.from_json(model.timing["record"])
    except (SpecError, KeyError):
        return None
