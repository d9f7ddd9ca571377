"""A fresh install is made ready once; a second start changes nothing."""

from io import StringIO

from django.core.management import call_command

from rftstudio.accounts.models import User, Workspace
from rftstudio.home.samples import shipped_samples
from rftstudio.registry.models import BaseModel
from rftstudio.tasksets.models import TaskSet
from tests.factories import make_base_model


def start() -> str:
    out = StringIO()
    call_command("setup_studio", base_url="http://studio.example:8000/", stdout=out)
    return out.getvalue()


def test_it_makes_operator_workspace_and_samples_once(client, db, settings, tmp_path):
    settings.MODELS_DIR = tmp_path / "models"  # what lies in the shared one is found by other tests
    make_base_model(name="smollm2-135m-instruct")  # a directory where the embedded model's would be
    BaseModel.objects.all().delete()
    first = start()
    link = first.split("http://studio.example:8000")[1].strip()
    assert {taskset.sample_slug for taskset in TaskSet.objects.all()} == {sample.slug for sample in shipped_samples()}
    assert start().strip().endswith(link)
    assert (User.objects.count(), Workspace.objects.count(), TaskSet.objects.count()) == (1, 1, len(shipped_samples()))
    assert BaseModel.objects.count() == 1
    client.post(link)
    assert "sign-in link" not in start()


def test_a_studio_without_its_model_is_made_ready_all_the_same(db, settings, tmp_path):
    """The model could not be fetched: pages and samples are there, training waits."""
    settings.MODELS_DIR = tmp_path / "models"
    assert "/welcome/" in start()
    assert BaseModel.objects.count() == 0
    assert TaskSet.objects.count() == len(shipped_samples())
