"""A language model that trains in seconds and has something to learn: it knows the clinic's four desks and little else.

python -m tests.browser.tiny DIRECTORY
"""

import sys
from pathlib import Path

from tests.engine import tiny

DESKS = ("emergency", "appointment", "prescription", "billing")
OTHERS = ("hello", "yes", "no", "maybe")


def save_clinic_model(directory: Path) -> Path:
    """A model directory as from the hub, with room for the sample's worked examples in its context."""
    tiny.WORDS[:] = [*DESKS, *OTHERS]
    return tiny.save_tiny_model(directory, context=2048)


if __name__ == "__main__":
    save_clinic_model(Path(sys.argv[1]))
