"""A task through a whole training: its page, the list it is chosen from, and what is said of it."""

import json
import re

import pytest

from rftstudio.lib.charts_answers import Dot, answers_by_step
from rftstudio.runs import follow
from rftstudio.runs.follow import Course, Visit
from tests.runs.made import rollout, run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(workspace, bob):
    """Steps 0 to 7; four answers to each of two training tasks, with rewards 0, 0.25, 0.5 and 0.75."""
    return run_at(7, workspace=workspace, by=bob)


@pytest.fixture
def key(run):
    return run.rollouts.first().item_key


def course(*means, best=0.5, phase="train"):
    return Course("a", tuple(Visit(step, phase, 4, mean, best) for step, mean in enumerate(means)))


def test_who_may(run, key, as_alice, as_vera, as_charlie, client):
    url = f"/runs/{run.pk}/item/?item={key}"
    assert as_vera.get(url).status_code == 200
    assert as_charlie.get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert as_alice.post(url).status_code == 405
    assert as_alice.get(f"/runs/{run.pk + 999}/item/?item={key}").status_code == 404


@pytest.mark.parametrize(
    "query", ["", "?item=", "?item=nothing", "?item=%00", "?item={key}&answer=99999", "?item={key}&answer=x"]
)
def test_what_is_not_there_is_404(run, key, query, as_vera):
    assert as_vera.get(f"/runs/{run.pk}/item/{query.format(key=key)}").status_code == 404


def test_every_answer_is_a_dot_that_leads_to_it(run, key, as_vera):
    run.ingest("rollouts", [rollout(800, 8, 0, 0, key, None, text="<b>odd</b>")])
    page = as_vera.get(f"/runs/{run.pk}/item/?item={key}&order=all")
    traces = {trace["name"]: trace for trace in page.context["figure"]["data"]}
    assert len(traces["training answer"]["x"]) == 7 * 4
    assert traces["validation answer"]["x"] == [0] * 4  # no two of a step have the same reward
    assert traces["no score"]["x"] == [8]
    assert traces["no score"]["y"][0] < 0
    assert traces["no score"]["text"] == ["step 8: no score<br>&lt;b&gt;odd&lt;/b&gt;"]
    assert traces["mean of the step"]["x"] == list(range(8))
    assert traces["mean of the step"]["y"] == [0.375] * 8
    json.dumps(page.context["figure"], allow_nan=False)
    link = traces["training answer"]["customdata"][0]
    seq = int(link.partition("&answer=")[2])
    opened = as_vera.get(link).text
    assert f"answer number {seq}" in opened
    assert f"reason {seq}" in opened
    part = as_vera.get(link, headers={"HX-Request": "true", "HX-Target": "answer"}).text
    assert 'id="answer"' in part
    assert "Step by step" not in part
    other = run.rollouts.exclude(item_key=key).first()
    assert as_vera.get(f"/runs/{run.pk}/item/?item={key}&answer={other.seq}").status_code == 404


def test_dots_of_one_step_and_reward_lie_side_by_side():
    dots = [Dot(step, 0.5, "", "", False) for step in (3, 3, 3, 3, 5, 5)]
    (trace,) = [one for one in answers_by_step(dots, [], total_steps=9)["data"] if one["x"]]
    assert trace["x"] == [2.873, 2.958, 3.042, 3.127, 4.958, 5.042]
    assert {one.partition(":")[0] for one in trace["text"]} == {"step 3", "step 5"}


@pytest.mark.parametrize(("total", "count"), [(10, 40), (10, 3), (500, 8)])
def test_dots_stay_near_their_step(total, count):
    steps = (1, 2, 3, total)
    dots = [Dot(step, 0.5, "", "", False) for step in steps for _ in range(count)]
    figure = answers_by_step(dots, [], total_steps=total)
    (trace,) = [one for one in figure["data"] if one["x"]]
    assert len(set(trace["x"])) == len(dots), "each can be clicked"
    assert all(abs(x - dot.step) <= 0.25 for x, dot in zip(trace["x"], dots, strict=True))


def test_a_task_seen_once_or_twice_is_told_in_words(run, as_vera):
    keys = list(run.taskset_version.items.filter(split="train").values_list("key", flat=True))[2:4]
    run.ingest("rollouts", [rollout(800 + one, 5, 7, one, keys[0], one / 4) for one in range(3)])
    run.ingest("rollouts", [rollout(900 + step, step, 8, 0, keys[1], 0.5) for step in (2, 6)])
    once, twice = (as_vera.get(f"/runs/{run.pk}/item/?item={key}").text for key in keys)
    assert "Seen once, in step 5" in once
    assert "Seen twice, in steps 2 and 6" in twice
    for page, answers in ((once, (800, 801, 802)), (twice, (902, 906))):
        assert "data-chart" not in page
        assert all(f"answer number {seq}" in page for seq in answers)
        assert page.count('<details class="panel group" open>') == page.count('<details class="panel group"')
    assert "data-chart" in as_vera.get(f"/runs/{run.pk}/item/?item={run.rollouts.first().item_key}").text


def test_the_page_shows_the_task_and_every_step_in_pages(run, key, as_vera, as_bob):
    text = as_vera.get(f"/runs/{run.pk}/item/?item={key}").text
    task = run.taskset_version.items.get(key=key)
    assert str(task.fields["message"]) in text
    assert task.reference_answer in text
    assert [int(step) for step in re.findall(r'class="group-task">Step (\d+)', text)] == list(range(8))
    assert text.index("answer number 4<") < text.index("answer number 1<")  # the best first
    assert "The grader is wrong here" not in text
    assert "The grader is wrong here" in as_bob.get(f"/runs/{run.pk}/item/?item={key}").text


def test_previous_and_next_follow_the_list(run, key, as_vera):
    keys = [one.key for one in follow.courses(run)]
    assert len(keys) == 2
    first, second = (as_vera.get(f"/runs/{run.pk}/item/?item={one}&order=never").context for one in keys)
    assert (first["before"], first["after"], second["before"], second["after"]) == (None, keys[1], keys[0], None)
    alone = as_vera.get(f"/runs/{run.pk}/item/?item={key}&order=improved").context
    assert (alone["before"], alone["after"]) == (None, None)


def test_a_task_that_has_not_been_asked_yet(run, as_vera):
    asked = {one.key for one in follow.courses(run)}
    others = run.taskset_version.items.exclude(key__in=asked)
    waiting, test = (others.filter(split=split).first() for split in ("train", "test"))
    assert "as soon as it was its turn" in as_vera.get(f"/runs/{run.pk}/item/?item={waiting.key}").text
    assert "no training asks them" in as_vera.get(f"/runs/{run.pk}/item/?item={test.key}").text


def test_a_key_with_odd_letters_survives_the_address(run, as_vera):
    odd = "a&b=c #1/ü"
    run.ingest("rollouts", [rollout(800, 3, 5, 0, odd, 1.0)])
    tab = as_vera.get(f"/runs/{run.pk}/?tab=tasks&order=all").text
    (link,) = [one for one in re.findall(r'href="(/runs/\d+/item/[^"]+)"', tab) if "%2F" in one]
    assert odd in as_vera.get(link.replace("&amp;", "&")).context["course"].key


def test_change_is_of_the_first_and_last_quarter():
    assert course(0.1, 0.5).change == pytest.approx(0.4)
    assert course(0.0, 0.2, 0.9, 0.9, 0.9, 0.9, 0.6, 0.8).change == pytest.approx(0.7 - 0.1)
    assert course(0.4).change is None
    assert course(None, 0.4, None).change is None
    assert course(None, 0.25, 0.5).early == 0.25


def test_orders():
    up, down, flat = course(0.1, 0.6), course(0.6, 0.1, best=1.0), course(0.3, 0.3, best=0.2)
    best = course(0.2, 0.9, best=1.0)
    all_of_them = [up, down, flat, best]
    assert follow.ordered(all_of_them, "improved") == [best, up]
    assert follow.ordered(all_of_them, "worse") == [down]
    assert follow.ordered(all_of_them, "never") == [flat, up]
    assert follow.ordered(all_of_them, "all") == all_of_them
    assert course(None, best=None).never_right


def test_the_tab_says_who_improved_and_finds_by_words(run, key, as_vera):
    url = f"/runs/{run.pk}/?tab=tasks"
    run.rollouts.filter(item_key=key, step=7).update(reward=1.0)
    page = as_vera.get(url)
    assert page.context["order"] == "improved"
    assert [row["course"].key for row in page.context["rows"]] == [key]
    assert "+0.31" in page.text  # two of eight visits at either end
    assert page.context["counts"] == {"improved": 1, "worse": 0, "never": 1, "all": 2}
    assert "No task has got worse" in as_vera.get(f"{url}&order=worse").text
    word = str(run.taskset_version.items.get(key=key).fields["message"]).split()[0]
    found = as_vera.get(f"{url}&order=all&q={word.upper()}").context["rows"]
    assert key in [row["course"].key for row in found]
    assert as_vera.get(f"{url}&order=all&q=zebra%00").context["rows"] == []
    part = as_vera.get(url, headers={"HX-Request": "true", "HX-Target": "tab"}).text
    assert "<html" not in part


def test_the_tab_of_a_run_without_answers(run, as_vera):
    run.rollouts.all().delete()
    assert "No answers yet" in as_vera.get(f"/runs/{run.pk}/?tab=tasks").text


def test_answers_lead_to_the_task(run, key, as_vera):
    assert f"/runs/{run.pk}/item/?item={key}" in as_vera.get(f"/runs/{run.pk}/?tab=answers&step=3").text


def test_many_answers_cost_few_queries(run, key, as_vera, django_assert_max_num_queries):
    with django_assert_max_num_queries(19):
        as_vera.get(f"/runs/{run.pk}/item/?item={key}")
