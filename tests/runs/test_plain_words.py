"""Words of the trade are explained on the page where they stand, for somebody who has never trained a model."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from rftstudio.graders.actions import create_grader
from rftstudio.registry.models import TunedModel
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.factories import make_base_model, make_taskset
from tests.runs.made import event, metrics, run_at

pytestmark = pytest.mark.django_db
AT_LAUNCH = {
    "Clip range, down": "How much less likely updates may make a word before it stops counting",
    "Clip range, up": "How much likelier, in the same way",
    "LoRA rank": "the small set of weights that is trained",
    "LoRA alpha": "How strongly the adapter counts",
    "Scale advantages by": "how much better an answer scored than the others to its task",
    "KL penalty": "how far its word choices have moved",
    "BNPO": "where several machines train, each counts its own tokens",
    "Gradient limit": "The largest size of one update",
    "Weight decay": "against learning by heart",
}


@pytest.fixture
def launch_page(workspace, bob, as_bob):
    taskset = make_taskset(workspace=workspace, by=bob)
    create_grader(taskset=taskset, by=bob)
    make_base_model()
    return as_bob.get(f"/tasksets/{taskset.pk}/launch/").text


@pytest.mark.parametrize("word", AT_LAUNCH)
def test_at_launch(launch_page, word):
    assert word in launch_page
    assert AT_LAUNCH[word] in launch_page


def test_nats(workspace, as_bob):
    run = run_at(1, workspace=workspace)
    Run.objects.filter(pk=run.pk).update(settings={**run.settings, "approach": "sft"})
    run.ingest("events", [event(9, "metrics", metrics(2, stage="sft", train_loss=1.5))])
    assert "0.7 where it gives it one chance in two" in as_bob.get(f"/runs/{run.pk}/").text
    assert "in nats a token: near 0 the model always says the same" in as_bob.get(f"/runs/{run.pk}/?tab=curves").text


def test_hashes(workspace, as_bob):
    run = run_at(5, workspace=workspace, status=Status.SUCCEEDED)
    made_from = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    assert "fingerprints of contents" in made_from
    assert "its hash is a fingerprint of them" in made_from
    tuned = TunedModel.objects.create(
        workspace=workspace, base_model=run.base_model, name="Tuned", path="/nowhere", adapter_hash="a" * 64
    )
    assert "Its hash is a fingerprint of them" in as_bob.get(f"/w/{workspace.slug}/models/").text
    assert "a fingerprint, which no other weights have" in as_bob.get(f"/models/{tuned.pk}/").text
    base = as_bob.get(f"/w/{workspace.slug}/models/{run.base_model.pk}/").text
    assert "SHA-256 is a file’s fingerprint" in base


def test_what_compares_says_what_it_compares():
    """Trainings, base and tuned, versions of a grader: three things, so no button is called “Compare” alone."""
    text = "".join(path.read_text() for path in Path(settings.BASE_DIR, "templates").rglob("*.html"))
    assert not re.findall(r">\s*Compare(?: again|…)?\s*</(?:a|button|summary)>", text)


def test_three_comparisons_by_their_names(workspace, as_bob):
    run = run_at(5, workspace=workspace, status=Status.SUCCEEDED)
    page = as_bob.get(f"/runs/{run.pk}/").text
    assert "Chart beside others…" in page
    assert "See base and tuned side by side" in page
    assert "Chart the ticked trainings" in as_bob.get(f"/w/{workspace.slug}/runs/").text
