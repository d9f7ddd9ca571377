import pytest
from huggingface_hub import constants

from tests.engine.hub_server import Hub, running_hub


@pytest.fixture(autouse=True)
def _online(monkeypatch):
    """As it is until a process has loaded a model."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def hub(monkeypatch) -> Hub:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
