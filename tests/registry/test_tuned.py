"""A tuned model's page and its download."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from rftstudio.engine.errors import SystemFault
from rftstudio.registry.actions import keep_tuned_model
from tests.factories import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(workspace, bob, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 8, "base_model_name_or_path": "/secret/place"}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"w" * 3_000_000)
    (tmp_path / "optimizer.safetensors").write_bytes(b"o")
    lineage = {
        "run": 7,
        "step": 20,
        "valid_reward_mean": 0.71,
        "taskset": {"name": "Inbox", "version": 2},
        "grader": {},
    }
    return keep_tuned_model(
        workspace=workspace, base_model=make_base_model(), name="Inbox, training 7", path=tmp_path,
        adapter_hash="ab" * 32, lineage=lineage, by=bob,
    )  # fmt: skip


def test_who_may_look(model, as_vera, as_charlie, client, as_alice):
    for url in (f"/models/{model.pk}/", f"/models/{model.pk}/download/"):
        assert as_vera.get(url).status_code == 200
        assert as_charlie.get(url).status_code == 404
        assert client.get(url).status_code == 302
        assert as_alice.post(url).status_code == 405
        assert as_alice.get(url.replace(str(model.pk), "9999")).status_code == 404


def test_page_and_list(model, workspace, as_vera):
    text = as_vera.get(f"/models/{model.pk}/").text
    assert "ab" * 32 in text
    assert "0.71" in text
    assert "Inbox, version 2" in text
    assert "Inbox, training 7" in as_vera.get(f"/w/{workspace.slug}/models/").text


def test_the_download_is_whole_and_names_no_place(model, as_vera):
    answer = as_vera.get(f"/models/{model.pk}/download/")
    pieces = list(answer.streaming_content)
    assert len(pieces) > 2, "streamed"
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "README.md", "lineage.json", "adapter_config.json", "adapter_model.safetensors",
        }  # fmt: skip
        assert archive.read("adapter_model.safetensors") == b"w" * 3_000_000
        assert json.loads(archive.read("adapter_config.json")) == {"r": 8, "base_model_name_or_path": "Tiny"}
        assert "ab" * 32 in archive.read("README.md").decode()
    assert 'filename="inbox-training-7.zip"' in answer["Content-Disposition"]


def test_files_that_are_gone(model, as_vera):
    shutil.rmtree(model.path)
    assert as_vera.get(f"/models/{model.pk}/download/").status_code == 404
    assert "not on this machine any more" in as_vera.get(f"/models/{model.pk}/").text


def test_no_row_for_an_adapter_that_is_not_there(workspace, model):
    with pytest.raises(SystemFault, match="not in"):
        keep_tuned_model(
            workspace=workspace, base_model=model.base_model, name="x", path=Path("/nowhere"), adapter_hash="",
            lineage={}, by=None,
        )  # fmt: skip
