"""Ways of learning on the pages: launching SFT, SFT first, a baseline beside a training, and what their pages say."""

import pytest
from django.db import connection
from django.utils import timezone

from rftstudio.accounts.models import Workspace
from rftstudio.engine.approaches import APPROACHES, READ_BY
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_items, read_job
from rftstudio.engine.presets import resolve
from rftstudio.graders.actions import create_grader, publish_grader
from rftstudio.graders.models import Grader
from rftstudio.registry.models import BaseModel
from rftstudio.runs import curves, plan, queue
from rftstudio.runs.actions import launch_baseline
from rftstudio.runs.expect import outlook_of
from rftstudio.runs.forms import DRAFT
from rftstudio.runs.judged import answers_of
from rftstudio.runs.models import Run
from rftstudio.tasksets.actions import add_items, publish_version
from tests.factories import make_base_model, make_run, make_taskset
from tests.runs.made import event, rollout, run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def taskset(workspace, bob):
    taskset = make_taskset(workspace=workspace, by=bob)
    create_grader(taskset=taskset, by=bob)
    return taskset


@pytest.fixture
def typed(taskset):
    model = make_base_model()
    return {"taskset_version": DRAFT, "grader_version": DRAFT, "base_model": model.pk, "preset": "quick", "seed": "3"}


@pytest.fixture
def url(taskset):
    return f"/tasksets/{taskset.pk}/launch/"


def test_the_page_offers_the_ways_and_the_tick(url, typed, as_bob):
    text = as_bob.get(url).text
    for approach in APPROACHES.values():
        assert f'name="approach" value="{approach.name}"' in text
        assert approach.label in text
    assert 'value="rft" checked' in text
    assert "Also train an SFT baseline beside it" in text
    meant = as_bob.get(url).context["meant"]["ways"]
    assert "group_size" in meant["sft"]
    assert "sft_batch_size" in meant["rft"]
    assert meant["sft_rft"] == []
    assert set(meant["sft"]) | set(meant["rft"]) == set(READ_BY)


def test_abbreviations_are_spelled_out_where_they_first_stand(url, typed, workspace, as_bob):
    page = as_bob.get(url).text.partition("<main")[2]
    assert page[: page.index("RFT")].endswith("Reinforcement fine-tuning (")
    assert page[: page.index("SFT")].endswith("supervised fine-tuning, ")
    run = run_at(1, workspace=workspace)
    for name, approach in APPROACHES.items():
        Run.objects.filter(pk=run.pk).update(settings={**run.settings, "approach": name})
        page = as_bob.get(f"/runs/{run.pk}/").text.partition("<main")[2].partition("</main>")[0]
        assert f"Training {run.pk} · {approach.in_full}" in page
        for short in ("RFT", "SFT"):
            assert short not in page or page[: page.index(short)].endswith(("fine-tuning (", "supervised ("))


def test_sft_writes_the_answers_as_the_model_has_to_write_them(url, typed, taskset, as_bob):
    as_bob.post(url, {**typed, "approach": "sft", "sft_batch_size": "4"})
    run = Run.objects.get()
    assert (run.way.name, run.settings["sft_batch_size"], str(run)) == ("sft", 4, "Inbox, quick look, SFT")
    assert read_job(run.directory).settings["approach"] == "sft"
    train = read_items(run.directory / "train.jsonl")
    assert all(item.answer == item.fields["reference_answer"] for item in train)
    assert all(item.answer is None for item in read_items(run.directory / "validation.jsonl"))


@pytest.mark.parametrize(
    ("answer_type", "options", "reference", "written"),
    [
        ("number", {}, 12.0, "12"),
        ("text", {}, " Take two. ", " Take two. "),
        ("set", {}, ["fever", "cough"], "fever\ncough"),
        ("json", {}, {"dose": 2}, '{\n  "dose": 2\n}'),
    ],
)
def test_every_kind_of_answer_is_copied_as_worked_examples_show_it(
    workspace, bob, answer_type, options, reference, written
):
    example = [{"fields": {"message": "Which?"}, "reference_answer": reference}]
    taskset = make_taskset(
        workspace=workspace, by=bob, items=0, answer_type=answer_type, answer_options=options, worked_examples=example
    )
    rows = [
        {"fields": {"message": f"Which {n}?"}, "reference_answer": reference, "key": f"k{n}", "split": split}
        for n, split in enumerate(("train", "train", "validation", "test"))
    ]
    add_items(taskset=taskset, by=bob, rows=rows)
    settings = {"approach": "sft", "max_completion_length": 64}
    run = make_run(workspace=workspace, by=bob, taskset=taskset, settings=settings)
    (item, _) = read_items(run.directory / "train.jsonl")
    assert item.answer == written
    assert item.messages[-2].content == written, "the worked example's answer, in the same words"


def test_the_baseline_is_a_second_training_of_the_same(url, typed, as_bob, bob):
    answer = as_bob.post(url, {**typed, "baseline": "on", "steps": "30", "name": "Mine"})
    rft, sft = Run.objects.order_by("pk")
    assert answer["Location"] == f"/runs/{rft.pk}/"
    assert (rft.way.name, sft.way.name, sft.baseline_for, rft.beside, sft.beside) == ("rft", "sft", rft, sft, rft)
    assert (sft.taskset_version, sft.grader_version, sft.base_model) == (
        rft.taskset_version,
        rft.grader_version,
        rft.base_model,
    )
    assert {**sft.settings, "approach": "rft"} == rft.settings
    assert (sft.seed, str(sft), sft.created_by) == (3, "Mine: SFT baseline", bob)
    text = as_bob.get(f"/runs/{rft.pk}/").text
    assert f'Its SFT baseline is <a href="/runs/{sft.pk}/">' in text
    assert "base, SFT and RFT are compared" in text
    text = as_bob.get(f"/runs/{sft.pk}/").text
    assert f'It is the baseline of <a href="/runs/{rft.pk}/">' in text
    with pytest.raises(SpecError, match="has its SFT baseline"):
        launch_baseline(run=rft, by=bob)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("drafts", [True, False])
def test_both_are_checked_before_the_line_is_held(url, typed, taskset, bob, as_bob, monkeypatch, drafts):
    if not drafts:
        grader = Grader.objects.used_by(taskset)
        typed |= {"taskset_version": publish_version(taskset=taskset, by=bob).pk}
        typed |= {"grader_version": publish_grader(grader=grader, by=bob).pk}
    happened: list[tuple[str, bool]] = []

    def watched(module, name):
        real = getattr(module, name)

        def watching(*given, **named):
            happened.append((name, connection.in_atomic_block))
            return real(*given, **named)

        monkeypatch.setattr(module, name, watching)

    watched(plan, "check_launch")
    watched(queue, "require_room")
    as_bob.post(url, {**typed, "baseline": "on"})
    assert Run.objects.count() == 2
    checked = ("check_launch", drafts)  # what is published on the way is taken back where the check refuses
    assert happened == [checked, checked, ("require_room", True)]


def test_a_baseline_is_added_later_from_the_page(workspace, bob, as_bob, as_vera, as_charlie):
    rft = make_run(workspace=workspace, by=bob, settings={"steps": 30, "patience": 3}, seed=9)
    url = f"/runs/{rft.pk}/baseline/"
    assert f'action="{url}"' in as_bob.get(f"/runs/{rft.pk}/").text
    assert url not in as_vera.get(f"/runs/{rft.pk}/").text
    assert [client.post(url).status_code for client in (as_vera, as_charlie)] == [403, 404]
    assert as_bob.get(url).status_code == 405
    assert as_bob.post("/runs/99999/baseline/").status_code == 404
    assert Run.objects.count() == 1
    answer = as_bob.post(url)
    sft = Run.objects.get(baseline_for=rft)
    assert answer["Location"] == f"/runs/{sft.pk}/"
    assert sft.settings == {**rft.settings, "approach": "sft"}
    assert (sft.seed, sft.created_by, sft.beside) == (9, bob, rft)
    assert url not in as_bob.get(f"/runs/{rft.pk}/").text
    assert f"/runs/{sft.pk}/baseline/" not in as_bob.get(f"/runs/{sft.pk}/").text
    assert "has its SFT baseline" in as_bob.post(url, follow=True).text
    assert Run.objects.count() == 2


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_training_that_came_to_nothing_is_offered_none(workspace, bob, as_bob, status):
    run = make_run(workspace=workspace, by=bob)
    Run.objects.filter(pk=run.pk).update(status=status)
    assert "/baseline/" not in as_bob.get(f"/runs/{run.pk}/").text


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_baseline_that_came_to_nothing_can_be_had_again(workspace, bob, as_bob, status):
    rft = make_run(workspace=workspace, by=bob)
    first = launch_baseline(run=rft, by=bob)
    Run.objects.filter(pk=first.pk).update(status=status, culprit="author")
    page = as_bob.get(f"/runs/{rft.pk}/").text
    assert f'action="/runs/{rft.pk}/baseline/"' in page
    assert f'Its SFT baseline is <a href="/runs/{first.pk}/">' in page
    second = launch_baseline(run=rft, by=bob)
    first.refresh_from_db()
    assert (first.baseline_for, second.beside, rft.beside) == (None, rft, second)
    with pytest.raises(SpecError, match="has its SFT baseline"):
        launch_baseline(run=rft, by=bob)


def test_a_baseline_that_the_machine_failed_can_go_on_itself(workspace, bob):
    rft = make_run(workspace=workspace, by=bob)
    first = launch_baseline(run=rft, by=bob)
    Run.objects.filter(pk=first.pk).update(status="failed", culprit="system")
    with pytest.raises(SpecError, match="has its SFT baseline"):
        launch_baseline(run=rft, by=bob)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_button_pressed_too_late_adds_no_baseline(workspace, bob, as_bob, status):
    run = make_run(workspace=workspace, by=bob)
    Run.objects.filter(pk=run.pk).update(status=status)
    assert "over without having been finished" in as_bob.post(f"/runs/{run.pk}/baseline/", follow=True).text
    Run.objects.filter(pk=run.pk).update(status="running", settings={**run.settings, "approach": "sft"})
    assert "Only a training by reinforcement" in as_bob.post(f"/runs/{run.pk}/baseline/", follow=True).text
    assert Run.objects.count() == 1


def test_a_later_baseline_is_refused_in_a_sentence(workspace, bob, as_bob):
    run = make_run(workspace=workspace, by=bob)
    url = f"/runs/{run.pk}/baseline/"
    Run.objects.filter(pk=run.pk).update(origin={"name": "The first", "step": 20})
    assert "step 20 of “The first”, which is gone, so no baseline" in as_bob.post(url, follow=True).text
    Run.objects.filter(pk=run.pk).update(origin={})
    run.taskset_version.items.filter(split="train").update(reference_answer=None)
    assert "nothing to copy" in as_bob.post(url, follow=True).text
    assert Run.objects.count() == 1


def test_a_baseline_that_finds_no_room_is_said_at_its_tick(url, typed, workspace, as_bob):
    Workspace.objects.filter(pk=workspace.pk).update(max_waiting=1)
    answer = as_bob.post(url, {**typed, "baseline": "on"})
    assert answer.status_code == 422
    assert "room for 1 more, not for 2" in answer.context["form"].errors["baseline"][0]
    assert not Run.objects.exists()
    assert as_bob.post(url, typed).status_code == 302


def test_a_baseline_that_is_refused_leaves_no_job_of_the_other(url, typed, as_bob, settings, tmp_path):
    settings.JOBS_DIR = tmp_path
    answer = as_bob.post(url, {**typed, "baseline": "on", "max_completion_length": "5"})
    assert answer.status_code == 422
    assert "Reference answers are longer" in str(answer.context["form"].errors)
    assert not Run.objects.exists()
    assert not list((tmp_path / "runs").glob("*"))


def test_an_sft_has_no_baseline(url, typed, as_bob):
    as_bob.post(url, {**typed, "approach": "sft", "baseline": "on"})
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"approach": "sft_rft", "steps": "20"}, "warm_start_steps", "none is left for reinforcement"),
        ({"approach": "sft", "max_completion_length": "5"}, "max_completion_length", "Reference answers are longer"),
        ({"baseline": "on", "max_completion_length": "5"}, "max_completion_length", "Reference answers are longer"),
        ({"approach": "dpo"}, "approach", "valid choice"),
        ({"approach": "sft", "sft_batch_size": "0"}, "sft_batch_size", "out of range"),
    ],
)
def test_a_mistake_is_shown_on_its_field_and_nothing_is_launched(url, typed, as_bob, taskset, change, field, words):
    answer = as_bob.post(url, {**typed, **change, "lora_rank": "24"})
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert 'value="24"' in answer.text
    assert ('name="baseline" id="id_baseline" aria-describedby="baseline-help" checked' in answer.text) == (
        "baseline" in change
    )
    assert Run.objects.count() == 0
    assert taskset.latest_version is None, "all of it happens or nothing does"


@pytest.mark.parametrize(("change", "field"), [({"approach": "sft"}, "approach"), ({"baseline": "on"}, "baseline")])
def test_nothing_to_copy_is_said_on_the_field_that_asked_for_it(url, typed, as_bob, taskset, bob, change, field):
    version = publish_version(taskset=taskset, by=bob)
    version.items.filter(split="train").update(reference_answer=None)
    answer = as_bob.post(url, {**typed, "taskset_version": version.pk, **change})
    assert "nothing to copy" in " ".join(answer.context["form"].errors[field])
    assert Run.objects.count() == 0


def test_launch_again_brings_the_way_back(workspace, bob, as_bob):
    run = make_run(workspace=workspace, by=bob, settings={"approach": "sft_rft", "warm_start_steps": 7})
    form = as_bob.get(f"/tasksets/{run.taskset.pk}/launch/?from={run.pk}").context["form"]
    assert (form["approach"].value(), form["warm_start_steps"].value()) == ("sft_rft", 7)


def test_expected_times_are_those_of_the_way_and_of_the_baseline(url, typed, taskset, as_bob):
    names = ("load_s", "prefill_token_s", "decode_step_s", "decode_row_s", "train_token_s")
    figures = dict(zip(names, (1.0, 1e-3, 0.05, 2e-3, 4e-3), strict=True))
    model = BaseModel.objects.get(pk=typed["base_model"])
    model.timing = {"record": figures, "timed_at": "2026-11-01T00:00:00+00:00"}
    model.save()
    look = {"taskset": taskset, "model": model, "preset": "quick"}
    rft = outlook_of(**look, settings={}, baseline=True)
    sft = outlook_of(**look, settings={"approach": "sft"}, baseline=True)
    warm = outlook_of(**look, settings={"approach": "sft_rft"})
    assert sft.seconds["quick"] < warm.seconds["quick"] < rft.seconds["quick"]
    assert rft.baseline == sft.chosen
    assert sft.baseline is None
    assert warm.baseline is None
    assert "for the SFT baseline" in as_bob.get(f"{url}outlook/", {**typed, "baseline": "on"}).text


def test_judges_are_asked_about_what_is_sampled():
    whole, copied, both = (
        answers_of(resolve("quick", {"approach": way}), n_validation=64) for way in ("rft", "sft", "sft_rft")
    )
    assert whole - copied == 80 * 72
    assert whole - both == 20 * 72


def sft_at(workspace, bob, *, approach="sft", steps=10, copying=1.0):
    run = run_at(0, workspace=workspace, by=bob, total=steps)
    run.settings = {**run.settings, "approach": approach, "warm_start_steps": 4}
    run.save()
    started = {"total_steps": steps, "n_train": 8, "n_references": 6, "approach": approach, "host": "h", "versions": {}}
    rows = [event(10, "started", {**started, "model": {}})]
    timing = {"sampling": 0.0, "grading": 0.0, "training": 1.0, "evaluation": 0.0, "step": 1.0}
    for step in range(1, steps + 1):
        copies = approach == "sft" or step <= 4
        data = {"step": step, "total_steps": steps, "stage": "sft" if copies else "rft", "timing": timing}
        if copies:
            data["timing"] = timing | {"training": copying, "step": copying}
        data |= {"train_loss": 2.0 / step} if copies else {"train_reward_mean": 0.5, "entropy": 1.0}
        if step % 2 == 0:
            data |= {"valid_reward_mean": 0.1 * step, "valid_reward_ci": [0.0, 1.0]}
        rows.append(event(10 + step, "metrics", data))
    run.ingest("events", rows)
    item = run.taskset_version.items.filter(split="validation").values_list("key", flat=True)[0]
    run.ingest("rollouts", [rollout(100 + n, n, 0, 0, item, 0.5, phase="valid") for n in (2, 4, 6)])
    run.ingest("rollouts", [rollout(200 + n, n, 0, 0, item, 0.5) for n in (5, 6) if approach != "sft"])
    return run


def test_the_page_of_an_sft_says_what_it_is_and_shows_its_loss(workspace, bob, as_bob, as_vera, as_charlie):
    run = sft_at(workspace, bob)
    page = as_bob.get(f"/runs/{run.pk}/")
    assert "supervised fine-tuning" in page.text
    assert "2 of 8 training tasks have no reference answer" in page.text
    assert [trace["name"] for trace in page.context["loss"]["data"]] == ["each step", "smoothed"]
    assert page.context["loss"]["data"][0]["y"][0] == 2.0
    assert "A loss near zero is normal" not in page.text
    assert page.context["phase"] == "valid"
    assert "Training answers" not in page.text
    assert as_bob.get(f"/runs/{run.pk}/?tab=answers&phase=train&step=4").context["step"] == 4, "a click on its curve"
    assert f'data-copying="{curves.total_steps(run)}"' in page.text
    assert {trace["meta"]["phase"] for trace in page.context["loss"]["data"]} == {"valid"}
    drawn = as_bob.get(f"/runs/{run.pk}/points/?since=3&charts=reward,loss").json()["charts"]
    assert drawn["loss"]["extend"]["0"]["x"] == list(range(4, 11))
    settings = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    assert "Reference answers per step" in settings
    assert "Answers per task" not in settings
    assert as_vera.get(f"/runs/{run.pk}/").status_code == 200
    assert as_charlie.get(f"/runs/{run.pk}/").status_code == 404


def test_the_way_of_a_baseline_was_changed_by_nobody(workspace, bob, as_bob):
    run = sft_at(workspace, bob)
    url = f"/runs/{run.pk}/?tab=settings"
    assert "changed from Reinforce (RFT)" in as_bob.get(url).text, "somebody chose it"
    Run.objects.filter(pk=run.pk).update(baseline_for=run_at(5, workspace=workspace, by=bob))
    text = as_bob.get(url).text
    assert "changed from Reinforce" not in text
    assert "changed from" in text, "what was changed for both"


def test_the_curves_of_an_sft_explain_what_is_drawn(workspace, bob, as_bob):
    run = sft_at(workspace, bob)
    rows = [event(30, "metrics", {"step": 11, "total_steps": 11, "grad_norm": 0.4, "valid_scores": {"desk": 0.5}})]
    run.ingest("events", rows)
    page = as_bob.get(f"/runs/{run.pk}/?tab=curves")
    assert [trace["name"] for trace in page.context["figures"]["movement"]["data"]] == ["gradient norm"]
    assert "The gradient norm is the size of an update." in page.text
    assert "Entropy says" not in page.text
    assert "KL is how far" not in page.text
    assert "The mean of each part of the grader, on the validation tasks" in page.text
    reinforced = as_bob.get(f"/runs/{run_at(5, workspace=workspace).pk}/?tab=curves").text
    assert "Entropy says" in reinforced
    assert "The gradient norm is" not in reinforced
    assert "on the training answers (dashed) and on the validation tasks" in reinforced


def test_the_page_of_sft_first_marks_where_the_stages_meet(workspace, bob, as_bob):
    run = sft_at(workspace, bob, approach="sft_rft")
    page = as_bob.get(f"/runs/{run.pk}/")
    assert "For the first 4 steps the model" in page.text
    layout = page.context["figure"]["layout"]
    assert (layout["shapes"][0]["x0"], [one["text"] for one in layout["annotations"]]) == (4, ["SFT", "RFT"])
    assert page.context["phase"] == "train"
    assert 'data-copying="4"' in page.text
    assert as_bob.get(f"/runs/{run.pk}/?tab=answers&phase=train&step=2").context["phase"] == "valid"
    assert as_bob.get(f"/runs/{run.pk}/?tab=answers&phase=train&step=6").context["phase"] == "train"
    assert "Answers per task" in as_bob.get(f"/runs/{run.pk}/?tab=settings").text


def test_a_reinforcement_has_neither(workspace, bob, as_bob):
    run = run_at(5, workspace=workspace, by=bob)
    page = as_bob.get(f"/runs/{run.pk}/")
    assert page.context["loss"] is None
    assert "shapes" not in page.context["figure"]["layout"]
    assert "copies" not in page.text
    assert curves.copying_steps(run) == 0
    old = {name: value for name, value in run.settings.items() if name not in ("approach", "warm_start_steps")}
    Run.objects.filter(pk=run.pk).update(settings=old)
    assert as_bob.get(f"/runs/{run.pk}/?tab=settings").status_code == 200, "one of before there were others"


def test_the_time_left_of_two_stages_is_not_reckoned_from_the_first(workspace, bob, as_bob):
    run = sft_at(workspace, bob, approach="sft_rft", steps=6, copying=100.0)
    progress = {"done": 6, "total": 20}
    Run.objects.filter(pk=run.pk).update(status="running", started_at=timezone.now(), progress=progress)
    assert as_bob.get(f"/runs/{run.pk}/").context["left"] < 60, "fourteen steps of a second each"
