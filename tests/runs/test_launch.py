"""Launching: everything that is wrong is said on its field, before anything is written; what is right starts."""

import json
import shutil
from pathlib import Path

import pytest
from django.utils.html import escape

from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_items, read_job
from rftstudio.engine.presets import DIALS, PRESETS, differences, resolve
from rftstudio.graders.actions import create_grader, publish_grader, save_draft
from rftstudio.registry.models import BaseModel
from rftstudio.runs import actions
from rftstudio.runs.forms import DRAFT
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.tasksets.actions import add_items, publish_version, save_item
from tests.engine.small_disk import fill, small_disk
from tests.factories import make_base_model, make_run, make_taskset

pytestmark = pytest.mark.django_db


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def grader(taskset, bob):
    return create_grader(taskset=taskset, by=bob)


@pytest.fixture
def model(db):
    return make_base_model()


@pytest.fixture
def typed(taskset, grader, model):
    """What a browser sends for the page as it is first shown."""
    return {"taskset_version": DRAFT, "grader_version": DRAFT, "base_model": model.pk, "preset": "quick", "seed": "0"}


@pytest.fixture
def url(taskset):
    return f"/tasksets/{taskset.pk}/launch/"


def test_who_may(url, typed, as_alice, as_bob, as_rita, as_vera, as_charlie, client):
    everybody = (as_alice, as_bob, as_rita, as_vera, as_charlie, client)
    assert [one.get(url).status_code for one in everybody] == [200, 200, 403, 403, 404, 302]
    assert [one.post(url, typed).status_code for one in everybody[2:]] == [403, 403, 404, 302]
    assert as_bob.put(url).status_code == 405
    assert as_bob.get("/tasksets/99999/launch/").status_code == 404
    assert [one.get(f"{url}outlook/").status_code for one in everybody] == [200, 200, 403, 403, 404, 302]
    assert Run.objects.count() == 0


def test_the_page_offers_draft_model_presets_and_dials(url, typed, as_bob):
    text = as_bob.get(url).text
    assert "Draft: becomes version 1" in text
    assert "Tiny" in text
    assert all(label in text for label in ("Quick look", "Balanced", "Thorough"))
    assert 'name="learning_rate"' in text


def test_only_what_presets_differ_in_is_compared(url, typed, taskset, as_bob):
    page = as_bob.get(url)
    rows = {row["dial"].name: row["values"] for row in page.context["differences"]}
    assert rows["steps"] == ["80", "200", "500"]
    assert rows["schedule"] == ["falling evenly", "falling evenly", "falling on a cosine"]
    assert "temperature" not in rows
    assert "max_completion_length" not in rows, "a choice sets it for all of them"
    assert f"The other {len(DIALS) - len(rows)} settings are the same" in page.text
    for values in rows.values():
        assert len(values) == len(PRESETS)
        assert all(f'<td class="number">{value}</td>' in page.text for value in values)
    longer = make_taskset(workspace=taskset.workspace, name="Free", answer_type="text", answer_options={}, items=0)
    assert "max_completion_length" in {dial.name for dial, _ in differences(answer_limit=longer.answer_limit)}


def test_every_setting_has_its_help_on_the_page(url, typed, as_bob):
    page = as_bob.get(url)
    for dial in DIALS:
        field = page.context["form"].fields[dial.name]
        assert field.help_text.startswith(dial.help)
        assert ("From" in field.help_text) == (dial.kind in ("int", "float"))
        assert "e-0" not in field.help_text
        assert escape(dial.help) in page.text
    assert "GSPO: " in page.text
    assert "Zheng et al. 2025" in page.text


def test_a_method_brings_its_settings_unless_others_are_typed(url, typed, as_bob):
    answer = as_bob.post(url, {**typed, "loss_type": "cispo", "epsilon_high": "0.3"})
    assert "largest weight" in " ".join(answer.context["form"].errors["epsilon_high"])
    as_bob.post(url, {**typed, "loss_type": "gspo", "epsilon": "0.0003"})
    run = Run.objects.get()
    assert (run.settings["loss_type"], run.settings["epsilon"], run.settings["epsilon_high"]) == ("gspo", 3e-4, 4e-4)
    form = as_bob.get(f"/tasksets/{run.taskset.pk}/launch/?from={run.pk}").context["form"]
    assert form["loss_type"].value() == "gspo"
    assert form["epsilon_high"].value() is None, "the method says so"
    text = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    assert "changed from DAPO" in text
    assert "changed from 0.28" not in text


def test_a_full_disk_is_said_on_the_form_and_leaves_nothing(url, typed, as_bob, taskset, settings):
    with small_disk(Path(settings.JOBS_DIR) / Run.job_folder, kilobytes=64) as disk:
        fill(disk)
        answer = as_bob.post(url, {**typed, "name": "Typed by hand"})
        assert answer.status_code == 422
        assert "The disk is full, so nothing was launched. Free some space and try again." in answer.text
        assert "Typed by hand" in answer.text
        assert [path.name for path in disk.iterdir()] == ["filler"]
    assert not Run.objects.exists()
    taskset.refresh_from_db()
    assert not taskset.versions.exists(), "the drafts were not published either"
    assert as_bob.post(url, typed).status_code == 302


def test_launch_publishes_the_drafts_and_queues(url, typed, taskset, as_bob, bob):
    answer = as_bob.post(url, {**typed, "steps": "12", "seed": "7", "name": "My first"})
    run = Run.objects.get()
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert (run.status, run.created_by, run.seed, str(run)) == (Status.QUEUED, bob, 7, "My first")
    assert (run.taskset_version.number, run.grader_version.number) == (1, 1)
    assert run.settings["steps"] == 12
    assert run.settings["batch_size"] == resolve("quick")["batch_size"]
    assert run.settings["max_completion_length"] == taskset.answer_limit < resolve("quick")["max_completion_length"]
    job = read_job(run.directory)
    assert (job.kind, job.seed, job.settings, job.grader) == ("training", 7, run.settings, run.grader_version.spec)
    train = read_items(run.directory / "train.jsonl")
    assert len(train) == run.taskset_version.counts["train"]
    assert train[0].fields["reference_answer"]
    text = "".join(path.read_text() for path in run.directory.iterdir() if path.is_file())
    held_out = run.taskset_version.items.filter(split="test").values_list("fields__message", flat=True)
    assert held_out
    assert not any(message in text for message in held_out), "training never sees test items"


def test_a_longest_answer_that_was_typed_is_kept(url, typed, as_bob):
    usual = resolve("quick")["max_completion_length"]
    assert f'"max_completion_length": {usual}' not in as_bob.get(url).text
    as_bob.post(url, {**typed, "max_completion_length": str(usual)})
    run = Run.objects.get()
    assert run.settings["max_completion_length"] == usual
    text = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    assert "Longest answer" in text


def test_a_published_version_may_be_chosen_instead_of_a_changed_draft(url, typed, taskset, grader, as_bob, bob):
    version = publish_version(taskset=taskset, by=bob)
    marks = publish_grader(grader=grader, by=bob)
    assert "becomes version" not in as_bob.get(url).text, "nothing changed since"
    save_item(item=taskset.items.first(), by=bob, fields={"message": "Something else"})
    save_draft(grader=grader, by=bob, spec={**grader.spec, "name": "another"})
    text = as_bob.get(url).text
    assert "1 change since version 1: becomes version 2" in text
    as_bob.post(url, {**typed, "taskset_version": version.pk, "grader_version": marks.pk})
    run = Run.objects.get()
    assert (run.taskset_version, run.grader_version) == (version, marks)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"group_size": "5"}, "group_size", "do not divide"),
        ({"batch_size": "30"}, "group_size", "do not divide"),
        ({"learning_rate": "fast"}, "learning_rate", "is not a number"),
        ({"learning_rate": "5"}, "learning_rate", "out of range"),
        ({"steps": "1.5"}, "steps", "whole number"),
        ({"steps": "nan"}, "steps", "whole number"),
        ({"temperature": "1e999"}, "temperature", "out of range"),
        ({"seed": "-1"}, "seed", "greater than or equal to 0"),
        ({"preset": "wild"}, "preset", "valid choice"),
        ({"base_model": "999"}, "base_model", "valid choice"),
        ({"taskset_version": "999"}, "taskset_version", "valid choice"),
        ({"name": "a\x00b"}, "name", "Null characters"),
        ({"max_completion_length": "2048"}, "max_completion_length", "reads at most 2,048 tokens"),
    ],
)
def test_a_mistake_is_shown_on_its_field_and_what_was_typed_is_kept(url, typed, as_bob, change, field, words):
    answer = as_bob.post(url, {**typed, "entropy": "", "lora_rank": "24", **change})
    assert answer.status_code == 422
    form = answer.context["form"]
    assert words in " ".join(form.errors[field])
    assert 'value="24"' in answer.text
    assert Run.objects.count() == 0


def test_a_prompt_longer_than_the_context(url, typed, taskset, as_bob, bob):
    add_items(taskset=taskset, by=bob, rows=[
        {"fields": {"message": "long " * 600}, "reference_answer": "billing", "key": "the-long-one", "split": "train"}
    ])  # fmt: skip
    answer = as_bob.post(url, typed)
    assert "the-long-one" in answer.text
    assert "Shorten these tasks" in " ".join(answer.context["form"].errors["taskset_version"])
    assert taskset.latest_version is None, "a launch that fails publishes nothing"


def test_a_longer_answer_than_is_left_names_what_fits(taskset, grader, bob):
    model = make_base_model(name="Small", context_length=300)
    version, marks = publish_version(taskset=taskset, by=bob), publish_grader(grader=grader, by=bob)
    with pytest.raises(SpecError, match="Allow answers of at most") as caught:
        launch(version, marks, model, settings={"max_completion_length": 250})
    assert caught.value.path == "max_completion_length"


def launch(version, marks, model, **more):
    return actions.launch_run(
        taskset_version=version, grader_version=marks, base_model=model, by=None,
        **{"preset": "quick", "settings": {}, **more},
    )  # fmt: skip


def test_a_missing_model_directory(url, typed, model, as_bob):
    shutil.rmtree(model.location)
    answer = as_bob.post(url, typed)
    assert "is not there" in " ".join(answer.context["form"].errors["base_model"])


def test_an_empty_split(taskset, grader, model, bob):
    version, marks = publish_version(taskset=taskset, by=bob), publish_grader(grader=grader, by=bob)
    version.items.filter(split="validation").delete()
    with pytest.raises(SpecError, match="no validation tasks") as caught:
        launch(version, marks, model)
    assert caught.value.path == "taskset_version"


def test_a_task_set_that_cannot_be_published_says_so_on_its_field(workspace, url, typed, taskset, as_bob):
    taskset.items.all().delete()
    assert "Add tasks" in as_bob.get(url).text
    answer = as_bob.post(url, typed)
    assert answer.context["form"].errors["taskset_version"]


def test_a_grader_of_another_task_set(workspace, taskset, model, bob):
    other = make_taskset(workspace=workspace, by=bob, name="Other")
    marks = publish_grader(grader=create_grader(taskset=other, by=bob), by=bob)
    with pytest.raises(SpecError, match="another task set") as caught:
        launch(publish_version(taskset=taskset, by=bob), marks, model)
    assert caught.value.path == "grader_version"


def test_a_grader_that_names_an_unknown_column(taskset, grader, model, bob):
    marks = publish_grader(grader=grader, by=bob)
    marks.spec = {"type": "string_check", "name": "g", "input": "{{ sample.output_text }}",
                  "reference": "{{ item.answr }}", "operation": "eq"}  # fmt: skip
    marks.save()
    with pytest.raises(SpecError, match="answr") as caught:
        launch(publish_version(taskset=taskset, by=bob), marks, model)
    assert caught.value.path == "grader_version"


def test_nothing_to_grade_with(url, typed, grader, as_bob):
    grader.delete()
    assert "There is no grader yet" in as_bob.get(url).text
    assert as_bob.post(url, typed).status_code == 200
    assert Run.objects.count() == 0


def test_no_model_at_all(url, typed, as_bob, settings, tmp_path):
    settings.MODELS_DIR = tmp_path  # the embedded model is registered as soon as it lies there
    BaseModel.objects.all().delete()
    assert "no model to train yet" in as_bob.get(url).text


def test_launch_again_brings_the_changed_dials_back(workspace, bob, as_bob, as_charlie):
    run = make_run(workspace=workspace, by=bob, settings={"steps": 33, "mask_truncated": True}, seed=5)
    form = as_bob.get(f"/tasksets/{run.taskset.pk}/launch/?from={run.pk}").context["form"]
    assert form["steps"].value() == 33
    assert form["mask_truncated"].value() == "true"
    assert form["seed"].value() == 5
    assert form["batch_size"].value() is None
    assert as_bob.get(f"/tasksets/{run.taskset.pk}/launch/?from=x").context["again"] is None


def test_a_disk_that_refuses_leaves_no_row(taskset, grader, model, bob, settings, tmp_path):
    version, marks = publish_version(taskset=taskset, by=bob), publish_grader(grader=grader, by=bob)
    blocked = tmp_path / "jobs"
    blocked.mkdir()
    (blocked / "runs").write_text("in the way")
    settings.JOBS_DIR = blocked
    with pytest.raises(Exception, match="could not be"):
        launch(version, marks, model)
    assert Run.objects.count() == 0


def test_a_directory_of_an_older_database_is_set_aside(taskset, grader, model, bob, settings, tmp_path):
    settings.JOBS_DIR = tmp_path / "jobs"
    version, marks = publish_version(taskset=taskset, by=bob), publish_grader(grader=grader, by=bob)
    first = launch(version, marks, model)
    leftover = Path(settings.JOBS_DIR) / "runs" / str(first.pk + 1)
    leftover.mkdir(parents=True)
    (leftover / "job.json").write_text("{}")
    second = launch(version, marks, model)
    assert second.directory == leftover
    assert json.loads((leftover / "job.json").read_text())["kind"] == "training"
    assert (leftover.parent / f"{second.pk}.old-1" / "job.json").read_text() == "{}"


def test_a_link_may_propose_settings(url, typed, as_bob):
    page = as_bob.get(url, {"max_completion_length": "64", "preset": "balanced", "steps": "<b>", "base_model": "zz"})
    form = page.context["form"]
    assert (form["max_completion_length"].value(), form["preset"].value()) == ("64", "balanced")
    assert "2 changed" in page.text
    assert "<b>" not in page.text
    assert as_bob.get(url, {"preset": "wild"}).status_code == 200
