"""A judge server that a test scripts: `serve(answer)`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.engine.judge_server import Answer, JudgeServer


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], JudgeServer]]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(JudgeServer(answer))
