"""Where tests and benchmarks find the embedded models."""

import os
from pathlib import Path

from rftstudio.engine.grading.embedding import __main__ as sentences
from rftstudio.engine.inference import embedded

ROOT = Path(__file__).parents[2]


def embedded_model() -> Path:
    """RFT_TEST_MODEL, or the one under DATA_DIR (`.data` by default), made there where it is missing."""
    if given := os.environ.get("RFT_TEST_MODEL"):
        return Path(given)
    return embedded.ensure(Path(os.environ.get("DATA_DIR", ROOT / ".data")))


def sentence_model() -> Path:
    """RFT_TEST_EMBEDDING, or the one under DATA_DIR (`.data` by default), fetched there where it is missing."""
    if given := os.environ.get("RFT_TEST_EMBEDDING"):
        return Path(given)
    return sentences.ensure(Path(os.environ.get("DATA_DIR", ROOT / ".data")))
