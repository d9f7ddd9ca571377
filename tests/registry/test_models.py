"""Base models: read from their directory, listed, timed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.registry import actions
from rftstudio.registry.model_files import count_parameters, read_model
from rftstudio.registry.models import BaseModel
from rftstudio.registry.tasks import time_model
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


def test_a_timing_is_asked_for_once(model):
    assert actions.ask_for_timing(model=model)
    assert not actions.ask_for_timing(model=model), "somebody else saw the row before it changed"
    model.refresh_from_db()
    assert not actions.ask_for_timing(model=model)


def engine_says(monkeypatch, code=0, figures=None, stderr=""):
    def run(command, **options):
        assert "SECRET_KEY" not in options["env"]
        if figures is not None:
            Path(command[command.index("--out") + 1]).write_text(json.dumps(figures))
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr(subprocess, "run", run)


def test_a_timing_is_kept(model, monkeypatch):
    engine_says(monkeypatch, figures={"step": 1.5})
    assert time_model(model.pk)
    model.refresh_from_db()
    assert model.is_timed
    assert model.timing["record"] == {"step": 1.5}
    assert not time_model(model.pk), "a message delivered twice times once"
    assert not time_model(99999)


def test_a_timing_that_fails_says_why(model, monkeypatch):
    engine_says(monkeypatch, code=1, stderr="Traceback\nMemoryError: too big")
    with pytest.raises(SystemFault, match="too big"):
        actions.time_model(model=model)
    assert not time_model(model.pk)
    model.refresh_from_db()
    assert not model.is_timed
    assert "too big" in model.timing["error"]


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


def test_time_again_is_for_owners(model, workspace, as_alice, as_bob, as_charlie):
    url = f"/w/{workspace.slug}/models/{model.pk}/time/"
    assert as_bob.post(url).status_code == 403
    assert as_charlie.post(url).status_code == 404
    assert as_alice.get(url).status_code == 405
    model.timing = {"timed_at": "2026-01-01T00:00:00+00:00"}
    model.save()
    assert as_alice.post(url).status_code == 302
    model.refresh_from_db()
    assert set(model.timing) == {"asked_at"}
    assert as_alice.post(f"/w/{workspace.slug}/models/999/time/").status_code == 404
