"""Base models on their way: brought whole or not at all, resumed, cancelled, failed with a way out."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.places import partial_of
from rftstudio.lib.errand import AGAIN, STALE, look_after
from rftstudio.registry import arrivals, hub_token
from rftstudio.registry.models import Arrival, BaseModel, HubToken
from tests.engine.hub_server import Repo
from tests.engine.model_files import model_files, weights, write_model

pytestmark = pytest.mark.django_db(transaction=True)
COMMIT = "c" * 40


def fetch(workspace, by, **changes):
    return arrivals.fetch_from_hub(workspace=workspace, by=by, hub_id="org/tiny", commit=COMMIT, **changes)


def test_a_model_of_the_hub_arrives(hub, workspace, alice):
    arrival = fetch(workspace, alice, revision="main")
    arrival.refresh_from_db()
    model = BaseModel.objects.get()
    assert (arrival.status, arrival.base_model, arrival.share) == ("done", model, 100)
    assert (model.name, model.revision, model.licence, model.source) == ("org/tiny", COMMIT, "Apache-2.0", "hub")
    assert (model.n_parameters, model.facts["revision_name"]) == (50_000, "main")
    assert model.state == "here"
    assert Path(model.location).is_dir()
    assert (model.workspace, model.created_by) == (workspace, alice)
    with pytest.raises(SpecError, match="is here already"):
        fetch(workspace, alice)
    hub.repos["org/tiny"].commit = "d" * 40
    other = arrivals.fetch_from_hub(workspace=workspace, by=alice, hub_id="org/tiny", commit="d" * 40)
    other.refresh_from_db()
    assert other.base_model.name == "org/tiny (ddddddd)", "another revision is another model"


def test_a_refusal_is_told_with_its_remedy(hub, workspace, alice):
    hub.repos["org/tiny"] = Repo(model_files(template=None))
    arrival = fetch(workspace, alice)
    arrival.refresh_from_db()
    assert arrival.status == "failed"
    assert "no chat template" in arrival.error
    assert "instruct" in arrival.fix
    assert not BaseModel.objects.exists()
    hub.repos["org/tiny"] = Repo(model_files())
    arrivals.start_again(arrival=arrival)
    arrival.refresh_from_db()
    assert (arrival.status, arrival.error) == ("done", "")
    with pytest.raises(SpecError, match="goes on already"):
        arrivals.start_again(arrival=arrival)


def test_the_token_goes_to_the_hub_and_nowhere_else(hub, workspace, alice):
    hub.repos["org/tiny"].gated, hub.repos["org/tiny"].tokens = "auto", ("hf_secret_1",)
    hub_token.keep(workspace=workspace, token="hf_secret_1")
    assert "hf_secret" not in HubToken.objects.get().token
    fetch(workspace, alice)
    assert BaseModel.objects.exists()
    assert all("hf_secret_1" not in str(row) for row in BaseModel.objects.values())
    assert all("hf_secret_1" not in str(row) for row in Arrival.objects.values())
    hub_token.forget(workspace=workspace)
    assert hub_token.plain(workspace) == ""


def slow(hub):
    repo = hub.repos["org/tiny"]
    repo.files["model.safetensors"] = weights(1_000_000)
    repo.delay = 0.03
    return repo


def begun(workspace, by, pause=lambda row: None) -> tuple[Arrival, threading.Thread]:
    """An arrival that is being brought by a thread, after its first megabyte."""
    arrival = Arrival.objects.create(
        workspace=workspace, source="hub", name="org/tiny", hub_id="org/tiny", commit=COMMIT, created_by=by
    )
    thread = threading.Thread(target=arrivals.bring, kwargs={"pk": arrival.pk}, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not Arrival.objects.filter(pk=arrival.pk, done__gt=900).exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    return arrival, thread


def test_progress_and_cancel(hub, workspace, alice):
    slow(hub)
    arrival, thread = begun(workspace, alice)
    arrival.refresh_from_db()
    assert 0 < arrival.share < 100
    assert arrival.note == "model.safetensors"
    assert arrival.total_bytes > 4_000_000
    assert partial_of(arrivals.target_of(arrival)).is_dir()
    with pytest.raises(SpecError, match="on its way"):
        fetch(workspace, alice)
    pk = arrival.pk
    arrivals.cancel_arrival(arrival=arrival)
    thread.join(timeout=20)
    assert not thread.is_alive()
    arrival.pk = pk
    assert not partial_of(arrivals.target_of(arrival)).exists()
    assert not BaseModel.objects.exists()


def test_a_worker_that_died_is_followed_by_another_from_where_it_stopped(hub, workspace, alice):
    repo = slow(hub)
    arrival, thread = begun(workspace, alice)
    long_ago = timezone.now() - 2 * STALE
    Arrival.objects.filter(pk=arrival.pk).update(worker="dead", updated_at=long_ago)
    thread.join(timeout=20)  # it finds that the row is not its own any more
    # Not for the first time, which does not matter: what came is not fetched again.
    Arrival.objects.filter(pk=arrival.pk).update(updated_at=long_ago, error=AGAIN)
    assert partial_of(arrivals.target_of(arrival)).is_dir(), "what came is kept"
    repo.delay = 0
    assert look_after() == {"again": 1, "stopped": 0}
    assert BaseModel.objects.exists()
    assert hub.asked_for("model.safetensors")[-1]["Range"].startswith("bytes=")


def test_one_that_waits_is_cancelled_at_once(hub, workspace, alice):
    arrival = Arrival.objects.create(
        workspace=workspace, source="hub", name="org/tiny", hub_id="org/tiny", commit=COMMIT,
        created_at=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    partial_of(arrivals.target_of(arrival)).mkdir(parents=True)
    arrivals.cancel_arrival(arrival=arrival)
    assert not Arrival.objects.exists()
    assert not list(arrivals.target_of(Arrival(hub_id="org/tiny", commit=COMMIT)).parent.glob(".*part"))


def test_a_directory(workspace, alice, tmp_path):
    directory = write_model(tmp_path / "own", numbers=7)
    arrivals.read_local(workspace=workspace, by=alice, name="Own", directory=directory, licence="MIT")
    model = BaseModel.objects.get()
    assert (model.name, model.source, model.n_parameters, model.licence) == ("Own", "local", 7, "MIT")
    first = model.revision
    assert len(first) == 64
    with pytest.raises(SpecError, match="called Own already"):
        arrivals.read_local(workspace=workspace, by=alice, name="Own", directory=directory)
    (directory / "model.safetensors").write_bytes(weights(8))
    model.refresh_from_db()
    assert (model.state, model.changed_files) == ("changed", ["model.safetensors"])
    arrivals.read_again(workspace=workspace, by=alice, model=model)
    model.refresh_from_db()
    assert (model.state, model.n_parameters) == ("here", 8)
    assert model.revision != first


def test_a_fetched_model_has_to_be_what_was_fetched(hub, workspace, alice):
    fetch(workspace, alice)
    model = BaseModel.objects.get()
    file = Path(model.location) / "config.json"
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    assert model.state == "changed"
    arrivals.read_again(workspace=workspace, by=alice, model=model)
    failed = Arrival.objects.get(status="failed")
    assert "not those that were fetched" in failed.error
    with pytest.raises(SpecError, match="is here already"):
        fetch(workspace, alice)
    arrivals.fetch_again(workspace=workspace, by=alice, model=model)
    model.refresh_from_db()
    assert (model.state, file.read_bytes(), BaseModel.objects.count()) == ("here", content, 1)
    with pytest.raises(SpecError, match="is whole"):
        arrivals.fetch_again(workspace=workspace, by=alice, model=model)
    file.write_bytes(content)  # as after a copy: the same, with another date
    arrivals.start_again(arrival=failed)
    model.refresh_from_db()
    assert (model.state, model.revision, model.facts["hub_id"]) == ("here", COMMIT, "org/tiny")


def test_a_directory_that_is_refused(workspace, alice, tmp_path):
    directory = write_model(tmp_path / "own", model__safetensors=None, pytorch_model__bin=b"\x80")
    arrivals.read_local(workspace=workspace, by=alice, name="Own", directory=directory)
    arrival = Arrival.objects.get()
    assert arrival.status == "failed"
    assert "only pickled ones" in arrival.error
    assert "save_pretrained" in arrival.fix


def test_the_command_that_the_studio_starts(hub, workspace, alice):
    arrival = Arrival.objects.create(
        workspace=workspace, source="hub", name="org/tiny", hub_id="org/tiny", commit=COMMIT, created_by=alice
    )
    call_command("bring_model", str(arrival.pk))
    call_command("bring_model", str(arrival.pk))  # delivered twice, it is brought once
    assert BaseModel.objects.get().revision == COMMIT
    assert len(hub.asked_for("model.safetensors")) == 1


def test_a_new_key_encrypts_the_token_anew(workspace, settings):
    hub_token.keep(workspace=workspace, token="hf_secret_1")
    old, new = settings.SECRETS_KEYS[0], "n" * 40
    settings.SECRETS_KEYS = [new, old]
    call_command("renew_secrets")
    settings.SECRETS_KEYS = [new]
    assert hub_token.plain(workspace) == "hf_secret_1"
