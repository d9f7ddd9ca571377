"""Going on from a checkpoint with changes, and cloning: a filled launch form, what fits, what is refused and where."""

import json
import shutil

import pytest

from rftstudio.engine.adapter import hash_file
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_job
from rftstudio.graders.actions import create_grader, publish_grader, save_draft
from rftstudio.runs import actions
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.runs.settle import keep_checkpoint, settle_run
from rftstudio.tasksets.actions import publish_version, save_item
from tests.factories import make_base_model, make_run, make_taskset

pytestmark = pytest.mark.django_db


def add_checkpoint(run, step, *, best=False, reward=0.5):
    """A checkpoint on disk as the engine leaves it, with weights that nobody loads here."""
    directory = run.directory / f"checkpoints/step-{step}"
    directory.mkdir(parents=True)
    (directory / "adapter_model.safetensors").write_bytes(f"weights of {run.pk} {step}".encode())
    rank, alpha = run.settings["lora_rank"], run.settings["lora_alpha"]
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "base_model_name_or_path": run.base_model.location}
    (directory / "adapter_config.json").write_text(json.dumps(config))
    return run.checkpoints.create(
        step=step,
        path=f"checkpoints/step-{step}",
        adapter_hash=hash_file(directory),
        is_best=best,
        valid_reward_mean=reward,
    )


@pytest.fixture
def run(workspace, bob):
    made = make_run(workspace=workspace, by=bob, settings={"steps": 33, "learning_rate": 1e-4}, seed=5)
    Run.objects.filter(pk=made.pk).update(name="First", status=Status.SUCCEEDED)
    made.refresh_from_db()
    add_checkpoint(made, 20, best=True, reward=0.8)
    add_checkpoint(made, 33)
    return made


@pytest.fixture
def url(run):
    return f"/tasksets/{run.taskset.pk}/launch/"


def sent(form, **changes):
    """What a browser sends of the form as it was shown."""
    values = {name: form[name].value() for name in form.fields}
    return {name: str(value) for name, value in {**values, **changes}.items() if value not in (None, "")}


def test_a_clone_is_filled_in_and_launches_nothing(run, url, as_bob, as_vera, as_charlie, bob):
    save_item(item=run.taskset.items.first(), by=bob, fields={"message": "Something else"})
    link = f'href="{url}?from={run.pk}"'
    page = as_bob.get(f"/runs/{run.pk}/").text
    assert link in page
    assert link in as_bob.get(f"/w/{run.workspace.slug}/runs/").text
    assert link not in as_vera.get(f"/runs/{run.pk}/").text
    assert link not in as_vera.get(f"/w/{run.workspace.slug}/runs/").text
    answer = as_bob.get(url, {"from": run.pk})
    form = answer.context["form"]
    assert (form["taskset_version"].value(), form["grader_version"].value()) == (
        str(run.taskset_version_id),
        str(run.grader_version_id),
    )
    assert (form["steps"].value(), form["seed"].value(), form["name"].value()) == (33, 5, "First, again")
    assert not form["start"].value()
    assert "Filled in as" in answer.text
    assert Run.objects.count() == 1
    assert as_charlie.get(url, {"from": run.pk}).status_code == 404
    assert as_bob.post(f"{url}?from={run.pk}", sent(form)).status_code == 302
    second = Run.objects.first()
    assert (second.taskset_version, second.grader_version) == (run.taskset_version, run.grader_version)
    assert (second.settings, second.seed, second.parent, second.origin) == (run.settings, 5, None, {})


def test_what_cannot_be_had_any_more_is_said_at_its_field(run, url, as_bob, bob):
    shutil.rmtree(run.base_model.location)
    other = make_base_model(name="Other")
    grader = run.grader_version.grader
    grader.in_use = False
    grader.save()
    used = create_grader(taskset=run.taskset, by=bob)
    used.in_use = True
    used.save()
    answer = as_bob.get(url, {"from": run.pk, "step": "21"})
    form = answer.context["form"]
    assert "is not on this machine any more" in form["base_model"].help_text
    assert form["base_model"].value() == other.pk
    assert "is not the one that these tasks use any more" in form["grader_version"].help_text
    assert "step 21 is not kept any more" in form["start"].help_text
    assert answer.text.count("is not on this machine any more") == 2, "above the form and at the field"


def test_a_version_older_than_the_list_is_offered(run, url, as_bob, bob, monkeypatch):
    monkeypatch.setattr("rftstudio.runs.forms.SHOWN_VERSIONS", 1)
    save_item(item=run.taskset.items.first(), by=bob, fields={"message": "Something else"})
    publish_version(taskset=run.taskset, by=bob)
    form = as_bob.get(url, {"from": run.pk}).context["form"]
    assert form["taskset_version"].value() == str(run.taskset_version_id)
    assert as_bob.post(f"{url}?from={run.pk}", sent(form)).status_code == 302
    assert Run.objects.first().taskset_version == run.taskset_version


def test_every_kept_checkpoint_offers_to_go_on(run, as_bob, as_vera):
    run.checkpoints.create(step=10, path="checkpoints/step-10", removed=True)
    page = as_bob.get(f"/runs/{run.pk}/?tab=settings").text.partition('id="tab"')[2]
    assert page.count("Continue with changes</a>") == 2
    assert f"?from={run.pk}&amp;step=33" in page
    assert "Continue with changes</a>" not in as_vera.get(f"/runs/{run.pk}/?tab=settings").text


def test_going_on_with_changes(run, url, as_bob, bob):
    answer = as_bob.get(url, {"from": run.pk, "step": "20"})
    assert "Starts from step 20 of" in answer.text
    form = answer.context["form"]
    assert (form["lora_rank"].value(), form["name"].value()) == (8, "First, from step 20")
    grader = run.grader_version.grader
    save_draft(grader=grader, by=bob, spec={**grader.spec, "name": "another"})
    changes = {"steps": "7", "preset": "balanced", "batch_size": "24", "grader_version": "draft"}
    assert as_bob.post(f"{url}?from={run.pk}&step=20", sent(form, **changes)).status_code == 302
    second = Run.objects.first()
    assert (second.parent, second.parent_step, second.grader_version.number) == (run, 20, 2)
    assert (second.settings["lora_rank"], second.settings["steps"]) == (8, 7)
    weights = run.checkpoints.get(step=20).adapter_hash
    job = read_job(second.directory)
    assert (job.start.adapter_hash, job.start.name) == (weights, "step 20 of “First”")
    assert job.start.lineage == second.origin == {
        "run": run.pk, "name": "First", "step": 20, "adapter_hash": weights, "valid_reward_mean": 0.8,
    }  # fmt: skip
    assert hash_file(second.directory / "start") == weights
    assert "First, from step 20" in as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    for page in (f"/runs/{second.pk}/", f"/runs/{second.pk}/?tab=settings", f"/w/{run.workspace.slug}/runs/"):
        assert f'href="/runs/{run.pk}/">First</a>' in as_bob.get(page).text
    clone = as_bob.get(url, {"from": second.pk}).context["form"]
    assert clone["start"].value() == run.checkpoints.get(step=20).pk, "a clone starts where the one it repeats did"
    assert not clone["start"].help_text.startswith("<strong")
    shutil.rmtree(run.directory)
    run.delete()
    second.refresh_from_db()
    gone = as_bob.get(url, {"from": second.pk}).context["form"]
    assert not gone["start"].value()
    assert "which is gone" in gone["start"].help_text
    assert hash_file(second.directory / "start") == weights
    assert "“First”, which has been deleted" in as_bob.get(f"/runs/{second.pk}/").text


def test_the_model_that_comes_of_it_knows_where_it_started(run, as_bob, bob):
    second = launch(run, start=run.checkpoints.get(step=20))
    made = add_checkpoint(second, 7, best=True)
    (second.directory / "result.json").write_text('{"status": "succeeded", "start_valid_reward_mean": 0.61}')
    Run.objects.filter(pk=second.pk).update(status=Status.SUCCEEDED)
    second.refresh_from_db()
    settle_run(run=second)
    model = keep_checkpoint(checkpoint=made, by=bob)
    assert (model.lineage["start"], model.lineage["start_valid_reward_mean"]) == (second.origin, 0.61)
    page = as_bob.get(f"/models/{model.pk}/").text
    assert "0.61 of the checkpoint it started from" in page
    assert "step 20 of “First”" in page
    third = launch(second, start=second.checkpoints.get(step=7))
    assert third.origin["start"] == second.origin, "the whole line of descent"


def launch(run, **more):
    return actions.launch_run(
        taskset_version=run.taskset_version, grader_version=run.grader_version, by=None,
        **{"base_model": run.base_model, "preset": "quick", "settings": {}, **more},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"lora_rank": "16"}, "lora_rank", "has LoRA rank 8; a training that starts from it cannot have 16"),
        ({"lora_alpha": "4"}, "lora_alpha", "Set it to 16"),
        ({"base_model": "other"}, "base_model", "Choose Tiny, or start from the base model"),
        ({"start": "99999"}, "start", "not kept any more"),
        ({"start": "stranger"}, "start", "not kept any more"),
        ({"group_size": "7"}, "group_size", "do not divide"),
    ],
)
def test_what_does_not_go_with_the_checkpoint_is_said_at_its_field(run, url, as_bob, charlie, changes, field, words):
    if "base_model" in changes:
        changes = {"base_model": make_base_model(name="Other").pk}
    if changes.get("start") == "stranger":
        theirs = make_taskset(workspace=charlie.workspaces.get(), by=charlie, published=True)
        changes = {"start": add_checkpoint(make_run(workspace=theirs.workspace, taskset=theirs), 5).pk}
    form = as_bob.get(url, {"from": run.pk, "step": "20"}).context["form"]
    before = Run.objects.count()
    answer = as_bob.post(f"{url}?from={run.pk}&step=20", sent(form, name="Kept", **changes))
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert 'value="Kept"' in answer.text
    assert Run.objects.count() == before


def test_a_checkpoint_that_has_changed_or_gone_is_refused(run, url, as_bob):
    form = as_bob.get(url, {"from": run.pk, "step": "20"}).context["form"]
    weights = run.directory / "checkpoints/step-20/adapter_model.safetensors"
    weights.write_bytes(b"others")
    answer = as_bob.post(f"{url}?from={run.pk}&step=20", sent(form))
    assert "have changed" in " ".join(answer.context["form"].errors["start"])
    shutil.rmtree(weights.parent)
    answer = as_bob.post(f"{url}?from={run.pk}&step=20", sent(form))
    assert "is not kept any more" in " ".join(answer.context["form"].errors["start"])
    assert Run.objects.count() == 1


def test_a_grader_of_another_kind_of_answer(run, bob):
    taskset = run.taskset
    marks = publish_grader(grader=run.grader_version.grader, by=bob)
    marks.spec = {"type": "number", "name": "n"}
    marks.save()
    with pytest.raises(SpecError, match="cannot mark the reference answer of") as caught:
        actions.launch_run(
            taskset_version=taskset.latest_version, grader_version=marks, base_model=run.base_model,
            preset="quick", settings={}, by=None,
        )  # fmt: skip
    assert caught.value.path == "grader_version"
    assert caught.value.fix


def test_a_model_without_chat_template(run, url, as_bob):
    form = as_bob.get(url, {"from": run.pk}).context["form"]
    config = run.base_model.location + "/tokenizer_config.json"
    with open(config, "w") as file:
        file.write("{}")
    answer = as_bob.post(f"{url}?from={run.pk}", sent(form))
    errors = " ".join(answer.context["form"].errors["base_model"])
    assert "no chat template" in errors
    assert "instruct or chat version" in errors
