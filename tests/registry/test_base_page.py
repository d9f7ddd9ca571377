"""The page of one base model: facts, what it sees, who uses it; removing it and reading it again."""

import json
import shutil
from pathlib import Path

import pytest
from django.utils import timezone

from rftstudio.accounts.models import Role, Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.engine.estimate import Timing
from rftstudio.graders.actions import create_grader
from rftstudio.registry import actions
from rftstudio.registry.example import laid_out
from rftstudio.registry.models import BaseModel
from rftstudio.registry.speed import speed_of
from rftstudio.tasksets.models import TaskSet
from tests.conftest import make_person, signed_in
from tests.engine.model_files import write_model
from tests.factories import make_base_model, make_run, make_taskset

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(db):
    return make_base_model(name="Listed")


@pytest.fixture
def url(model, workspace) -> str:
    return f"/w/{workspace.slug}/models/{model.pk}/"


def test_what_it_shows(model, url, as_vera, as_charlie, as_alice, client):
    text = as_vera.get(url).text
    for words in ("LlamaForCausalLM", "a hash of its contents", model.revision, "model.safetensors", "No training yet"):
        assert words in text
    assert "&lt;system&gt;Which desk is this message for?" in text
    assert "Remove" not in text
    assert as_charlie.get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert as_alice.post(url).status_code == 405
    assert as_alice.get(url.replace(str(model.pk), "9999")).status_code == 404


def test_it_says_what_a_step_takes_and_how_that_is_known(model, url, as_vera, workspace):
    assert "one step of a training is timed before the first one is launched" in as_vera.get(url).text
    record = Timing(1.0, 0.001, 0.05, 0.002, 0.004).to_json()
    model.timing = {"record": record, "timed_at": timezone.now().isoformat()}
    model.save()
    speed = speed_of(model)
    sampled = 0.001 * 6 * 100 + 0.05 * 40 + 0.002 * 72 * 20
    assert speed.step_s == pytest.approx(sampled + 0.004 * (6 * 100 + 72 * 20))
    text = as_vera.get(url).text
    assert "about <strong>14 s for one step</strong>" in text
    assert "72 answers of 20 tokens, to 6 tasks of 100 tokens" in text
    assert "by one step timed" in text
    assert "about 14 s a step" in as_vera.get(f"/w/{workspace.slug}/models/").text
    model.timing |= {"steps": 40}
    model.save()
    assert "by the 40 steps of the last training with this model" in as_vera.get(url).text


def test_who_added_it_is_for_the_workspace_that_did_and_the_operator(model, url, workspace, alice, as_vera, db):
    BaseModel.objects.filter(pk=model.pk).update(workspace=workspace, created_by=alice)
    assert f"by {alice}" in as_vera.get(url).text
    elsewhere = Workspace.objects.create(name="Ward 8", slug="ward-8")
    olga = make_person("olga", elsewhere, Role.OWNER)
    there = url.replace(workspace.slug, elsewhere.slug)
    page = signed_in(olga).get(there).text
    assert model.revision in page
    assert str(alice) not in page
    olga.is_staff = True
    olga.save()
    assert f"by {alice}" in signed_in(olga).get(there).text


def test_a_template_that_refuses_instructions(tmp_path):
    refusing = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    )
    example = laid_out(write_model(tmp_path / "m", template=refusing))
    assert example.problem == "System role not supported"
    assert example.text.startswith("[user]Please send")
    assert "system message" in example.without
    broken = laid_out(write_model(tmp_path / "n", template="{{ nothing.at.all }}"))
    assert (broken.text, bool(broken.problem)) == ("", True)


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_hostile_template_gets_nothing(tmp_path, hostile):
    example = laid_out(write_model(tmp_path / "m", template=hostile))
    assert example.text == ""
    assert example.problem


def test_who_uses_it_stands_in_the_way_of_removing_it(model, url, workspace, as_alice, alice):
    run = make_run(workspace=workspace, by=alice, base_model=model)
    text = as_alice.get(url).text
    assert f"/runs/{run.pk}/" in text
    assert "It cannot be removed" in text
    model.workspace = workspace
    model.save()
    answer = as_alice.post(f"{url}remove/", follow=True)
    assert "is used once" in answer.text
    assert BaseModel.objects.filter(pk=model.pk).exists()


def test_removing(model, url, workspace, as_alice, alice, as_bob, as_charlie):
    assert as_bob.post(f"{url}remove/").status_code == 403
    assert as_charlie.post(f"{url}remove/").status_code == 404
    assert as_alice.get(f"{url}remove/").status_code == 405
    foreign = as_alice.post(f"{url}remove/", follow=True)
    assert "added by another workspace" in foreign.text
    model.workspace = workspace
    model.save()
    assert "the directory stays as it is" in as_alice.get(url).text
    assert "is removed" in as_alice.post(f"{url}remove/", follow=True).text
    assert not BaseModel.objects.exists()
    assert Path(model.location).is_dir()
    assert as_alice.post(f"{url}remove/").status_code == 404


def test_files_of_a_hub_model_go_with_it(settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    fetched = write_model(tmp_path / "hub" / "org--tiny" / ("c" * 40))
    kept = write_model(tmp_path / "elsewhere")
    for place in (fetched, kept):
        model = actions.register_local(name=place.name, directory=place)
        model.source = BaseModel.Source.HUB
        model.save()
        actions.remove_model(model=model)
    assert (fetched.exists(), kept.exists()) == (False, True)


def test_the_embedded_one_stays(model):
    model.source = BaseModel.Source.EMBEDDED
    model.save()
    with pytest.raises(SpecError, match="belongs to the studio"):
        actions.remove_model(model=model)


def test_changed_files_stop_a_training_until_they_are_read(model, url, workspace, as_alice, as_bob, alice):
    file = Path(model.location) / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "max_position_embeddings": 1024}))
    assert "config.json has changed since it was added" in as_alice.get(url).text
    assert "its files have changed" in as_alice.get(f"/w/{workspace.slug}/models/").text
    with pytest.raises(SpecError, match="have changed since it was added") as caught:
        make_run(workspace=workspace, by=alice, base_model=model)
    assert caught.value.path == "base_model"
    assert as_bob.post(f"{url}read/").status_code == 403
    assert as_alice.get(f"{url}read/").status_code == 405


def test_too_large_for_what_trains(model, url, workspace, as_alice, alice, monkeypatch):
    from rftstudio.engine.models import memory

    monkeypatch.setenv("TRAINING_MACHINE", "cpu:1")
    memory.this_machine.cache_clear()
    try:
        BaseModel.objects.update(n_parameters=8_000_000_000)
        model.refresh_from_db()
        assert model.state == "large"
        assert "about 32.9 GB of memory, and there are 1.0 GB" in as_alice.get(url).text
        with pytest.raises(SpecError, match="cannot be trained here") as caught:
            make_run(workspace=workspace, by=alice, base_model=model)
        assert model.name in caught.value.message
        launch = f"/tasksets/{make_taskset(workspace=workspace, by=alice).pk}/launch/"
        create_grader(taskset=TaskSet.objects.get(pk=launch.split("/")[2]), by=alice)
        text = as_alice.get(launch).text
        assert "Listed, too large for this machine" in text
        assert "Listed cannot be trained here. It is too large" in text
    finally:
        memory.this_machine.cache_clear()


def test_a_directory_that_is_gone(model, url, as_vera):
    shutil.rmtree(model.location)
    text = as_vera.get(url).text
    assert "is not there any more" in text
    assert "Its files are not there" in text


def test_reading_and_fetching_again(model, url, workspace, as_alice, settings, tmp_path):
    assert "is being read again" in as_alice.post(f"{url}read/", follow=True).text
    assert "on its way already" in as_alice.post(f"{url}read/", follow=True).text
    assert workspace.arrivals.get().base_model == model
    assert "is whole" in as_alice.post(f"{url}read/", {"fetch": "1"}, follow=True).text
    model.source, model.revision = BaseModel.Source.HUB, "c" * 40
    model.facts["hub_id"] = "org/tiny"
    model.save()
    shutil.rmtree(model.location)
    assert "Fetch it again" in as_alice.get(url).text
    assert "is being fetched again" in as_alice.post(f"{url}read/", {"fetch": "1"}, follow=True).text
    assert workspace.arrivals.filter(source="hub", hub_id="org/tiny", base_model=model).exists()
    assert as_alice.post(f"/w/{workspace.slug}/models/9999/read/").status_code == 404
