import pytest

from tests.engine.hub_server import Hub, Repo, running_hub
from tests.engine.model_files import model_files


@pytest.fixture
def hub(settings, tmp_path) -> Hub:
    """A hub with one small model, and a fresh folder for what is fetched."""
    with running_hub() as running:
        settings.HF_ENDPOINT = running.url
        settings.MODELS_DIR = tmp_path / "models"
        running.repos["org/tiny"] = Repo(model_files(), refs=("main", "v1"))
        yield running
