import pytest
from huggingface_hub import constants

from tests.engine.hub_server import Hub, running_hub


@pytest.fixture
def hub(monkeypatch) -> Hub:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # as it is until a process has loaded a model
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running
