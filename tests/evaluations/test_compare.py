"""A comparison made by hand, again, and stopped."""

import pytest
from django.urls import reverse

from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.graders.actions import save_draft
from rftstudio.registry.actions import keep_tuned_model
from rftstudio.runs.jobs import Status
from tests.evaluations.build import LABELS, make_comparison, make_tuned_run
from tests.factories import make_run
from tests.graders.test_judges import SCORE, make_judge

GOOD = {"samples": "2", "temperature": "0.5", "max_completion_length": "16", "seed": "7"}


@pytest.fixture
def run(workspace, alice):
    return make_tuned_run(workspace=workspace, by=alice)


def at(name, pk):
    return reverse(f"evaluations:{name}", args=[pk])


def test_the_form_starts_from_the_runs_own_settings(as_bob, run):
    page = as_bob.get(at("compare", run.pk)).content.decode()
    assert f'value="{run.settings["max_completion_length"]}"' in page
    assert "8 test tasks" in page


def test_it_asks_for_a_judges_budget_only_where_there_is_a_judge(as_bob, run, workspace, alice):
    page = as_bob.get(at("compare", run.pk)).text
    assert "judge" not in page.partition('class="panel compare-form"')[2].partition("</form>")[0].lower()
    assert '<label for="id_against">Against</label>' in page, "the base model is as good a choice as any"
    make_judge(workspace, price_in=1.0, price_out=2.0)
    judged = make_tuned_run(workspace=workspace, by=alice, spec=SCORE)
    form = as_bob.get(at("compare", judged.pk)).context["form"]
    labels = ["Judge budget in tokens", "Judge budget in money"]
    assert [form[name].label for name in ("judge_tokens", "judge_cost")] == labels
    assert form["max_completion_length"].label == "Longest answer (tokens)"
    as_bob.post(at("compare", judged.pk), {**GOOD, "judge_tokens": "900", "judge_cost": "2.5"})
    made = Comparison.objects.get()
    assert (made.settings["judge_tokens"], made.settings["judge_cost"]) == (900, 2.5)


def test_it_makes_one(as_bob, bob, run):
    response = as_bob.post(at("compare", run.pk), GOOD)
    made = Comparison.objects.get()
    assert response.url == at("detail", made.pk)
    given = {"samples": 2, "temperature": 0.5, "max_completion_length": 16}
    assert made.settings == {**given, "judge_tokens": 0, "judge_cost": 0.0}
    assert (made.seed, made.created_by, made.automatic) == (7, bob, False)


def another(run):
    """A second training of the same tasks, over and with a model."""
    other = make_run(workspace=run.workspace, taskset=run.taskset)
    adapter = other.directory / "checkpoints" / "step-4"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    other.tuned_model = keep_tuned_model(
        workspace=run.workspace, base_model=run.base_model, name="Other", path=adapter, adapter_hash="cd" * 32,
        lineage={}, by=None,
    )  # fmt: skip
    other.status, other.result = Status.SUCCEEDED, {"best_valid_reward_mean": 0.625}
    other.save()
    return other


def test_the_opponent_is_the_base_or_the_model_of_a_training_of_the_same(as_bob, run, alice):
    field = as_bob.get(at("compare", run.pk)).context["form"]["against"]
    assert [label for _, label in field.field.choices] == ["The base model"]
    other, without = another(run), make_run(workspace=run.workspace, taskset=run.taskset)
    grader = run.grader_version.grader
    save_draft(grader=grader, by=alice, spec={**grader.spec, "name": "another"})
    newer = another(run)
    assert newer.grader_version != run.grader_version
    page = as_bob.get(at("compare", run.pk), {"against": other.pk})
    form = page.context["form"]
    assert [label for _, label in form.fields["against"].choices] == [
        "The base model",
        f"Training {other.pk}: {other} (Reinforce (RFT), validation reward 0.62)",
    ]
    assert f'<option value="{other.pk}" selected' in page.text
    answer = as_bob.post(at("compare", run.pk), {**GOOD, "against": other.pk})
    made = Comparison.objects.get()
    assert (answer.url, made.against, made.automatic) == (at("detail", made.pk), other, False)
    assert f"Training {run.pk} against Training {other.pk} on unseen tasks" in as_bob.get(answer.url).text
    assert "Choose whom to compare with" not in page.text
    for lost in (newer.pk, without.pk, 99999, "9" * 30, "nobody"):
        assert "Choose whom to compare with" in as_bob.get(at("compare", run.pk), {"against": lost}).text
    for wrong in (newer, without, run):
        refused = as_bob.post(at("compare", run.pk), {**GOOD, "against": wrong.pk})
        assert refused.status_code == 422
        assert list(refused.context["form"].errors) == ["against"]


def test_another_workspaces_training_is_no_opponent(as_bob, run, charlie):
    theirs = make_tuned_run(workspace=charlie.workspaces.get(), by=charlie)
    assert as_bob.post(at("compare", run.pk), {**GOOD, "against": theirs.pk}).status_code == 422
    assert not Comparison.objects.exists()


def test_two_trainings_alike_are_told_apart_by_their_numbers(as_bob, run):
    other = another(run)
    right = [LABELS[number % 4] for number in range(8)]
    made = make_comparison(run=run, against=other, base=["no"] * 8, tuned=right, base_hash="cd" * 32)
    text = as_bob.get(at("detail", made.pk)).text
    assert f"the model of training {run.pk} scores 1.00 against 0.00 of the model of training {other.pk}" in text
    assert f"The model of training {run.pk} is better" in text


@pytest.mark.parametrize(
    ("name", "value"), [("samples", "0"), ("samples", "many"), ("temperature", "3"), ("seed", "-1"), ("seed", "")]
)
def test_a_wrong_value_is_shown_at_its_field_and_kept(as_bob, run, name, value):
    response = as_bob.post(at("compare", run.pk), {**GOOD, name: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [name]
    assert 'value="16"' in response.content.decode()
    assert not Comparison.objects.exists()


def test_what_cannot_be_compared_says_so(as_bob, run):
    run.taskset_version.items.filter(split="test").delete()
    response = as_bob.post(at("compare", run.pk), GOOD)
    assert response.status_code == 422
    assert "no test items" in response.content.decode()


@pytest.mark.parametrize("name", ["compare", "again", "cancel"])
def test_who_may(request, run, name):
    pk = run.pk if name == "compare" else create_comparison(run=run).pk
    before = Comparison.objects.count()
    for client, status in (("as_vera", 403), ("as_rita", 403), ("as_charlie", 404)):
        assert request.getfixturevalue(client).post(at(name, pk), GOOD).status_code == status
    assert request.getfixturevalue("as_alice").post(at(name, 987654), GOOD).status_code == 404
    assert Comparison.objects.count() == before


@pytest.mark.parametrize("name", ["again", "cancel"])
def test_a_wrong_method(as_alice, run, name):
    assert as_alice.get(at(name, create_comparison(run=run).pk)).status_code == 405


def test_again_makes_another(as_bob, run):
    old = create_comparison(run=run, settings={"samples": 3})
    Comparison.objects.filter(pk=old.pk).update(status=Status.FAILED)
    response = as_bob.post(at("again", old.pk))
    made = Comparison.objects.exclude(pk=old.pk).get()
    assert response.url == at("detail", made.pk)
    assert made.settings == old.settings


def test_again_says_why_not(as_bob, run):
    old = create_comparison(run=run)
    run.taskset_version.items.filter(split="test").delete()
    page = as_bob.post(at("again", old.pk), follow=True).content.decode()
    assert "no test items" in page
    assert Comparison.objects.count() == 1


def test_a_waiting_one_is_cancelled_at_once(as_bob, run):
    comparison = create_comparison(run=run)
    as_bob.post(at("cancel", comparison.pk))
    comparison.refresh_from_db()
    assert comparison.status == Status.CANCELLED


def test_a_running_one_is_asked_to_stop(as_bob, run):
    comparison = create_comparison(run=run)
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.RUNNING)
    as_bob.post(at("cancel", comparison.pk))
    comparison.refresh_from_db()
    assert (comparison.status, comparison.wish) == (Status.RUNNING, "cancel")


def test_one_that_is_over_cannot_be_stopped(as_bob, run):
    comparison = create_comparison(run=run)
    Comparison.objects.filter(pk=comparison.pk).update(status=Status.FAILED)
    assert "over already" in as_bob.post(at("cancel", comparison.pk), follow=True).content.decode()
