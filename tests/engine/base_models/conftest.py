import pytest

from tests.engine.hub_server import Hub, running_hub


@pytest.fixture
def hub(monkeypatch) -> Hub:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
