"""Processes killed, browsers closed, trainings stopped: what was launched goes its way and nothing is counted twice."""

import re
import signal

from playwright.sync_api import expect

from tests.browser import walk
from tests.browser.studio import wait_for


def open_launch(page, studio):
    [(taskset,)] = studio.rows("SELECT id FROM tasksets_taskset WHERE sample_slug = 'clinic-inbox'")
    page.goto(f"/tasksets/{taskset}/launch/")


def assert_whole(studio, run, steps):
    """Every event and every rollout once and in order, every step measured once, all by one process."""
    events = studio.rows("SELECT seq, type, step FROM runs_runevent WHERE run_id = ? ORDER BY id", run)
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    assert [step for _, kind, step in events if kind == "metrics"] == list(range(steps + 1))
    assert sum(kind == "started" for _, kind, _ in events) == 1, "the training was adopted, not started again"
    rollouts = studio.rows("SELECT seq FROM runs_rollout WHERE run_id = ? ORDER BY id", run)
    assert [seq for (seq,) in rollouts] == list(range(1, len(rollouts) + 1))
    assert len(rollouts) > steps * 32


def test_everything_killed_but_the_training(page, studio, watch):
    open_launch(page, studio)
    run = walk.launch(page, Steps="200")
    page.wait_for_function(f"() => ({walk.POINTS})() > 3", timeout=60_000)
    page.evaluate("window.neverReloaded = true")
    [supervisor] = studio.processes("manage.py supervise")
    [training] = studio.processes("rftstudio.engine.training")
    watch.away = True
    studio.kill()
    supervisor.send_signal(signal.SIGKILL)
    expect(page.get_by_text("The studio does not answer.")).to_be_visible()
    assert training.is_running()
    studio.start()
    expect(page.get_by_text("The studio does not answer.")).to_have_count(0)
    watch.away = False
    wait_for(lambda: studio.processes("manage.py supervise"), "a new supervisor has taken over", 40)
    walk.pill(page, "Finished")
    expect(page.locator(".run-sentence")).to_contain_text("All 200 steps")
    page.wait_for_function(f"() => ({walk.POINTS})() === 200")
    assert_whole(studio, run, 200)
    walk.comparison_of(studio, run)


def test_nothing_depends_on_a_browser(open_page, studio):
    page = open_page()
    open_launch(page, studio)
    run = walk.launch(page)
    page.context.close()
    walk.comparison_of(studio, run)
    assert_whole(studio, run, 20)
    page = open_page(width=400)
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    walk.spine(page, "Training")
    walk.pill(page, "Finished")


def test_a_training_is_stopped_from_its_page_and_its_best_kept(page, studio):
    open_launch(page, studio)
    run = walk.launch(page, Steps="3000", **{"Evaluate every": "5"})
    page.wait_for_function(f"() => ({walk.POINTS})() > 11", timeout=60_000)
    page.get_by_role("button", name="Stop…").click()
    dialog = page.get_by_role("dialog", name="Stop this training?")
    dialog.get_by_role("button", name="Let it run").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Stop…").click()
    dialog.get_by_role("button", name="Stop the training").click()
    walk.pill(page, "Cancelled")
    sentence = page.locator(".run-sentence")
    expect(sentence).to_have_text(re.compile(r"Stopped after step \d+ of 3000\."))
    steps = int(re.findall(r"\d+", sentence.inner_text())[0])
    assert_whole(studio, run, steps)
    assert not studio.processes("rftstudio.engine.training")
    page.get_by_role("button", name="Keep it as a model").click()
    expect(page.get_by_text(re.compile("Kept as “.*”"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"/models/\d+/$"))
