"""How long a training is expected to take on this machine, from a timed step of its base model."""

from collections.abc import Mapping, Sequence
from typing import Any

from rftstudio.engine.types import Item
from rftstudio.registry.models import BaseModel


def expected_seconds(
    model: BaseModel, settings: Mapping[str, Any], items: Mapping[str, Sequence[Item]]
) -> float | None:
    """Seconds; None where the model has not been timed here. items: by split ("train", "validation")."""
    if not model.is_timed:
        return None
    return None
