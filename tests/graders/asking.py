"""A grader kind that waits for somebody else, for tests of what is asked before it is done.

A kind that needs no network says for the time of a test that each grade is a call, to a judge of a name.
"""

import pytest

from rftstudio.engine.grading.string_check import StringCheck


@pytest.fixture
def string_check_asks(monkeypatch):
    """From here on `string_check` counts as a kind whose every answer is a call."""
    monkeypatch.setattr(StringCheck, "calls", 1)
    monkeypatch.setattr(StringCheck, "models", lambda self: iter([("model", "main judge")]))
