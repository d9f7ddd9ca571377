"""Jobs that really run, as the tests of trainings start them."""

from tests.runs.conftest import processes, until

__all__ = ["processes", "until"]
