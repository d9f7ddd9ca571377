"""A training with a judge: its job holds no key, its process gets it, and no file of it does."""

import hashlib
import json

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from rftstudio.engine import presets
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_job
from rftstudio.evaluations.actions import compare_pair_once, create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.evaluations.tasks import compare_finished
from rftstudio.graders.actions import create_grader, publish_grader
from rftstudio.graders.judges import actions as judging
from rftstudio.registry.models import TunedModel
from rftstudio.runs import actions
from rftstudio.runs.jobs import Status
from rftstudio.runs.judged import answers_of, paid
from rftstudio.runs.lent import lend
from rftstudio.runs.tasks import start_job
from tests.factories import make_base_model, make_run, make_taskset
from tests.graders.test_judges import KEY, SCORE, make_judge


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob, published=True)


@pytest.fixture
def run(workspace, bob, taskset):
    make_judge(workspace, price_in=1.0, price_out=2.0)
    create_grader(taskset=taskset, by=bob, spec=SCORE)
    return make_run(workspace=workspace, by=bob, taskset=taskset)


def holds_key(directory) -> list[str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if KEY.encode() in path.read_bytes()]


def test_the_job_names_the_judge_and_holds_no_key(run):
    [judge] = read_job(run.directory).judges
    assert (judge["name"], judge["model"], judge["price_out"]) == ("main", "big-model", 2.0)
    assert lend(run) == {judge["key_env"]: KEY}
    assert holds_key(run.directory) == []


def test_so_does_its_comparison(run, bob, workspace):
    run.settings = {**run.settings, "judge_tokens": 5000}
    run.tuned_model = TunedModel.objects.create(
        workspace=workspace, base_model=make_base_model(), name="T", path=str(run.directory), adapter_hash="0" * 64
    )
    run.save()
    comparison = create_comparison(run=run, by=bob)
    assert [judge["name"] for judge in read_job(comparison.directory).judges] == ["main"]
    assert comparison.settings["judge_tokens"] == 5000
    assert list(lend(comparison).values()) == [KEY]
    assert holds_key(comparison.directory) == []
    judging.archive_judge(judge=workspace.judges.get())
    with pytest.raises(SpecError, match="is archived"):
        create_comparison(run=run, by=bob)


def test_a_key_does_not_follow_to_an_old_address(run, workspace):
    judging.change_judge(judge=workspace.judges.get(), base_url="https://other.example.org/v1", key="new-key")
    with pytest.raises(SpecError, match="another address"):
        lend(run)


def test_an_archived_judge_stops_a_launch(run, workspace, bob, taskset):
    judging.archive_judge(judge=workspace.judges.get())
    with pytest.raises(SpecError, match="is archived"):
        make_run(workspace=workspace, by=bob, taskset=taskset)


def test_a_budget_in_money_needs_prices(workspace, bob, taskset):
    judge = make_judge(workspace)
    create_grader(taskset=taskset, by=bob, spec=SCORE)
    with pytest.raises(SpecError, match="has no price") as caught:
        make_run(workspace=workspace, by=bob, taskset=taskset, settings={"judge_cost": 2.0})
    assert caught.value.path == "judge_cost"
    judging.change_judge(judge=judge, price_in=0.0, price_out=0.0)
    run = make_run(workspace=workspace, by=bob, taskset=taskset, settings={"judge_cost": 2.0})
    assert run.settings["judge_cost"] == 2.0


@pytest.fixture
def budgeted(workspace, bob, taskset):
    """A training and its baseline, launched together for at most two in money; both over, each with a model."""
    make_judge(workspace, price_in=1.0, price_out=2.0)
    grader = create_grader(taskset=taskset, by=bob, spec=SCORE)
    launch = {"base_model": make_base_model(), "preset": "quick", "settings": {"judge_cost": 2.0}}
    versions = {"taskset_version": taskset.latest_version, "grader_version": publish_grader(grader=grader, by=bob)}
    run = actions.publish_and_launch(taskset=taskset, grader=grader, **versions, **launch, by=bob, baseline=True)
    return run, finished(run, "a"), finished(run.baseline, "b")


def finished(run, digit):
    run.tuned_model = TunedModel.objects.create(
        workspace=run.workspace, base_model=run.base_model, name="T", path=str(run.directory), adapter_hash=digit * 64
    )
    run.status = Status.SUCCEEDED
    run.save()
    return run


def spends_from(job) -> tuple[str, float] | None:
    shared = read_job(job.directory).budget
    return (str((job.directory / shared.file).resolve()), shared.share) if shared else None


def test_a_launch_spends_its_budget_as_a_whole(budgeted):
    run, rft, sft = budgeted
    file = str(run.directory.resolve() / "judge-budget.jsonl")
    n_validation = run.taskset_version.counts["validation"]
    assert n_validation < rft.settings["eval_items"]
    train = [answers_of(one.settings, n_validation=n_validation) for one in (rft, sft)]
    all_answers = sum(train) + 3 * 2 * 4 * run.taskset_version.counts["test"]
    shares = [round(answers / all_answers, 4) for answers in train]
    assert 0 < shares[1] < shares[0] < 1
    assert (spends_from(rft), spends_from(sft)) == ((file, shares[0]), (file, shares[1]))
    assert compare_finished() == 3
    assert [spends_from(one) for one in Comparison.objects.all()] == [(file, 1.0)] * 3


def test_a_comparison_leaves_the_other_training_its_part_while_that_still_needs_it(budgeted):
    run, rft, sft = budgeted
    sft.status = Status.QUEUED
    sft.save()
    assert compare_finished() == 1
    file, share = spends_from(Comparison.objects.get(run=rft))
    assert file == str(run.directory.resolve() / "judge-budget.jsonl")
    assert share == pytest.approx(1 - spends_from(rft)[1] - spends_from(sft)[1])
    assert 0 < share < 1
    finished(sft, "b")
    assert compare_finished() == 2
    assert {spends_from(one)[1] for one in Comparison.objects.exclude(run=rft, against=None)} == {1.0}


def test_a_launch_whose_budget_cannot_be_found_spends_nothing_unasked(budgeted):
    _, rft, sft = budgeted
    (rft.directory / "job.json").write_text("torn")
    assert compare_finished() == 3
    failed = Comparison.objects.get(run=rft, against=None)
    assert (failed.status, failed.culprit, failed.directory.exists()) == (Status.FAILED, "system", False)
    assert "the job.json of “Inbox, quick look” cannot be read (" in failed.error
    assert "So nothing is spent unasked." in failed.error
    others = Comparison.objects.exclude(pk=failed.pk)
    assert {one.status for one in others} == {Status.QUEUED}
    assert {spends_from(one)[1] for one in others} == {1.0}


def test_one_from_before_budgets_were_shared_is_compared_as_it_was(budgeted):
    _, rft, sft = budgeted
    job = json.loads((rft.directory / "job.json").read_text())
    del job["budget"]
    (rft.directory / "job.json").write_text(json.dumps(job))
    sft.delete()
    assert compare_finished() == 1
    assert spends_from(Comparison.objects.get()) is None


def test_without_a_budget_nothing_is_looked_for(run, workspace):
    finished(run, "a")
    (run.directory / "job.json").unlink()
    assert compare_finished() == 1
    assert Comparison.objects.get().status == Status.QUEUED


def test_what_is_asked_for_later_has_a_budget_of_its_own(budgeted, bob, workspace, taskset):
    run, rft, sft = budgeted
    assert spends_from(create_comparison(run=rft, by=bob, against=sft)) is None
    sft.baseline_for = None
    sft.save()
    later = finished(actions.launch_baseline(run=rft, by=bob), "c")
    own = str(later.directory.resolve() / "judge-budget.jsonl")
    assert spends_from(later)[0] == own
    assert spends_from(compare_pair_once(baseline=later)) == (own, 1.0)
    assert spends_from(make_run(workspace=workspace, by=bob, taskset=taskset)) is None, "no budget, nothing to share"


def test_what_the_others_of_the_launch_paid_is_not_left(budgeted):
    reported = {"total_calls": 3, "total_tokens": 360, "total_cost": 0.25, "launch_tokens": 960, "launch_cost": 1.5}
    found = paid(reported, budgeted[0].settings)
    assert (found.cost, found.cost_left) == (0.25, 0.5)


def test_how_many_answers_are_judged():
    settings = presets.resolve("quick", {"steps": 10, "batch_size": 16, "group_size": 8, "eval_interval": 4})
    settings |= {"eval_items": 5, "eval_samples": 2}
    assert answers_of(settings, n_validation=7) == 10 * 16 + 4 * 10
    assert answers_of(settings, n_validation=3) == 10 * 16 + 4 * 3 * 2, "no more tasks are asked than there are"


def test_the_launch_page_says_who_is_asked(run, as_bob, taskset, workspace):
    page = as_bob.get(reverse("runs:launch", args=[taskset.pk])).content.decode()
    version = taskset.latest_version
    answers = answers_of(presets.resolve("quick"), n_validation=version.counts["validation"])
    assert f"asks the judge “main” about {answers:,} answers at the most" in page
    assert 'name="judge_tokens"' in page
    assert "weak judge" not in page
    for chosen, n_validation in (("draft", version.counts["validation"]), (version.pk, 1)):
        version.counts["validation"] = n_validation
        version.save()
        query = {"preset": "quick", "taskset_version": chosen}
        part = as_bob.get(reverse("runs:outlook", args=[taskset.pk]), query).content.decode()
        answers = answers_of(presets.resolve("quick"), n_validation=n_validation)
        assert f"asks the judge “main” about {answers:,} answers at the most" in part
    workspace.judges.update(embedded=True)
    assert "weak judge" in as_bob.get(reverse("runs:launch", args=[taskset.pk])).content.decode()


def test_the_launch_page_says_that_a_budget_is_the_launchs(run, as_bob, taskset):
    page = as_bob.get(reverse("runs:launch", args=[taskset.pk])).text
    assert "it holds for the launch as a whole: the training, an SFT baseline beside it and the comparisons" in page
    assert "by itself" not in page.partition("asks the judge")[2].partition("</p>")[0]


@pytest.mark.parametrize(
    ("settings", "amount"),
    [
        ({"judge_tokens": 50_000}, "50,000 tokens"),
        ({"judge_tokens": 900, "judge_cost": 2.5}, "900 tokens and 2.5 in money"),
    ],
)
def test_a_baseline_that_is_added_says_what_judges_may_spend_on_it(run, as_bob, settings, amount):
    assert "once more" not in as_bob.get(reverse("runs:detail", args=[run.pk])).text
    run.settings = {**run.settings, **settings}
    run.save()
    page = as_bob.get(reverse("runs:detail", args=[run.pk])).text
    assert f"judges may spend up to {amount} once more" in page.partition("Add an SFT baseline")[2]


def test_without_a_judge_a_budget_is_not_spoken_of(workspace, bob, as_bob):
    taskset = make_taskset(workspace=workspace, by=bob, published=True)
    other = make_run(workspace=workspace, by=bob, taskset=taskset, settings={"judge_tokens": 500})
    page = as_bob.get(reverse("runs:detail", args=[other.pk])).text
    assert "Add an SFT baseline" in page
    assert "once more" not in page


def failed(comparison, **progress):
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.FAILED, error="No.", progress=progress)
    return reverse("evaluations:detail", args=[comparison.pk])


def test_trying_a_comparison_again_says_what_judges_may_spend_on_it(budgeted, as_bob, as_vera):
    compare_finished()
    for comparison in Comparison.objects.all():
        url = failed(comparison)
        page = as_bob.get(url).text
        assert 'class="btn btn-primary">Try again</button>' in page
        assert "judges may spend up to 2 in money once more" in page
        assert "once more" not in as_vera.get(url).text


def test_where_the_budget_is_used_up_the_form_asks_for_another(budgeted, as_bob):
    _, rft, sft = budgeted
    compare_finished()
    pair = Comparison.objects.get(against=sft)
    url = failed(pair, done=0, total=8, judges={"total_tokens": 960, "used_up": "The judge budget is used up."})
    page = as_bob.get(url).text
    form = reverse("evaluations:compare", args=[rft.pk]) + f"?against={sft.pk}"
    assert f'<a class="btn btn-primary" href="{form}">Try again</a>' in page
    assert reverse("evaluations:again", args=[pair.pk]) not in page
    assert "on the next page you say what judges may spend" in page


def test_a_grader_without_a_judge_says_nothing_of_judges(as_bob, workspace, bob):
    taskset = make_taskset(workspace=workspace, by=bob, published=True)
    create_grader(taskset=taskset, by=bob)
    assert "asks the judge" not in as_bob.get(reverse("runs:launch", args=[taskset.pk])).content.decode()


@pytest.mark.slow
def test_the_process_of_the_job_gets_the_key_and_nothing_else_does(launch, until, workspace, bob):
    judge = make_judge(workspace)
    variable = f"RFT_JUDGE_KEY_{judge.pk}"
    run = launch(steps=3, hash_of=variable)
    path = run.directory / "job.json"
    job = json.loads(path.read_text())
    endpoint = {"name": "main", "base_url": judge.base_url, "model": "m", "key_env": variable}
    path.write_text(json.dumps(job | {"judges": [endpoint]}))
    assert start_job("runs", "run", run.pk)

    def ended() -> bool:
        run.refresh_from_db()
        return run.status in (Status.SUCCEEDED, Status.FAILED)

    until(ended)
    assert run.status == Status.SUCCEEDED, run.error
    assert (run.directory / "hash").read_text() == hashlib.sha256(KEY.encode()).hexdigest()
    assert holds_key(run.directory) == []
    assert not [path for path in django_settings.JOBS_DIR.glob("*.log") if KEY.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_job_whose_judge_has_moved_fails_with_the_reason(launch, until, workspace):
    judge = make_judge(workspace)
    run = launch(steps=3)
    path = run.directory / "job.json"
    endpoint = {"name": "main", "base_url": "https://old.example.org/v1", "model": "m", "key_env": "K"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"judges": [endpoint]}))
    assert start_job("runs", "run", run.pk)

    def ended() -> bool:
        run.refresh_from_db()
        return run.status == Status.FAILED

    until(ended)
    assert f"“{judge.name}” has another address" in run.error
    assert run.culprit == "author"
