"""The readiness pages: who may see them, what they say, their states, remedies, and where else they show."""

import re

import pytest
from django.urls import reverse

from rftstudio.engine.presets import resolve
from rftstudio.evaluations.models import Readiness
from rftstudio.graders.models import Grader
from rftstudio.registry.models import BaseModel
from rftstudio.runs.forms import DRAFT
from rftstudio.runs.jobs import Status
from rftstudio.runs.judged import answers_of
from rftstudio.tasksets.actions import save_item
from tests.evaluations.readiness import LABELS, make_asked_taskset, make_check, start
from tests.factories import make_base_model, make_taskset

NASTY = "<script>alert(1)</script>"
ANSWERS = {
    "train-0": ["emergency"] * 8,
    "train-1": ["prescription"] * 8,
    "train-2": ["I think that it is billing, really.", NASTY, *["billing"] * 6],
}


@pytest.fixture
def taskset(workspace, alice):
    return make_asked_taskset(workspace=workspace, by=alice)


@pytest.fixture
def check(taskset, alice):
    return make_check(taskset=taskset, by=alice, answers=ANSWERS, unscored=["train-7"], truncated=["train-1"])


@pytest.fixture
def typed(taskset):
    model = make_base_model()
    return {
        "taskset_version": DRAFT, "grader_version": DRAFT, "base_model": model.pk, "n_items": 5, "samples": 4,
        "max_completion_length": 16, "pass_score": "1.0", "seed": 3, "judge_tokens": "", "judge_cost": "",
    }  # fmt: skip


def home(taskset):
    return reverse("evaluations:readiness", args=[taskset.pk])


def address(check, name="readiness_detail"):
    return reverse(f"evaluations:{name}", args=[check.pk])


def rows(response):
    return re.findall(r'class="map-key">([^<]+)</span><svg', response.content.decode())


def test_the_page_says_what_was_found(as_alice, check):
    page = as_alice.get(address(check)).content.decode()
    assert "There is little to learn from here yet." in page
    assert "The base model answered 8 tasks, 8 times each." in page
    assert "Its answers score" in page
    assert "The grader fails on answers" in page
    assert "the judge could not be asked" in page
    assert "8 of 64 (12\N{NO-BREAK SPACE}%)" in page
    assert 'id="rewards-figure"' in page
    assert "Quick look" in page
    assert "Take the solved tasks out" in page
    assert "Add worked examples" in page
    assert "launch/?max_completion_length=" not in page, "a longer answer is no remedy where every label fits"


def test_suspect_references_lead_to_their_items(as_alice, check):
    page = as_alice.get(address(check)).content.decode()
    suspects = page.partition('id="suspects"')[2].partition("</section>")[0]
    assert "Message train 1 about appointment." in suspects
    assert "prescription" in suspects
    assert "(8 of 8)" in suspects
    item = check.taskset.items.get(key="train-1")
    assert reverse("tasksets:item", args=[item.pk]) in suspects
    check.taskset.items.filter(key="train-1").delete()
    assert "no longer in the draft" in as_alice.get(address(check)).content.decode()


@pytest.mark.parametrize("client", ["as_bob", "as_rita", "as_vera"])
def test_every_member_may_see_it(request, client, check):
    assert request.getfixturevalue(client).get(address(check)).status_code == 200


def test_a_viewer_is_offered_nothing_that_she_may_not(as_vera, check):
    page = as_vera.get(address(check)).content.decode()
    assert 'method="post"' not in page.partition("<main")[2]
    assert "/launch/" not in page.partition("<main")[2]
    assert "See these tasks" in page
    assert "Check</button>" not in as_vera.get(home(check.taskset)).content.decode()


def test_strangers_bad_ids_and_wrong_methods(as_charlie, as_alice, as_vera, client, check):
    pages = [home(check.taskset), address(check)]
    posts = [address(check, name) for name in ("readiness_cancel", "readiness_again", "readiness_apply")]
    assert [as_charlie.get(url).status_code for url in pages] == [404, 404]
    assert [as_charlie.post(url).status_code for url in [*posts, pages[0]]] == [404] * 4
    assert [as_vera.post(url).status_code for url in [*posts, pages[0]]] == [403] * 4
    assert [as_alice.get(url).status_code for url in posts] == [405] * 3
    assert as_alice.post(pages[1]).status_code == 405
    assert client.get(pages[0]).status_code == 302
    assert as_alice.get(reverse("evaluations:readiness_detail", args=[check.pk + 99])).status_code == 404


def test_the_map_has_the_best_first_and_can_be_narrowed(as_alice, check):
    assert rows(as_alice.get(address(check)))[:2] == ["train-0", "train-2"]
    assert rows(as_alice.get(address(check)))[-2:] == ["train-1", "train-7"]
    for group, found in {
        "always": ["train-0"],
        "never": ["train-1"],
        "no_spread": ["train-0", "train-1"],
        "suspects": ["train-1"],
        "no_score": ["train-7"],
        "cut": ["train-1"],
    }.items():
        assert rows(as_alice.get(address(check), {"show": group})) == found, group
    assert len(rows(as_alice.get(address(check), {"show": "nonsense"}))) == 8


def test_a_row_of_the_map_opens_its_answers(as_alice, check):
    page = as_alice.get(address(check), {"item": "train-2"}).content.decode()
    answers = page.partition('id="answers"')[2]
    assert "Message train 2 about billing." in answers
    assert "&lt;script&gt;" in answers
    assert NASTY not in page
    assert answers.index("The answer is “billing”") < answers.index("mentions")
    headers = {"HX-Request": "true", "HX-Target": "answers"}
    part = as_alice.get(address(check), {"item": "train-1"}, headers=headers)
    assert "<html" not in part.content.decode()
    assert "cut off" in part.content.decode()
    assert "HX-Request" in part["Vary"]
    assert as_alice.get(address(check), {"item": "test-0"}).status_code == 404


def test_the_page_asks_few_questions_of_the_database(as_alice, check, django_assert_max_num_queries):
    with django_assert_max_num_queries(32):
        as_alice.get(address(check), {"item": "train-2"})


def test_a_check_is_started_of_the_drafts(as_bob, bob, taskset, typed):
    answer = as_bob.post(home(taskset), typed)
    check = Readiness.objects.get()
    assert answer["Location"] == address(check)
    assert (check.status, check.created_by, check.seed, check.n_items) == (Status.QUEUED, bob, 3, 5)
    assert (check.settings["samples"], check.settings["max_completion_length"]) == (4, 16)
    assert check.taskset_version.number == check.grader_version.number == 1
    published = {"taskset_version": check.taskset_version.pk, "grader_version": check.grader_version.pk}
    assert as_bob.post(home(taskset), {**typed, **published}).status_code == 302
    assert taskset.versions.count() == 1


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"samples": "1"}, "samples", "greater than or equal to 2"),
        ({"n_items": "0"}, "n_items", "greater than or equal to 1"),
        ({"max_completion_length": "2048"}, "max_completion_length", "reads at most 2,048 tokens"),
        ({"base_model": "999"}, "base_model", "valid choice"),
        ({"taskset_version": "999"}, "taskset_version", "valid choice"),
        ({"pass_score": "nan"}, "pass_score", "Enter a number"),
        ({"judge_cost": "-1"}, "judge_cost", "greater than or equal to 0"),
    ],
)
def test_a_mistake_is_shown_on_its_field(as_bob, taskset, typed, change, field, words):
    answer = as_bob.post(home(taskset), {**typed, **change})
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert not Readiness.objects.exists()
    assert taskset.latest_version is None


def test_a_grader_that_pays_what_it_should_not_is_shown(as_bob, taskset, typed):
    grader = Grader.objects.used_by(taskset)
    grader.spec = {"type": "string_check", "operation": "ilike", "input": "{{ sample.output_text }}", "reference": "e"}
    grader.save()
    answer = as_bob.post(home(taskset), {**typed, "base_model": typed["base_model"]})
    assert answer.status_code == 422
    assert "href" in " ".join(answer.context["form"].errors["grader_version"])


def test_asking_again_takes_the_settings_over(as_bob, taskset, check):
    form = as_bob.get(home(taskset), {"from": check.pk, "max_completion_length": "64"}).context["form"]
    assert (form["max_completion_length"].value(), form["samples"].value()) == ("64", 8)
    assert as_bob.get(home(taskset), {"from": "x"}).status_code == 200


def test_what_there_was_is_listed(as_vera, taskset, check):
    waiting = start(taskset=taskset)
    page = as_vera.get(home(taskset)).content.decode()
    assert address(check) in page
    assert address(waiting) in page
    assert "weak" in page


def test_empty_states(as_bob, workspace, db):
    taskset = make_taskset(workspace=workspace, items=0)
    assert "Add tasks" in as_bob.get(home(taskset)).content.decode()
    taskset = make_taskset(workspace=workspace, name="Another")
    assert "There is no grader yet" in as_bob.get(home(taskset)).content.decode()
    assert as_bob.post(home(taskset), {}).status_code in (200, 422)
    BaseModel.objects.all().delete()
    assert "no model to ask" in as_bob.get(home(make_asked_taskset(workspace=workspace))).content.decode()


def test_waiting_running_failed_and_cancelled(as_alice, taskset):
    check = start(taskset=taskset)
    page = as_alice.get(address(check)).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "0 of 64 answers" in page
    Readiness.objects.filter(pk=check.pk).update(
        status=Status.RUNNING, progress={"done": 16, "total": 64}, started_at=check.created_at
    )
    headers = {"HX-Request": "true", "HX-Target": "live"}
    part = as_alice.get(address(check), headers=headers).content.decode()
    assert "<html" not in part
    assert "16 of 64 answers" in part
    assert "left" in part
    as_alice.post(address(check, "readiness_cancel"))
    check.refresh_from_db()
    assert check.wish == "cancel"
    Readiness.objects.filter(pk=check.pk).update(status=Status.FAILED, error="The disk is full.", culprit="system")
    assert as_alice.get(address(check), headers=headers)["HX-Refresh"] == "true"
    page = as_alice.get(address(check)).content.decode()
    assert "The disk is full." in page
    assert 'hx-trigger="every 2s"' not in page
    answer = as_alice.post(address(check, "readiness_again"))
    assert answer["Location"] == address(Readiness.objects.latest("pk"))


def test_cancelling_what_is_over_says_so(as_alice, check):
    page = as_alice.post(address(check, "readiness_cancel"), follow=True).content.decode()
    assert "This is over already." in page


def test_solved_tasks_go_with_one_click_and_come_back_with_another(as_bob, taskset, check):
    answer = as_bob.post(address(check, "readiness_apply"), {"remedy": "drop_solved"})
    assert answer["Location"] == reverse("tasksets:detail", args=[taskset.pk])
    assert not taskset.items.live().filter(key="train-0").exists()
    page = as_bob.get(answer["Location"])
    assert "1 solved task taken out of the draft" in page.content.decode()
    as_bob.post(reverse("tasksets:undo", args=[taskset.pk]), {"at": page.context["undo"]["at"]})
    assert taskset.items.live().filter(key="train-0").exists()


def test_nothing_to_take_out_and_no_such_remedy(as_bob, taskset, check):
    save_item(item=taskset.items.get(key="train-0"), by=None, fields={"message": "Changed since"})
    page = as_bob.post(address(check, "readiness_apply"), {"remedy": "drop_solved"}, follow=True).content.decode()
    assert "Nothing was changed" in page
    assert "no such remedy" in as_bob.post(address(check, "readiness_apply"), follow=True).content.decode()
    assert taskset.items.live().count() == 16


def test_newer_versions_are_told(as_bob, taskset, check):
    assert "newer versions" not in as_bob.get(address(check)).content.decode()
    save_item(item=taskset.items.first(), by=None, fields={"message": "Something else"})
    start(taskset=taskset)
    assert "newer versions" in as_bob.get(address(check)).content.decode()


def test_the_launch_page_says_the_last_verdict(as_bob, taskset):
    launch = reverse("runs:launch", args=[taskset.pk])
    make_base_model()
    assert "Will this train?" in as_bob.get(launch).content.decode()
    check = start(taskset=taskset)
    assert "is under way" in as_bob.get(launch).content.decode()
    Readiness.objects.filter(pk=check.pk).update(status=Status.CANCELLED)
    check = make_check(taskset=taskset)
    page = as_bob.get(launch).content.decode()
    assert address(check) in page
    assert ">ready</span>" in page


def test_expected_times_use_the_measured_length_of_answers(as_bob, taskset, check):
    timing = {"load_s": 1.0, "prefill_token_s": 0.001, "decode_step_s": 0.01, "decode_row_s": 0.001}
    record = {**timing, "train_token_s": 0.002}
    BaseModel.objects.update(timing={"record": record, "timed_at": "2026-01-01T00:00:00+00:00"})
    short = as_bob.get(address(check)).context["times"]
    assert short.state == "timed"
    assert [row.name for row in short.presets] == ["quick", "balanced", "thorough"]
    check.refresh_from_db()
    check.summary["tokens_mean"] = 30.0
    check.save()
    long = as_bob.get(address(check)).context["times"]
    assert long.presets[0].seconds > short.presets[0].seconds
    assert "about" in as_bob.get(address(check)).content.decode().partition("What a training takes")[2]


def test_judges_cost_is_reckoned_for_each_preset(as_bob, check):
    check.result["judges"] = {"calls": 64, "tokens": 6400, "cost": 0.64}
    check.save()
    rows = as_bob.get(address(check)).context["times"].presets
    answers = answers_of(resolve(rows[0].name, answer_limit=check.taskset.answer_limit), n_validation=4)
    assert rows[0].tokens == pytest.approx(100 * answers)
    assert rows[0].cost == pytest.approx(rows[0].tokens / 10_000)
    assert "Judge tokens" in as_bob.get(address(check)).content.decode()


def test_a_ready_one_has_no_findings(as_alice, workspace):
    taskset = make_asked_taskset(workspace=workspace, n_train=24)
    answers = {f"train-{n}": [*[LABELS[n % 4]] * 5, *LABELS[:3]] for n in range(24)}
    page = as_alice.get(address(make_check(taskset=taskset, answers=answers))).content.decode()
    assert "A training has something to learn from here." in page
    assert "Nothing speaks against a training." in page
