"""Base models: read from their directory, listed."""

import shutil
from pathlib import Path

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.registry import actions
from rftstudio.registry.model_files import count_parameters, read_model
from rftstudio.registry.models import BaseModel
from tests.factories import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(db):
    return make_base_model(name="Listed")


def test_facts_of_a_directory(model):
    facts = read_model(Path(model.location))
    assert (facts.n_parameters, facts.context_length, facts.architecture) == (2, 2048, "LlamaForCausalLM")
    assert model.n_parameters == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "no config.json"),
        ("tokenizer.json", "no tokenizer.json"),
        ("tokenizer_config.json", "no chat template"),
        ("model.safetensors", "no safetensors weights"),
    ],
)
def test_what_is_missing_is_named(model, name, words):
    (Path(model.location) / name).unlink()
    with pytest.raises(SpecError, match=words) as caught:
        read_model(Path(model.location))
    assert caught.value.path == "base_model"
    assert caught.value.fix


def test_broken_files(model, tmp_path):
    directory = Path(model.location)
    (directory / "config.json").write_text("{")
    with pytest.raises(SpecError, match="cannot be read"):
        read_model(directory)
    for content in (b"", b"short", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{]"):
        (tmp_path / "w.safetensors").write_bytes(content)
        with pytest.raises(SpecError, match="not a whole safetensors file"):
            count_parameters(tmp_path / "w.safetensors")


def test_registering_twice_is_one_row(model):
    again = actions.register_local(name="Listed", directory=Path(model.location), licence="MIT")
    assert (again.pk, again.licence) == (model.pk, "MIT")
    with pytest.raises(SpecError, match="not there"):
        actions.register_local(name="Gone", directory=Path("/nowhere"))
    with pytest.raises(SpecError, match="no name"):
        actions.register_local(name=" ", directory=Path(model.location))


def test_the_embedded_model(settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    with pytest.raises(SpecError, match="not there"):
        actions.register_embedded()
    made = make_base_model(name="smollm2-135m-instruct")
    made.delete()
    first, second = actions.register_embedded(), actions.register_embedded()
    assert first == second
    assert (first.source, first.licence) == ("embedded", "Apache-2.0")


def test_the_page(model, workspace, as_alice, as_vera, as_charlie, client):
    url = f"/w/{workspace.slug}/models/"
    text = as_vera.get(url).text
    assert "Listed" in text
    assert "2,048" in text
    assert "No tuned model yet" in text
    assert as_charlie.get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert as_alice.post(url).status_code == 405
    assert as_alice.get("/w/nowhere/models/").status_code == 404
    shutil.rmtree(model.location)
    assert "its directory is gone" in as_vera.get(url).text
    BaseModel.objects.all().delete()
    assert "No base model on this machine" in as_vera.get(url).text
