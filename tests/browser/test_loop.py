"""The whole loop as an expert goes it: a sample, task and grader changed, a training watched, answers read."""

import re

from playwright.sync_api import Page, expect

from rftstudio.lib.rounding import together
from tests.browser import walk
from tests.browser.studio import Studio

DRAFT = re.compile(r"Draft(, \d+ changes? since version \d+)?: becomes version \d+")


def test_the_first_link_works_once(open_page, studio, operator, watch):
    watch.allow(410)
    page = open_page(signed_in=False)
    page.goto(studio.link)
    page.get_by_role("button", name="Sign in and open the studio").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has been used")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_from_a_form_to_a_better_model(page: Page, studio: Studio):
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clinic inbox triage")
    change_a_task(page)
    change_the_grader(page)
    walk.spine(page, "Training")
    expect(page.get_by_label("Task set", exact=True)).to_contain_text(DRAFT)
    expect(page.get_by_label("Grader", exact=True)).to_contain_text(DRAFT)
    run = walk.launch(page, Steps="120")
    expect(page.locator(".lead")).to_contain_text(re.compile(r"tasks version \d+ · grader “Main grader” version \d+"))
    watch_the_curve(page, run)
    read_the_answers_of_a_step(page)
    page.get_by_role("link", name="See base and tuned side by side").click()
    if page.url.endswith("/comparisons/"):  # pressed before it had been made: the list, where it appears
        page.get_by_role("region", name="Comparisons").get_by_role("link").first.click()
    compare(page, studio, run)


def change_a_task(page: Page) -> None:
    page.get_by_label("Search").fill("crushing pain")
    expect(page.locator(".item-row")).to_have_count(1)
    page.locator(".item-row").get_by_role("link").first.click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("crushing pain in the middle of my chest")
    page.get_by_label("Message", exact=True).fill("Please move my 3 pm visit: my chest feels like a vice.")
    expect(preview).to_contain_text("my chest feels like a vice")
    expect(preview).not_to_contain_text("crushing pain")
    expect(preview).to_contain_text("You sort the inbox of a clinic.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Message", exact=True)).to_have_value(re.compile("feels like a vice"))
    page.get_by_role("link", name="Back to the table").click()
    page.get_by_label("Search").fill("feels like a vice")
    expect(page.locator(".item-row")).to_have_count(1)


def change_the_grader(page: Page) -> None:
    walk.spine(page, "Grader")
    expect(page.get_by_role("heading", name="How would you mark this answer?")).to_be_visible()
    total = page.locator("#scored .total-score .score-number")
    page.get_by_role("textbox", name="The model answers").fill("Surely emergency, what else")
    expect(total).to_have_text("0.00")
    credit = page.locator("#marking").get_by_label("Credit for a mention", exact=False).and_(page.locator("input"))
    credit.fill("7")
    expect(page.locator("#marking .field-error:visible")).to_contain_text("is too large")
    credit.fill("0.4")
    expect(total).to_have_text("0.40")
    expect(page.locator("#scored")).to_contain_text("mentions “emergency” and no other label")
    expect(page.locator("#bar-status")).to_contain_text("Not saved")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#bar-status")).to_contain_text("Draft")
    page.get_by_role("button", name="Try on the items").click()
    expect(page.locator("#trial")).to_contain_text(re.compile(r"Tried on (\d+) of \1 items"))


def watch_the_curve(page: Page, run: int) -> None:
    page.evaluate("window.neverReloaded = true")
    points = page.wait_for_function(f"() => ({walk.POINTS})() > 0 && ({walk.POINTS})()", timeout=60_000).json_value()
    expect(page.locator(".run-sentence")).to_have_text(re.compile(r"Step \d+ of 120"))
    page.wait_for_function(f"() => ({walk.POINTS})() > {points}", timeout=30_000)
    assert page.evaluate("window.neverReloaded"), "the page was loaded again while the training ran"
    walk.pill(page, "Finished")
    expect(page.locator(".run-sentence")).to_contain_text("All 120 steps done")
    known = page.request.get(f"/runs/{run}/points/?since=-1").json()["points"]
    assert [point["step"] for point in known] == list(range(121))
    page.wait_for_function(f"() => ({walk.POINTS})() === 120")
    best = max((p for p in known if p.get("valid_reward_mean") is not None), key=lambda p: p["valid_reward_mean"])
    shown = together(known[0]["valid_reward_mean"], best["valid_reward_mean"])
    expect(page.locator(".stats")).to_contain_text(shown.after)
    expect(page.locator(".stats")).to_contain_text(shown.difference)
    assert best["valid_reward_mean"] > known[0]["valid_reward_mean"], "it learned nothing"


def read_the_answers_of_a_step(page: Page) -> None:
    where = page.evaluate(
        """() => {
          const plot = document.querySelector('#run-live .js-plotly-plot');
          plot.scrollIntoView({block: 'center'});
          const box = plot.getBoundingClientRect(), {xaxis, yaxis} = plot._fullLayout;
          const trace = plot.data.find((one) => one.name === 'validation');
          const at = trace.x.indexOf(20);
          return {x: box.x + xaxis._offset + xaxis.d2p(trace.x[at]), y: box.y + yaxis._offset + yaxis.d2p(trace.y[at])};
        }"""
    )
    page.mouse.move(where["x"], where["y"])
    page.wait_for_timeout(200)
    page.mouse.click(where["x"], where["y"])
    page.wait_for_url(re.compile(r"tab=answers&phase=valid&step=20"))
    answers = page.locator("#answers")
    expect(answers.get_by_label("Step", exact=True)).to_have_value("20")
    expect(answers.get_by_label("Which answers")).to_have_value("valid")
    answers.get_by_label("Which answers").select_option("train")
    page.wait_for_url(re.compile(r"phase=train&step=20"))
    expect(answers.locator("details.group")).to_have_count(4)
    expect(answers.locator("details.group").first).to_contain_text("Reference")
    expect(answers.locator(".rollout").first).to_contain_text("right desk")
    page.locator("#answers").get_by_label("Step", exact=True).select_option("1")
    page.wait_for_url(re.compile(r"step=1\b"))
    expect(answers.get_by_label("Step", exact=True)).to_have_value("1")
    page.get_by_role("link", name="Events").click()
    expect(page.locator("#tab")).to_contain_text("Tiny")


def compare(page: Page, studio: Studio, run: int) -> None:
    headline = page.locator(".headline")
    expect(headline).to_be_visible(timeout=60_000)
    number = r"[−+]?\d\.\d{2,3}"
    expect(headline).to_have_text(
        re.compile(
            rf"On 40 unseen tasks the tuned model scores {number} against {number}, {number} \[{number}, {number}\]; "
            r"better on \d+, worse on \d+, same on \d+\."
        )
    )
    better, worse, same = map(int, re.findall(r" on (\d+)", headline.inner_text().partition(";")[2]))
    assert better + worse + same == 40
    assert better > worse
    pairs = page.locator("article.pair")
    first = pairs.first
    expect(first.get_by_role("group", name="Base’s answer").first).to_contain_text("adapter off")
    [(digest,)] = studio.rows(
        "SELECT adapter_hash FROM registry_tunedmodel JOIN runs_run ON tuned_model_id = registry_tunedmodel.id "
        "WHERE runs_run.id = ?",
        run,
    )
    expect(first.get_by_role("group", name="Tuned’s answer").first).to_contain_text(digest[:8])
    expect(first).to_contain_text("Right answer")
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(pairs.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(pairs.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(pairs.nth(0)).to_be_focused()
    expect(pairs).to_have_count(8)
    page.get_by_role("link", name="Show more").click()
    expect(pairs).to_have_count(16)
    expect(pairs.nth(8)).to_be_focused()
    expect(page).to_have_url(re.compile(r"page=2$"))
    page.get_by_label("Show", exact=True).select_option("differs")
    expect(page.locator("#items")).to_contain_text(f"{better + worse} of 40 tasks")
    expect(page.locator("article.pair .pill", has_text="same score")).to_have_count(0)
    walk.spine(page, "Comparison")
    expect(headline).to_be_visible()
