"""The studio's own model as a judge: started once when it is asked, found again, and never taken for a strong one."""

import os
import shutil
import socket
import threading
from pathlib import Path

import psutil
import pytest
from django.urls import reverse

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.job import read_job
from rftstudio.graders.actions import create_grader
from rftstudio.graders.judges import actions, embedded
from rftstudio.runs import lent
from rftstudio.runs.lent import NotYet, lend
from tests.factories import make_run, make_taskset
from tests.graders.test_judges import SCORE


def servers(data: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "rftstudio.engine.inference.serve_judge" in words and any(str(data) in word for word in words):
            found.append(process)
    return found


@pytest.fixture
def data(settings, tmp_path, monkeypatch):
    """A data directory of its own; the judge that was started in it is ended."""
    settings.DATA_DIR = tmp_path
    settings.MODELS_DIR = tmp_path / "models"
    monkeypatch.setattr(embedded.ensure_running, "__kwdefaults__", {"wait": 250.0})  # a busy machine takes its time
    yield tmp_path
    for process in servers(tmp_path):
        process.kill()
        process.wait()


@pytest.fixture
def model(data):
    from tests.engine.tiny import save_tiny_model

    return save_tiny_model(data / "models" / embedded.FOLDER, context=2048)


def test_without_the_model_it_says_what_to_do(data, workspace, as_alice):
    judge = actions.add_embedded(workspace=workspace, by=None)
    assert "./studio up" in actions.ask_judge(judge=judge, question="?").problem
    page = as_alice.post(reverse("graders:judge_ask", args=[judge.pk]), {"question": "?"}).content.decode()
    assert "./studio up" in page


def test_its_address_is_kept_and_starts_nothing(data):
    address = embedded.address()
    assert embedded.address() == address
    assert address.startswith("http://127.0.0.1:")
    assert servers(data) == []


@pytest.mark.slow
def test_a_model_that_cannot_be_read_says_so(data):
    folder = data / "models" / embedded.FOLDER
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    with pytest.raises(SystemFault, match="could not be started"):
        embedded.ensure_running(wait=250)


def test_who_does_not_wait_finds_it_further_along(data, monkeypatch):
    """A start that takes long is one start, however often it is asked for."""
    folder = data / "models" / embedded.FOLDER
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    for _ in range(2):
        with pytest.raises(SystemFault, match="still starting"):
            embedded.ensure_running(wait=0.3)
    assert len(servers(data)) == 1


@pytest.mark.training
def test_asked_it_is_started_once_and_answers(model, data, workspace, settings):
    judge = actions.add_embedded(workspace=workspace, by=None)
    addresses: list[str] = []
    threads = [threading.Thread(target=lambda: addresses.append(embedded.ensure_running(wait=250))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(addresses)) == 1
    [server] = servers(data)
    assert "SECRET_KEY" not in server.environ()
    assert os.getsid(server.pid) == server.pid
    reply = actions.ask_judge(judge=judge, question="what is red")
    assert reply.problem == ""
    assert reply.tokens > 0
    assert servers(data) == [server]


@pytest.mark.training
def test_another_program_on_its_port_is_made_way_for(model, data):
    before = embedded.address()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(before.split(":")[2].split("/")[0])))
        taken.listen()
        assert embedded.ensure_running(wait=250) != before


@pytest.mark.training
def test_a_training_finds_it_where_its_job_says(model, data, workspace, bob, as_bob, monkeypatch):
    monkeypatch.setattr(lent, "A_MOMENT", 0.05)
    actions.add_embedded(workspace=workspace, by=None)
    taskset = make_taskset(workspace=workspace, by=bob, published=True)
    spec = {**SCORE, "model": actions.EMBEDDED_NAME}
    grader = create_grader(taskset=taskset, by=bob, spec=spec)
    run = make_run(workspace=workspace, by=bob, taskset=taskset)
    [judge] = read_job(run.directory).judges
    assert judge["weak"]
    assert not servers(data)
    with pytest.raises(NotYet):
        lend(run)
    embedded.ensure_running(wait=250)
    assert lend(run) == {}
    assert len(servers(data)) == 1
    page = as_bob.post(reverse("graders:live", args=[grader.pk]), {"answer": "billing", "op": "judge"}).content.decode()
    assert "Weak judge, for trying out only." in page
    shutil.rmtree(data / "judge")
    embedded.ensure_running(wait=250)
    with pytest.raises(SpecError, match="has moved"):
        lend(run)
