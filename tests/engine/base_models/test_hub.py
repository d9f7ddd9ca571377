"""Looking at a hub and fetching from it, against a real server: pinned, gated, slow, broken, resumed after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.models.fetch import fetch
from rftstudio.engine.models.look import look
from rftstudio.engine.models.offer import offer
from rftstudio.engine.models.places import MARK, partial_of
from rftstudio.engine.models.seal import changed_files
from tests.engine.hub_server import Repo, running_hub
from tests.engine.model_files import model_files, weights

ROOT = Path(__file__).parents[3]
COMMIT = "c" * 40


def silent(*_):
    pass


@pytest.fixture
def repo(hub) -> Repo:
    more = {"pytorch_model__bin": b"\x80\x04.", "modeling__py": b"import os", "README__md": b"# Tiny"}
    hub.repos["org/tiny"] = Repo(model_files(**more), refs=("main", "v1"))
    return hub.repos["org/tiny"]


def test_what_is_told_before_anything_is_fetched(hub, repo):
    repo.safetensors = {"parameters": {"F32": 50_000}, "total": 50_000}
    found = offer(look("org/tiny"))
    assert (found["commit"], found["licence"], found["licence_open"]) == (COMMIT, "Apache-2.0", True)
    assert (found["n_parameters"], found["dtype"], found["context_length"]) == (50_000, "F32", 2048)
    assert found["refusals"] == []
    assert found["left_out"] == 2, "neither the pickle nor the Python file"
    assert found["need"]["weights"] == 200_000
    assert not hub.asked_for("model.safetensors")


@pytest.mark.parametrize("revision", ["main", "v1", COMMIT, ""])
def test_a_revision_becomes_a_commit(hub, repo, revision):
    assert look("org/tiny", revision).commit == COMMIT


def test_what_is_not_there(hub, repo):
    with pytest.raises(SpecError, match="no model org/none") as caught:
        look("org/none")
    assert caught.value.path == "hub_id"
    with pytest.raises(SpecError, match="no revision called “v9”"):
        look("org/tiny", "v9")
    repo.status = 503
    with pytest.raises(SystemFault, match=r"answered with an error \(503\)"):
        look("org/tiny")


def test_no_hub_at_all(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SystemFault, match="cannot be reached"):
        look("org/tiny")


def test_a_gated_model(hub, repo):
    repo.gated, repo.tokens = "manual", ("hf_good",)
    found = look("org/tiny")
    assert (found.gated, found.closed) == (True, True)
    assert offer(found)["refusals"] == []
    with pytest.raises(SpecError, match="accepted its terms") as caught:
        fetch("org/tiny", COMMIT, Path("/nowhere/x"), report=silent, token="hf_other")
    assert caught.value.path == "token"
    assert "hf_other" not in str(caught.value)
    assert look("org/tiny", token="hf_good").closed is False


def test_a_private_model(hub, repo):
    repo.private, repo.tokens = True, ("hf_good",)
    with pytest.raises(SpecError, match="private"):
        look("org/tiny")
    assert look("org/tiny", token="hf_good").commit == COMMIT


def test_the_machines_own_token_is_never_sent(hub, repo, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    assert all("Authorization" not in headers for _, _, headers in hub.asked)


@pytest.mark.parametrize("licence", ["llama3", "other", None])
def test_licences_to_be_read(hub, repo, licence):
    repo.licence, repo.card = licence, {"license_name": "own-terms", "license_link": "https://example.org/terms"}
    found = offer(look("org/tiny"))
    assert not found["licence_open"]
    assert found["licence"] == {"llama3": "llama3", "other": "own-terms", None: "own-terms"}[licence]
    assert found["licence_url"] == "https://example.org/terms"
    repo.card["license_link"] = "javascript:alert(1)"
    assert offer(look("org/tiny"))["licence_url"] == ""


def test_what_lies_there_already_is_left_alone(repo, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SpecError, match="something else"):
        fetch("org/tiny", COMMIT, tmp_path, report=silent)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    fetch("org/tiny", COMMIT, tmp_path / "empty", report=silent)
    assert (tmp_path / "empty" / "model.safetensors").exists()


def test_it_is_fetched_whole_and_checked(hub, repo, tmp_path):
    seen = []
    facts = fetch("org/tiny", COMMIT, tmp_path / "m", report=lambda *row: seen.append(row))
    target = tmp_path / "m"
    assert (target / "model.safetensors").read_bytes() == repo.files["model.safetensors"]
    assert not (target / "pytorch_model.bin").exists()
    assert not (target / "modeling.py").exists()
    assert (facts["commit"], facts["n_parameters"], facts["licence"]) == (COMMIT, 50_000, "apache-2.0")
    assert seen[-1][0] == seen[-1][1] == facts["total_bytes"]
    assert [row[0] for row in seen] == sorted(row[0] for row in seen)
    assert changed_files(target, facts["files"]) == []
    assert not partial_of(target).exists()
    n_asked = len(hub.asked)
    assert fetch("org/tiny", COMMIT, target, report=silent) == facts
    assert len(hub.asked) == n_asked, "what is here is not asked for again"
    (target / "config.json").write_text("{}")
    (target / "model.safetensors").unlink()
    assert changed_files(target, facts["files"]) == ["config.json", "model.safetensors"]


def test_a_connection_that_breaks_is_taken_up_again(hub, repo, tmp_path):
    repo.files["model.safetensors"] = weights(1_000_000)
    repo.breaks = 1
    fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    assert [headers.get("Range") for headers in hub.asked_for("model.safetensors")] == [None, f"bytes={1 << 20}-"]
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == repo.files["model.safetensors"]


def test_other_bytes_than_announced_are_thrown_away(hub, repo, tmp_path):
    right = repo.files["model.safetensors"]
    repo.sent["model.safetensors"] = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(SystemFault, match="came broken"):
        fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    assert not (tmp_path / "m").exists()
    assert not list(partial_of(tmp_path / "m").glob("model.safetensors*"))
    repo.sent = {"tokenizer.json": b"x" * len(repo.files["tokenizer.json"])}
    (partial_of(tmp_path / "m") / "tokenizer.json").unlink()
    with pytest.raises(SystemFault, match=r"tokenizer\.json of org/tiny came broken"):
        fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    repo.sent = {}
    fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)


def test_more_than_announced_is_not_taken(hub, repo, tmp_path):
    repo.sent["model.safetensors"] = repo.files["model.safetensors"] + b"more"
    with pytest.raises(SystemFault, match="more than it announced"):
        fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    assert not (tmp_path / "m").exists()


def test_a_name_that_leads_out_refuses_all_of_it(hub, repo, tmp_path):
    repo.files["../../evil.json"] = b"{}"
    found = offer(look("org/tiny"))
    assert found["refusals"][0]["kind"] == "names"
    with pytest.raises(SpecError, match="lead out"):
        fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"model__safetensors": None, "pytorch_model__bin": b"\x80"}, "pickle"),
        ({"model__safetensors": None, "x__gguf": b"GGUF"}, "gguf"),
        ({"model__safetensors": None, "adapter_config__json": b"{}"}, "adapter"),
        ({"config": {"model_type": "theirs", "auto_map": {}}}, "code"),
        ({"template": None}, "template"),
    ],
)
def test_what_the_hub_has_is_refused_before_it_is_fetched(hub, tmp_path, changes, kind):
    hub.repos["org/bad"] = Repo(model_files(**changes))
    assert offer(look("org/bad"))["refusals"][0]["kind"] == kind
    with pytest.raises(SpecError):
        fetch("org/bad", COMMIT, tmp_path / "m", report=silent)
    assert not hub.asked_for("model.safetensors")


def test_too_large_for_this_machine(hub, repo):
    repo.safetensors = {"parameters": {"BF16": 400_000_000_000}, "total": 400_000_000_000}
    found = offer(look("org/tiny"))["refusals"][0]
    assert found["kind"] == "large"
    assert "GB of memory" in found["message"]


def test_a_full_disk_is_seen_first(hub, repo, tmp_path, monkeypatch):
    monkeypatch.setattr("rftstudio.engine.models.fetch.free_disk", lambda place: 1_000_100_000)
    with pytest.raises(SpecError, match="of disk, and 1.0 GB are free"):
        fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
    assert not hub.asked_for("model.safetensors")


def test_a_hub_cannot_lead_into_the_own_network(hub, repo, tmp_path):
    with running_hub() as inside:
        repo.redirect = inside.url
        with pytest.raises(SystemFault, match="not followed"):
            fetch("org/tiny", COMMIT, tmp_path / "m", report=silent)
        assert inside.asked == []


def command(hub, *arguments: str, token: str = "") -> list[str]:
    return [sys.executable, "-m", "rftstudio.engine.models", *arguments]


def variables(hub, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "HF_ENDPOINT": hub.url, **more}


def lines(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_the_command_line(hub, repo, tmp_path):
    def run(*arguments):
        return subprocess.run(command(hub, *arguments), env=variables(hub), capture_output=True, text=True, timeout=60)

    looked = run("look", f"{hub.url}/org/tiny/tree/v1")
    assert looked.returncode == 0, looked.stderr
    assert lines(looked.stdout)[-1]["result"]["commit"] == COMMIT
    got = run("fetch", "org/tiny", "--revision", "v1", "--into", str(tmp_path / "m"))
    facts = lines(got.stdout)[-1]["result"]
    read = run("read", str(tmp_path / "m"))
    assert lines(read.stdout)[-1]["result"]["content_hash"] == facts["content_hash"]
    wrong = run("look", "http://127.0.0.1:1/org/tiny")
    assert wrong.returncode == 2
    assert lines(wrong.stdout)[-1]["error"]["path"] == "hub_id"
    assert run("read", "/nowhere").returncode == 2


def test_a_kill_costs_nothing_that_was_fetched(hub, repo, tmp_path):
    repo.files["model.safetensors"] = weights(1_000_000)
    repo.delay = 0.01
    target = tmp_path / "m"
    part = partial_of(target) / "model.safetensors.part"
    arguments = command(hub, "fetch", "org/tiny", "--revision", COMMIT, "--into", str(target))
    process = subprocess.Popen(arguments, env=variables(hub), stdout=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size >= 1 << 20):
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = part.stat().st_size
    assert not target.exists(), "partial is never used"
    repo.delay = 0
    subprocess.run(arguments, env=variables(hub), check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert hub.asked_for("model.safetensors")[-1]["Range"] == f"bytes={kept}-"
    assert (target / "model.safetensors").read_bytes() == repo.files["model.safetensors"]
    assert (target / MARK).is_file()


def test_it_does_not_outlive_whoever_started_it(hub, repo, tmp_path):
    repo.delay = 1.0
    arguments = command(hub, "--attended", "fetch", "org/tiny", "--revision", COMMIT, "--into", str(tmp_path / "m"))
    process = subprocess.Popen(arguments, env=variables(hub), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(timeout=10) == 3
