"""A readiness check as a child process under a supervisor, on a model small enough for a test: from button to page."""

import json

import pytest
from django.urls import reverse

from rftstudio.evaluations.models import Readiness
from rftstudio.graders.actions import create_grader
from rftstudio.registry.actions import register_local
from rftstudio.runs.forms import DRAFT
from rftstudio.runs.jobs import Status
from rftstudio.runs.tasks import start_job
from tests.factories import make_taskset

pytestmark = [pytest.mark.slow, pytest.mark.training]


def test_from_the_button_to_the_verdict(processes, until, workspace, as_alice, tmp_path):
    from tests.engine.tiny import save_tiny_model

    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny"))
    taskset = make_taskset(workspace=workspace, worked_examples=[], instructions="answer with one word")
    create_grader(taskset=taskset, by=None)
    typed = {
        "taskset_version": DRAFT, "grader_version": DRAFT, "base_model": model.pk, "n_items": 5, "samples": 4,
        "max_completion_length": 4, "pass_score": 1, "seed": 0,
    }  # fmt: skip
    page = as_alice.post(reverse("evaluations:readiness", args=[taskset.pk]), typed)["Location"]
    check = Readiness.objects.get()
    assert start_job("evaluations", "readiness", check.pk)

    def ended():
        check.refresh_from_db()
        return not check.is_open

    until(ended, seconds=200)
    assert (check.status, check.error) == (Status.SUCCEEDED, "")
    assert check.progress == {"done": 20, "total": 20}
    assert check.attempts.count() == 20
    assert check.summary["n_answers"] == 20
    assert check.summary["verdict"] == "not_yet", "it knows none of the four words"
    assert check.summary["findings"][0]["slug"] == "all_zero"
    assert check.result["models"]["base"]["weights"] == "base, adapter off"
    texts = check.attempts.filter(item_key=check.summary["items"][0]["key"]).values_list("text", flat=True)
    assert len(set(texts)) > 1, "every answer has a random number of its own"
    text = as_alice.get(page).content.decode()
    assert "A training would find nothing to learn from, or be cut short." in text
    assert "Every answer scores 0" in text
    assert "Add worked examples" in text
    log = [json.loads(line) for line in (check.directory / "answers.jsonl").read_text().splitlines()]
    assert [row["seq"] for row in log] == list(range(1, 21))
