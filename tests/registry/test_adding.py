"""The pages that add base models, and who may open them."""

import re

import pytest

from rftstudio.registry import hub_token
from rftstudio.registry.models import Arrival, BaseModel
from tests.engine.hub_server import Repo
from tests.engine.model_files import model_files, write_model

pytestmark = pytest.mark.django_db(transaction=True)
COMMIT = "c" * 40


@pytest.fixture
def base(workspace) -> str:
    return f"/w/{workspace.slug}/models/"


def sealed(text: str) -> str:
    return re.search(r'name="offer" value="([^"]+)"', text)[1]


def test_looking_and_fetching(hub, base, as_alice):
    looked = as_alice.post(f"{base}from-hub/", {"hub_id": f"{hub.url}/org/tiny/tree/v1"})
    assert looked.status_code == 200
    for words in ("It can be used", COMMIT, "which is “v1” today", "Apache-2.0", "LlamaForCausalLM", "2,048 tokens"):
        assert words in looked.text
    assert not Arrival.objects.exists()
    fetched = as_alice.post(f"{base}fetch/", {"offer": sealed(looked.text)}, follow=True)
    assert "is being fetched" in fetched.text
    model = BaseModel.objects.get()
    assert model.revision == COMMIT
    assert model.name in as_alice.get(base).text
    again = as_alice.post(f"{base}fetch/", {"offer": sealed(looked.text)}, follow=True)
    assert "is here already" in again.text


def test_what_is_typed_survives_an_error(hub, base, as_alice):
    for typed, words in (
        ({"hub_id": "org/none"}, "no model org/none"),
        ({"hub_id": "org/tiny", "revision": "v9"}, "no revision called"),
        ({"hub_id": "a/b/c"}, "is no id of a model"),
        ({"hub_id": "org/tiny", "revision": "../x"}, "is no name of a revision"),
        ({"hub_id": ""}, "required"),
    ):
        answer = as_alice.post(f"{base}from-hub/", typed)
        assert answer.status_code == 422
        assert words in answer.text
        assert all(f'value="{value}"' in answer.text for value in typed.values() if value)


@pytest.mark.parametrize("address", ["http://169.254.169.254/org/tiny", "https://evil.example/org/tiny"])
def test_no_other_server_is_ever_asked(hub, base, as_alice, address):
    answer = as_alice.post(f"{base}from-hub/", {"hub_id": address})
    assert answer.status_code == 422
    assert "come from 127.0.0.1" in answer.text
    assert hub.asked == []


def test_a_hub_that_does_not_answer(settings, base, as_alice):
    settings.HF_ENDPOINT = "http://127.0.0.1:9"
    answer = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny"})
    assert answer.status_code == 502
    assert "cannot be reached" in answer.text
    assert 'value="org/tiny"' in answer.text


def test_refused_with_reason_and_remedy(hub, base, as_alice):
    hub.repos["org/bad"] = Repo(model_files(model__safetensors=None, pytorch_model__bin=b"\x80"))
    text = as_alice.post(f"{base}from-hub/", {"hub_id": "org/bad"}).text
    assert "It cannot be used here" in text
    assert "only pickled ones" in text
    assert "save_pretrained" in text
    assert 'name="offer"' not in text


def test_a_licence_that_has_to_be_read(hub, base, as_alice):
    hub.repos["org/tiny"].licence = "llama3"
    text = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny"}).text
    assert "I have read its licence (llama3)" in text
    without = as_alice.post(f"{base}fetch/", {"offer": sealed(text)}, follow=True)
    assert "Read it, then tick the box" in without.text
    assert not Arrival.objects.exists()
    as_alice.post(f"{base}fetch/", {"offer": sealed(text), "licence_read": "on"})
    assert BaseModel.objects.get().licence == "llama3"


def test_an_offer_cannot_be_made_up(hub, base, as_alice):
    for made_up in ("", "x", '{"hub_id": "org/tiny"}'):
        answer = as_alice.post(f"{base}fetch/", {"offer": made_up}, follow=True)
        assert "Look at it again" in answer.text
    assert not Arrival.objects.exists()


def test_a_gated_model_and_its_token(hub, base, as_alice, workspace):
    hub.repos["org/tiny"].gated, hub.repos["org/tiny"].tokens = "manual", ("hf_right_one",)
    closed = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny"}).text
    assert "only for accounts that accepted its terms" in closed
    assert 'name="offer"' not in closed
    opened = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny", "token": "hf_right_one"}).text
    assert "your token is let in" in opened
    assert "hf_right_one" not in opened
    assert "A token is set" in as_alice.get(f"{base}from-hub/").text
    as_alice.post(f"{base}fetch/", {"offer": sealed(opened)})
    assert BaseModel.objects.exists()
    as_alice.post(f"{base}forget-token/")
    assert not hub_token.is_set(workspace)
    odd = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny", "token": "two words"})
    assert "no spaces" in odd.text


def test_a_full_disk_is_said_before(hub, base, as_alice, monkeypatch):
    monkeypatch.setattr("rftstudio.registry.child.free_disk", lambda place: 1_000_100_000)
    text = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny"}).text
    assert "It needs 203 kB of disk, and 1.0 GB are free" in text
    assert 'name="offer"' not in text


def test_a_studio_that_fetches_nothing(hub, settings, base, as_alice):
    looked = as_alice.post(f"{base}from-hub/", {"hub_id": "org/tiny"}).text
    settings.HUB_OFFLINE = True
    refused = as_alice.post(f"{base}fetch/", {"offer": sealed(looked)}, follow=True)
    assert "This studio fetches nothing." in refused.text
    assert not Arrival.objects.exists()
    assert "This studio fetches nothing" in as_alice.get(f"{base}from-hub/").text
    assert "Add from the hub" not in as_alice.get(base).text


def test_directories_are_for_operators_or_of_open_folders(base, as_alice, alice, settings, tmp_path):
    inside = write_model(tmp_path / "open" / "own")
    outside = write_model(tmp_path / "closed" / "own")
    (tmp_path / "open" / "link").symlink_to(outside)
    typed = {"name": "Own", "licence": "MIT"}
    assert "No folder has been opened" in as_alice.get(f"{base}from-directory/").text
    settings.MODEL_FOLDERS = [tmp_path / "open"]
    for directory in (outside, tmp_path / "open" / "link", tmp_path / "open", f"{tmp_path}/open/../closed/own"):
        answer = as_alice.post(f"{base}from-directory/", {**typed, "directory": str(directory)})
        assert answer.status_code == 422
        assert "may not be added" in answer.text
        assert 'value="Own"' in answer.text
    assert "no absolute path" in as_alice.post(f"{base}from-directory/", {**typed, "directory": "open/own"}).text
    (tmp_path / "open" / "empty").mkdir()
    for name, said in (("empty", "There is no config.json in"), ("nowhere", "There is no directory")):
        answer = as_alice.post(f"{base}from-directory/", {**typed, "directory": str(tmp_path / "open" / name)})
        assert answer.status_code == 422
        assert f"{said} {tmp_path}/open/{name}" in answer.text
    (inside / "model.safetensors").unlink()
    (inside / "model.safetensors").symlink_to(outside / "model.safetensors")
    linked = as_alice.post(f"{base}from-directory/", {**typed, "directory": str(inside)})
    assert "a link that leads out" in linked.text
    (inside / "model.safetensors").unlink()
    (inside / "model.safetensors").write_bytes((outside / "model.safetensors").read_bytes())
    assert as_alice.post(f"{base}from-directory/", {**typed, "directory": str(inside)}).status_code == 302
    alice.is_staff = True
    alice.save()
    second = {**typed, "name": "Other", "directory": str(outside)}
    assert as_alice.post(f"{base}from-directory/", second).status_code == 302
    assert set(BaseModel.objects.values_list("name", flat=True)) == {"Own", "Other"}


def test_who_may_add(hub, base, as_alice, as_bob, as_vera, as_charlie, client):
    for name in ("from-hub", "from-directory"):
        url = f"{base}{name}/"
        assert as_alice.get(url).status_code == 200
        assert as_bob.get(url).status_code == as_vera.post(url).status_code == 403
        assert as_charlie.get(url).status_code == 404
        assert client.get(url).status_code == 302
        assert as_alice.put(url).status_code == 405
        assert as_alice.get(url.replace("ward-7", "nowhere")).status_code == 404
    for name in ("fetch", "embedded", "forget-token"):
        url = f"{base}{name}/"
        assert as_bob.post(url).status_code == 403
        assert as_charlie.post(url).status_code == 404
        assert as_alice.get(url).status_code == 405


def test_progress_on_the_page(base, workspace, as_alice, as_vera, as_charlie):
    arrival = Arrival.objects.create(
        workspace=workspace, source="hub", name="org/tiny", hub_id="org/tiny", commit=COMMIT, status="running",
        done=500_000, total=1_000_000, note="model.safetensors",
    )  # fmt: skip
    text = as_vera.get(f"{base}arriving/?n=1").text
    assert "512 MB of 1.0 GB" in text
    assert "every 2s" in text
    assert "Cancel" not in text
    assert "Cancel" in as_alice.get(f"{base}arriving/?n=1").text
    assert as_charlie.get(f"{base}arriving/").status_code == 404
    Arrival.objects.update(status="failed", error="The hub is away.", fix="Try later.")
    failed = as_alice.get(f"{base}arriving/?n=1")
    assert "The hub is away. Try later." in failed.text
    assert "every 2s" not in failed.text
    Arrival.objects.update(status="done")
    assert as_alice.get(f"{base}arriving/?n=1")["HX-Refresh"] == "true"
    for verb in ("cancel", "again"):
        url = f"/arrivals/{arrival.pk}/{verb}/"
        assert as_vera.post(url).status_code == 403
        assert as_charlie.post(url).status_code == 404
        assert as_alice.get(url).status_code == 405
        assert as_alice.post(f"/arrivals/9999/{verb}/").status_code == 404
    assert as_alice.post(f"/arrivals/{arrival.pk}/cancel/").status_code == 302
    assert not Arrival.objects.exists()
