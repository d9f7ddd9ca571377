"""A grader kind that waits for somebody else, for tests of what is asked before it is done.

Which kinds ask is told by their names; a kind that needs no network takes one of them for the time of a test.
"""

import pytest

from rftstudio.graders import marking


@pytest.fixture
def string_check_asks(monkeypatch):
    """From here on `string_check` counts as a kind whose every answer is a call."""
    monkeypatch.setattr(marking, "ASKING", frozenset({"string_check"}))
    monkeypatch.setattr(marking, "JUDGED", frozenset({"string_check"}))
