"""A run's page and the small answers that keep it live."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from rftstudio.engine.presets import resolve
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.runs.made import event, metrics, run_at

pytestmark = pytest.mark.django_db
PAGES = ["", "status/", "points/", "rollouts/"]


@pytest.fixture
def run(workspace, bob):
    return run_at(7, workspace=workspace, by=bob)


@pytest.mark.parametrize("page", PAGES)
def test_who_may_look(run, page, as_alice, as_bob, as_vera, as_charlie, client):
    url = f"/runs/{run.pk}/{page}"
    assert [one.get(url).status_code for one in (as_alice, as_bob, as_vera)] == [200, 200, 200]
    assert as_charlie.get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert as_alice.post(url).status_code == 405
    assert as_alice.get(f"/runs/{run.pk + 999}/{page}").status_code == 404


def test_the_head_of_the_page(run, as_bob):
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert "Step 7 of 20" in text
    assert "left" in text
    assert "before training" in text
    assert 'value="7" max="20"' in text
    assert "Stop this training?" in text
    assert 'hx-trigger="studio:tick from:body"' in text


def test_what_got_worse_is_said_as_plainly_as_what_got_better(workspace, bob, as_bob):
    run = run_at(10, workspace=workspace, by=bob, total=10, status=Status.SUCCEEDED)
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert '<span class="stat-number good">+0.25</span>' in text
    assert "It did not get better" not in text
    run = run_at(10, workspace=workspace, by=bob, total=10, status=Status.SUCCEEDED)
    for event_row in run.events.filter(type="metrics", step__in=(5, 10)):
        event_row.data["valid_reward_mean"] = 0.08 if event_row.step == 5 else 0.05
        event_row.save()
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert "best on validation, step 5" in text
    assert '<span class="stat-number fell">−0.02</span>' in text
    assert "It did not get better" in text
    assert "than the untrained model" in text


def test_steps_have_words_and_keys(run, as_vera):
    text = as_vera.get(f"/runs/{run.pk}/?tab=answers&step=3&phase=train").text
    for key, shown, said in (("p", "← Step 2", "Step 2, the one before"), ("n", "Step 4 →", "Step 4, the next one")):
        (link,) = re.findall(rf'<a [^>]*data-key="{key}".*?</a>', text)
        assert f">{shown}<" in link
        assert f'aria-label="{said}"' in link
        assert f'aria-keyshortcuts="{key}"' in link
    assert "<kbd>n</kbd> next step" in text
    assert 'data-key="n"' not in as_vera.get(f"/runs/{run.pk}/?tab=answers&step=7&phase=train").text


def test_a_viewer_has_no_buttons(run, as_vera):
    text = as_vera.get(f"/runs/{run.pk}/").text
    assert "Stop this training?" not in text
    assert "?from=" not in text


def test_an_ended_run_asks_for_nothing_more(run, as_bob):
    Run.objects.filter(pk=run.pk).update(status=Status.FAILED, error="The disk is full.", culprit="system")
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert "The disk is full." in text
    assert "studio:tick" not in text
    assert "data-open" not in text
    assert "Keep it as a model" in text
    answer = as_bob.get(f"/runs/{run.pk}/status/", headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.CANCELLED])
def test_going_on_with_changes_is_offered_at_its_end(workspace, as_bob, as_vera, status):
    run = run_at(7, workspace=workspace, status=status)
    link = f'href="/tasksets/{run.taskset.pk}/launch/?from={run.pk}&amp;step=5"'
    head = as_bob.get(f"/runs/{run.pk}/").text.partition('aria-label="What now"')[2].partition("</section>")[0]
    assert link in head
    assert "Continue with changes" in head
    assert link not in as_vera.get(f"/runs/{run.pk}/").text
    run.checkpoints.update(removed=True)
    assert link not in as_bob.get(f"/runs/{run.pk}/").text
    running = run_at(7, workspace=workspace)
    assert "Continue with changes" not in as_bob.get(f"/runs/{running.pk}/").text


def test_two_durations_each_by_its_name_and_everywhere_the_same(workspace, as_bob):
    run, other = (run_at(8, workspace=workspace, total=8, status=Status.SUCCEEDED) for _ in range(2))
    began = timezone.now() - timedelta(seconds=63)
    Run.objects.filter(pk=run.pk).update(started_at=began, finished_at=began + timedelta(seconds=63))
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert "All 8 steps done; 1 min 03 s from start to end" in text
    assert '1 min 03 s</span><span class="stat-label">from start to end, of it 22 s in its steps' in text
    listed = as_bob.get(f"/w/{workspace.slug}/runs/").text
    assert 'data-label="Start to end" class="number nowrap"><div>1 min 03 s' in listed
    compared = as_bob.get(f"/w/{workspace.slug}/runs/compare/?run={run.pk}&run={other.pk}").text
    assert '<td class="number nowrap" data-label="From start to end">1 min 03 s</td>' in compared
    assert '<td class="number nowrap" data-label="In its steps">22 s</td>' in compared


@pytest.mark.parametrize("status", [Status.RUNNING, Status.PAUSED])
def test_what_has_not_ended_has_taken_so_long_so_far(workspace, as_bob, status):
    run, other = (run_at(8, workspace=workspace, status=status) for _ in range(2))
    began = timezone.now() - timedelta(seconds=63)
    ended = began + timedelta(seconds=63) if status == Status.PAUSED else None
    Run.objects.filter(pk=run.pk).update(started_at=began, finished_at=ended)
    text = as_bob.get(f"/runs/{run.pk}/").text
    assert re.search(r'1 min 0\d s</span><span class="stat-label">so far', text)
    assert "from start to end" not in text
    said = r'1 min 0\d s <span class="muted small">so far</span>'
    assert re.search(said, as_bob.get(f"/w/{workspace.slug}/runs/").text)
    assert re.search(said, as_bob.get(f"/w/{workspace.slug}/runs/compare/?run={run.pk}&run={other.pk}").text)
    Run.objects.update(status=Status.QUEUED, started_at=None, finished_at=None)
    assert "so far</span>" not in as_bob.get(f"/w/{workspace.slug}/runs/").text


def test_status_is_304_while_nothing_changed(run, as_bob):
    Run.objects.filter(pk=run.pk).update(started_at=None)  # no clock on the page
    first = as_bob.get(f"/runs/{run.pk}/status/")
    again = as_bob.get(f"/runs/{run.pk}/status/", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    Run.objects.filter(pk=run.pk).update(wish="cancel")
    assert as_bob.get(f"/runs/{run.pk}/status/", headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_where_the_time_went_in_words(run, as_bob):
    # Eight validations and steps: 8 × 1 s sampling, 8 × 0.9 s learning, 8 × 0.1 s grading, 2 × 3 s evaluating.
    text = as_bob.get(f"/runs/{run.pk}/?tab=curves").text
    assert "Of the time in its steps: sampling answers 36 %, learning 33 %, evaluating 27 %, grading 4 %." in text


def test_points_since(run, as_bob):
    url = f"/runs/{run.pk}/points/"
    whole = as_bob.get(url).json()
    assert [point["step"] for point in whole["points"]] == list(range(8))
    assert (whole["next"], whole["open"], whole["status"]) == (7, True, "running")
    assert whole["charts"]["reward"]["figure"]["data"]
    news = as_bob.get(f"{url}?since=5&charts=reward,time,nonsense").json()
    assert [point["step"] for point in news["points"]] == [6, 7]
    assert news["charts"]["reward"]["extend"]["0"]["x"] == [6, 7]
    assert set(news["charts"]) == {"reward", "time"}
    assert as_bob.get(f"{url}?since=7").json() == {
        "status": "running", "open": True, "next": 7, "points": [], "charts": {},
    }  # fmt: skip
    assert as_bob.get(f"{url}?since=x").status_code == 400


def test_points_without_news_cost_few_queries(run, as_bob, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        as_bob.get(f"/runs/{run.pk}/points/?since=7")


def test_answers_of_a_step_best_first(run, as_bob):
    text = as_bob.get(f"/runs/{run.pk}/?tab=answers&step=3").text
    assert text.index("answer number 28") < text.index("answer number 27") < text.index("answer number 25")
    assert "reason 28" in text
    item = run.taskset_version.items.get(key=run.rollouts.get(seq=25).item_key)
    assert item.reference_answer in text
    assert str(item.fields["message"])[:20] in text
    assert '<option value="3" selected>' in text


def test_answers_are_awaited_until_there_are_some(run, as_bob):
    part = {"HX-Request": "true", "HX-Target": "answers"}
    url = f"/runs/{run.pk}/?tab=answers"
    assert "hx-trigger" not in as_bob.get(url, headers=part).text.partition("<form")[0], "they are here"
    run.rollouts.all().delete()
    asks = f'<div id="answers" data-items hx-get="{url}" hx-trigger="studio:tick from:body" hx-swap="outerHTML">'
    assert asks in as_bob.get(url).text
    waiting = as_bob.get(url, headers=part).text
    assert waiting.startswith(asks)
    assert "No answers yet" in waiting
    assert 'class="tabs"' not in waiting, "a tab under the keyboard's focus stays where it is"
    Run.objects.filter(pk=run.pk).update(status=Status.PAUSED)
    assert "studio:tick" not in as_bob.get(url).text


def test_answers_default_to_the_newest_step_and_bad_ones_to_the_nearest(run, as_bob):
    url = f"/runs/{run.pk}/rollouts/"
    assert '<option value="7" selected>' in as_bob.get(url).text
    assert '<option value="7" selected>' in as_bob.get(f"{url}?step=999").text
    assert '<option value="7" selected>' in as_bob.get(f"{url}?step=%00").text
    assert '<option value="0" selected>' in as_bob.get(f"{url}?phase=valid").text


def test_discards_and_missing_scores_are_named(run, as_bob):
    run.rollouts.filter(step=7, group=0).update(reward=None, discard="no score", truncated=True)
    run.rollouts.filter(step=7, group=1).update(reward=0.5, discard="no spread")
    text = as_bob.get(f"/runs/{run.pk}/rollouts/?step=7").text
    assert "could not mark" in text
    assert "nothing to learn from" in text
    assert "cut off at the length limit" in text
    assert "no score" in text


@pytest.mark.parametrize("tab", ["answers", "curves", "events", "settings", "downloads", "log", "nonsense"])
def test_tabs_whole_and_as_fragment(run, tab, as_vera):
    url = f"/runs/{run.pk}/?tab={tab}"
    assert as_vera.get(url).status_code == 200
    part = as_vera.get(url, headers={"HX-Request": "true", "HX-Target": "tab"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert 'id="tab"' in part.text


def test_settings_name_what_was_changed(run, as_bob):
    text = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    assert f"changed from {resolve('quick')['steps']}" in text
    assert run.taskset_version.short_hash in text


def test_a_limit_of_zero_is_read_as_none(run, as_bob):
    text = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    for label in ("Longest time", "Stop without improvement", "Judge budget in tokens", "Judge budget in money"):
        assert f'<th scope="row">{label}</th><td>none</td>' in text
    run.settings |= {"max_minutes": 30.0, "beta": 0.0}
    run.save()
    text = as_bob.get(f"/runs/{run.pk}/?tab=settings").text
    said = '<th scope="row">Longest time</th><td>30 minutes <span class="tag">changed from none</span></td>'
    assert said in text
    assert '<th scope="row">KL penalty</th><td>0</td>' in text


def test_log_and_files(run, as_bob, as_charlie):
    (run.directory / "log.txt").write_text("<b>loading</b>\n" + "x" * 70_000 + "\nlast line\n")
    text = as_bob.get(f"/runs/{run.pk}/?tab=log").text
    assert "last line" in text
    assert "<b>loading" not in text
    assert as_bob.get(f"/runs/{run.pk}/files/job/").getvalue().startswith(b"{")
    assert as_bob.get(f"/runs/{run.pk}/files/secret_key/").status_code == 404
    assert as_bob.get(f"/runs/{run.pk}/files/rollouts/").status_code == 404, "not written yet"
    assert as_charlie.get(f"/runs/{run.pk}/files/job/").status_code == 404


def test_a_waiting_run(workspace, as_bob):
    first, second = run_at(0, workspace=workspace), run_at(0, workspace=workspace)
    Run.objects.update(status=Status.QUEUED, started_at=None)
    Run.objects.filter(pk=first.pk).update(progress={})
    second.events.all().delete()
    assert "Second in line; it starts by itself when" in as_bob.get(f"/runs/{second.pk}/").text


def test_a_hostile_answer_stays_text(run, as_bob):
    run.rollouts.filter(seq=60).update(text="<script>alert(1)</script>")
    text = as_bob.get(f"/runs/{run.pk}/rollouts/?step=7").text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, ""),
        ({"judge_tokens": 50_000}, "Left of the budget: 37,660 tokens."),
        ({"judge_cost": 2.0}, "Left of the budget: 1.75 in money."),
        ({"judge_tokens": 12_000, "judge_cost": 0.2}, "Left of the budget: 0 tokens and 0 in money."),
    ],
)
def test_what_judges_cost_so_far(run, as_bob, settings, left):
    url = f"/runs/{run.pk}/status/"
    assert "Judges so far" not in as_bob.get(url).text
    Run.objects.filter(pk=run.pk).update(settings={**run.settings, **settings})
    for step, calls, tokens, cost in ((8, 1, 120, 0.01), (9, 1_102, 12_340, 0.25)):
        judges = {"calls": 1, "tokens": 120, "cost": 0.01}
        judges |= {"total_calls": calls, "total_tokens": tokens, "total_cost": cost}
        run.ingest("events", [event(100 + step, "metrics", metrics(step, judges=judges), "")])
    text = as_bob.get(url).text
    assert "Judges so far: 1,102 calls, 12,340 tokens, 0.25 in money." in text
    assert (left in text) if left else ("Left of the budget" not in text)
    Run.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED)
    assert "Judges: 1,102 calls" in as_bob.get(f"/runs/{run.pk}/").text


def test_judges_without_a_price_cost_tokens_only(run, as_bob):
    judges = {"calls": 1, "tokens": 120, "cost": 0.0, "total_calls": 1, "total_tokens": 120, "total_cost": 0.0}
    run.ingest("events", [event(108, "metrics", metrics(8, judges=judges), "")])
    assert "Judges so far: 1 call, 120 tokens.</p>" in as_bob.get(f"/runs/{run.pk}/").text
