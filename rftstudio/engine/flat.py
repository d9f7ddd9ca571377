"""A step's figures without nesting, under the names that files and trackers know them by."""

from collections.abc import Mapping
from typing import Any


def flat(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The figures of a step without nesting: {"timing": {"step": 2.0}} is "timing.step", a list's places are numbered.

    Used wherever figures leave the studio, so that a name means the same in a file and in a tracker.
    """
    found: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, (list, tuple)):
            found |= flat({str(place): one for place, one in enumerate(value)}, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
