"""Which trackers the studio's trainings tell: a setting of the install, refused before a launch where missing."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as studio

from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_job
from rftstudio.engine.trackers import TRACKERS, read_names, require, told, variables
from rftstudio.runs.forms import DRAFT
from rftstudio.runs.lent import lend
from rftstudio.runs.models import Run
from tests.factories import make_base_model, make_grader, make_run, make_taskset


def test_names():
    assert read_names([" mlflow", " TensorBoard", "", "mlflow "]) == ("mlflow", "tensorboard")
    with pytest.raises(SpecError, match="no tracker 'neptune'.*tensorboard, mlflow, wandb"):
        read_names(["neptune"])


def test_what_is_missing_is_said_with_what_to_do(monkeypatch):
    require(["tensorboard"], {})
    require(["mlflow"], {"MLFLOW_TRACKING_URI": "http://here"})
    with pytest.raises(SpecError, match="MLFLOW_TRACKING_URI does not say"):
        require(["mlflow"], {})
    monkeypatch.setattr("rftstudio.engine.trackers.find_spec", lambda module: None)
    for tracker in TRACKERS.values():
        with pytest.raises(SpecError, match=f"pip install {tracker.package}"):
            require([tracker.name], {"MLFLOW_TRACKING_URI": "http://here"})


def test_only_what_a_tracker_needs_is_passed_on():
    around = {"MLFLOW_TRACKING_URI": "a", "WANDB_API_KEY": "b", "WANDB_WATCH": "all", "DATABASE_URL": "c"}
    around |= {"HTTPS_PROXY": "d", "SECRET_KEY": "e"}
    assert variables(["tensorboard"], around) == {}
    assert variables(["mlflow"], around) == {"MLFLOW_TRACKING_URI": "a", "HTTPS_PROXY": "d"}
    assert variables(["wandb"], around) == {"WANDB_API_KEY": "b", "HTTPS_PROXY": "d"}


def test_numbers_only_and_validation_by_the_libraries_name():
    found = told({"step": 3, "total_steps": 9, "valid_reward_mean": 0.5, "kl": None, "scores": {"a b": 1}, "x": "y"})
    assert found == {"eval_reward_mean": 0.5, "scores.a b": 1.0}


@pytest.mark.django_db
def test_a_launch_writes_the_names_and_no_secret(workspace, settings, monkeypatch):
    settings.REPORT_TO = ("mlflow", "tensorboard")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://here")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-plainly")
    run = make_run(workspace=workspace)
    assert read_job(run.directory).report_to == ("mlflow", "tensorboard")
    assert "tok-plainly" not in (run.directory / "job.json").read_text()
    lent = lend(run)
    assert lent["MLFLOW_TRACKING_TOKEN"] == "tok-plainly"
    assert set(lent) - {name for name in os.environ if name.startswith("MLFLOW_")} <= set(os.environ)


@pytest.mark.django_db
def test_a_launch_is_refused_in_a_sentence_and_nothing_is_written(workspace, settings, monkeypatch):
    settings.REPORT_TO = ("mlflow",)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SpecError, match="Set MLFLOW_TRACKING_URI"):
        make_run(workspace=workspace)
    assert not Run.objects.exists()


def test_a_bad_value_stops_the_start():
    env = {**os.environ, "RFT_REPORT_TO": "tensorbord", "DATA_DIR": str(studio.DATA_DIR)}
    done = subprocess.run(
        [sys.executable, "-c", "import rftstudio.settings"], env=env, capture_output=True, text=True, check=False
    )
    assert "RFT_REPORT_TO='tensorbord' cannot be used" in done.stderr


@pytest.mark.django_db
def test_the_launch_page_says_so_and_keeps_what_was_typed(workspace, bob, as_bob, settings, monkeypatch):
    taskset = make_taskset(workspace=workspace, by=bob)
    make_grader(taskset=taskset, by=bob)
    model = make_base_model()
    settings.REPORT_TO = ("mlflow",)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    typed = {"taskset_version": DRAFT, "grader_version": DRAFT, "base_model": model.pk, "preset": "quick", "seed": "41"}
    page = as_bob.post(f"/tasksets/{taskset.pk}/launch/", typed)
    assert page.status_code == 422
    assert "MLFLOW_TRACKING_URI does not say where that is" in page.text
    assert 'value="41"' in page.text
    assert not Run.objects.exists()
    assert not taskset.versions.exists()
