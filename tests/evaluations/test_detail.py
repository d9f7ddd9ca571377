"""The comparison's page: who may see it, what it says, filters, order, and its states."""

import re

import pytest
from django.urls import reverse

from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.runs.jobs import Status
from tests.evaluations.build import LABELS, make_comparison, make_tuned_run

RIGHT = LABELS * 2


@pytest.fixture
def comparison(workspace, alice):
    """Worse on test-0, better on 1 to 5, the same on 6 (wrong) and 7 (right)."""
    run = make_tuned_run(workspace=workspace, by=alice)
    base = [RIGHT[0], *["No idea, sorry."] * 6, RIGHT[7]]
    tuned = ["billing", *RIGHT[1:6], "No idea, sorry.", RIGHT[7]]
    return make_comparison(run=run, base=base, tuned=tuned)


def address(comparison, name="detail"):
    return reverse(f"evaluations:{name}", args=[comparison.pk])


def comparison_list(comparison):
    return reverse("evaluations:list", args=[comparison.taskset.pk])


def order(response):
    return re.findall(r'id="task-\d+-name">([^<]+)<', response.content.decode())


def test_the_page_says_what_was_found(as_alice, comparison):
    page = as_alice.get(address(comparison)).content.decode()
    assert "On 8 unseen tasks the tuned model scores 0.75 against 0.25, +0.50" in page
    assert "better on 5" in page
    assert "base, adapter off" in page
    assert "adapter ab12cd34ab" in page
    assert '<mark class="only">' in page
    assert "Message test 0 about emergency." in page


@pytest.mark.parametrize("client", ["as_bob", "as_rita", "as_vera"])
def test_every_member_may_see_it(request, client, comparison):
    assert request.getfixturevalue(client).get(address(comparison)).status_code == 200


def test_a_stranger_finds_nothing(as_charlie, comparison):
    assert as_charlie.get(address(comparison)).status_code == 404


def test_signed_out(client, comparison):
    assert client.get(address(comparison)).status_code == 302


def test_a_bad_id(as_alice, comparison):
    assert as_alice.get(reverse("evaluations:detail", args=[comparison.pk + 999])).status_code == 404


def test_a_wrong_method(as_alice, comparison):
    assert as_alice.post(address(comparison)).status_code == 405


def test_a_viewer_is_offered_no_new_comparison(as_vera, as_bob, comparison):
    again = reverse("evaluations:compare", args=[comparison.run_id])
    assert again not in as_vera.get(address(comparison)).content.decode()
    assert again in as_bob.get(address(comparison)).content.decode()


def test_worse_first(as_alice, comparison):
    assert order(as_alice.get(address(comparison))) == [f"test-{n}" for n in (0, 6, 7, 1, 2, 3, 4, 5)]


def test_items_without_a_score_come_last_in_either_order(as_alice, comparison):
    run = comparison.run
    other = make_comparison(run=run, base=["x"] * 8, tuned=RIGHT, unscored=[("tuned", 0)])
    assert order(as_alice.get(address(other)))[-1] == "test-0"
    assert order(as_alice.get(address(other), {"sort": "better"}))[-1] == "test-0"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"sort": "better"}, [1, 2, 3, 4, 5, 6, 7, 0]),
        ({"sort": "file"}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"show": "differs"}, [0, 1, 2, 3, 4, 5]),
        ({"show": "worse"}, [0]),
        ({"show": "same"}, [6, 7]),
        ({"show": "words"}, [0, 1, 2, 3, 4, 5]),
        ({"show": "no_score"}, []),
        ({"tag": "tricky"}, [0, 6, 3]),
        ({"q": "TEST-4"}, [4]),
        ({"q": "test 4 emergency"}, [4]),
        ({"q": "nothing like it"}, []),
        ({"show": "nonsense", "tag": "nobody's", "sort": "sideways", "page": "minus one"}, [0, 6, 7, 1, 2, 3, 4, 5]),
    ],
)
def test_filters_and_orders(as_alice, comparison, filters, found):
    assert order(as_alice.get(address(comparison), filters)) == [f"test-{n}" for n in found]


def test_only_the_items_are_sent_to_a_fragment(as_alice, comparison):
    headers = {"HX-Request": "true", "HX-Target": "items"}
    response = as_alice.get(address(comparison), {"show": "worse", "q": "", "tag": ""}, headers=headers)
    assert response["HX-Push-Url"] == f"{address(comparison)}?show=worse"
    assert order(response) == ["test-0"]
    assert "<html" not in response.content.decode()
    assert "HX-Request" in response["Vary"]


def test_answers_are_escaped(as_alice, comparison):
    run = comparison.run
    nasty = "<script>alert(1)</script>"
    page = as_alice.get(address(make_comparison(run=run, base=[nasty] * 8, tuned=RIGHT))).content.decode()
    assert nasty not in page
    assert "&lt;script&gt;" in page.replace("</mark>", "").replace('<mark class="only">', "")


def test_missing_scores_are_told(as_alice, comparison):
    other = make_comparison(run=comparison.run, base=["x"] * 8, tuned=RIGHT, unscored=[("tuned", 0), ("base", 3)])
    page = as_alice.get(address(other)).content.decode()
    assert "On 6 of 8 unseen tasks (2 have no score)" in page
    assert "never counts as 0" in page
    assert "model_grader_server_error" in page


def test_an_unclear_result_is_not_sold(as_alice, comparison):
    other = make_comparison(run=comparison.run, base=RIGHT, tuned=RIGHT)
    page = as_alice.get(address(other)).content.decode()
    assert "No difference can be claimed" in page
    assert "Both gave the same answer." in page


def test_nothing_scored(as_alice, comparison):
    other = make_comparison(
        run=comparison.run, base=["x"] * 8, tuned=RIGHT, unscored=[("base", index) for index in range(8)]
    )
    page = as_alice.get(address(other)).content.decode()
    assert "None of the 8 unseen tasks has a score from both models." in page


def test_weights_that_are_not_the_registered_ones_raise_an_alarm(as_alice, comparison):
    other = make_comparison(run=comparison.run, base=["x"] * 8, tuned=RIGHT, adapter_hash="e" * 64)
    assert "Do not rely on this comparison" in as_alice.get(address(other)).content.decode()
    assert "Do not rely" not in as_alice.get(address(comparison)).content.decode()


def test_several_answers_stand_side_by_side_in_pairs(as_alice, comparison):
    other = make_comparison(
        run=comparison.run, base=[("x", label) for label in RIGHT], tuned=[(label, "y") for label in RIGHT], samples=2
    )
    page = as_alice.get(address(other)).content.decode()
    assert page.count("Answer 1 of 2") == page.count("Answer 2 of 2") == 8
    assert "pass@k" in page


def test_the_number_of_queries_does_not_grow_with_the_items(
    as_alice, workspace, alice, comparison, django_assert_max_num_queries
):
    with django_assert_max_num_queries(22):
        as_alice.get(address(comparison))


def test_a_tag_of_few_tasks_has_no_interval(as_alice, comparison):
    plain, tricky = comparison.summary["tags"]
    assert (plain["n"], tricky["n"]) == (5, 3)
    page = as_alice.get(address(comparison)).content.decode()
    tags = page.partition('id="tags-title"')[2].partition("</section>")[0]
    assert "5 tasks: too few to tell" in tags
    assert "3 tasks: too few to tell" in tags
    assert "[" not in tags
    assert "+0.60" in tags or "+0.80" in tags


def test_an_interval_of_few_tasks_claims_nothing(as_alice, workspace, alice):
    run = make_tuned_run(workspace=workspace, by=alice, n_test=4)
    other = make_comparison(run=run, base=["x"] * 4, tuned=LABELS)
    answer = as_alice.get(address(other))
    page = answer.text
    assert all(not any(trace["error_x"]["array"]) for trace in answer.context["figure"]["data"])
    assert "scores 1.00 against 0.00, +1.00; better on 4" in page
    assert "Too few tasks to tell" in page
    assert "What does the interval mean?" not in page
    assert 'class="strip"' not in page
    # One made before there was such a limit has it stored as better.
    Comparison.objects.filter(pk=other.pk).update(summary={**other.summary, "verdict": "better"})
    for shown in (as_alice.get(address(other)).text, as_alice.get(comparison_list(other)).text):
        assert ">unclear</span>" in shown
        assert ">better</span>" not in shown
    assert "4 tasks: too few to tell" in as_alice.get(comparison_list(other)).text


def test_figures_beside_their_difference_fit(as_alice, comparison):
    Comparison.objects.filter(pk=comparison.pk).update(
        summary=comparison.summary | {"base": 0.2849, "tuned": 0.2751, "difference": -0.0098}
    )
    for page in (as_alice.get(address(comparison)).text, as_alice.get(comparison_list(comparison)).text):
        assert "0.285" in page
        assert "0.275" in page
        assert "\N{MINUS SIGN}0.010" in page


def test_on_a_phone_every_cell_of_the_tables_says_what_it_is(as_alice, comparison):
    page = as_alice.get(address(comparison)).text
    tags = page.partition('id="tags-title"')[2].partition("</section>")[0]
    assert re.findall(r"<td[^>]*>", tags)
    assert all("data-label=" in cell for cell in re.findall(r"<td[^>]*>", tags))


def test_many_items_come_a_few_at_a_time(as_alice, workspace, alice):
    run = make_tuned_run(workspace=workspace, by=alice, n_test=20)
    other = make_comparison(run=run, base=["x"] * 20, tuned=LABELS * 5)
    first = as_alice.get(address(other), {"sort": "file"})
    assert order(first) == [f"test-{n}" for n in range(8)]
    [(link, fragment)] = re.findall(r'href="([^"]+)" rel="next" hx-get="([^"]+)"', first.text)
    assert link == f"{fragment}#items"
    following = fragment.replace("&amp;", "&")
    alone = as_alice.get(address(other) + following)
    assert order(alone) == [f"test-{n}" for n in range(8, 16)]
    assert "9–16 of 20" in alone.text
    assert 'rel="prev"' in alone.text
    more = as_alice.get(address(other) + following, headers={"HX-Request": "true", "HX-Target": "more"})
    assert order(more) == order(alone)
    assert "<html" not in more.text
    assert 'id="items"' not in more.text
    assert more.text.count("autofocus") == 1
    assert "16 of 20" in more.text
    assert 'rel="prev"' not in more.text
    last = as_alice.get(address(other), {"sort": "file", "page": 3})
    assert order(last) == [f"test-{n}" for n in range(16, 20)]
    assert 'rel="next"' not in last.text


def test_a_waiting_and_a_running_one(as_alice, comparison):
    waiting = create_comparison(run=comparison.run)
    page = as_alice.get(address(waiting)).content.decode()
    assert "Waiting" in page
    assert 'hx-trigger="every 2s"' in page
    assert "of 64 answers" in page
    Comparison.objects.filter(pk=waiting.pk).update(status=Status.RUNNING, progress={"done": 4, "total": 16})
    assert "4 of 16 answers" in as_alice.get(address(waiting)).content.decode()


def test_polling_ends_with_a_new_page(as_alice, comparison):
    waiting = create_comparison(run=comparison.run)
    headers = {"HX-Request": "true", "HX-Target": "live"}
    fragment = as_alice.get(address(waiting), headers=headers)
    assert "<html" not in fragment.content.decode()
    Comparison.objects.filter(pk=waiting.pk).update(status=Status.FAILED, error="The disk is full.", culprit="system")
    assert as_alice.get(address(waiting), headers=headers)["HX-Refresh"] == "true"
    page = as_alice.get(address(waiting)).content.decode()
    assert "The disk is full." in page
    assert "Try again" in page
    assert "hx-trigger" not in page.split('id="live"')[1].split(">")[0]


def test_a_finished_one_sends_a_late_poll_to_the_whole_page(as_alice, comparison):
    headers = {"HX-Request": "true", "HX-Target": "live"}
    assert as_alice.get(address(comparison), headers=headers)["HX-Refresh"] == "true"


def test_what_judges_cost(as_alice, comparison):
    assert "Judges" not in as_alice.get(address(comparison)).content.decode().partition("Who answered")[2]
    spent = {"calls": 16, "cached": 0, "failed": 0, "tokens": 1_920, "cost": 0.5}
    Comparison.objects.filter(pk=comparison.pk).update(result={**comparison.result, "judges": spent})
    assert "Judges: 16 calls, 1,920 tokens, 0.5 in money." in as_alice.get(address(comparison)).content.decode()


def test_what_judges_cost_so_far(as_alice, comparison):
    waiting = create_comparison(run=comparison.run, settings={"judge_tokens": 1_000})
    Comparison.objects.filter(pk=waiting.pk).update(status=Status.RUNNING)
    judges = {"calls": 4, "tokens": 480, "cost": 0.0, "total_calls": 4, "total_tokens": 480, "total_cost": 0.0}
    data = {"done": 4, "total": 16, "judges": judges}
    waiting.ingest("events", [{"seq": 1, "type": "progress", "level": "info", "message": "", "data": data}])
    page = as_alice.get(address(waiting)).content.decode()
    assert "Judges so far: 4 calls, 480 tokens. Left of the budget: 520 tokens." in page
