"""Trainings next to each other, and a task followed through one, as a hand uses them; ticking works without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.studio import Studio

POINTS = "() => [...document.querySelectorAll('#chart-part .js-plotly-plot')].flatMap((one) => one.data).length"
SETTLED = """() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added')"""
IN_SIGHT = """() => {
  const chosen = document.querySelector('.tabs [aria-current]');
  const [outer, inner] = [chosen.parentElement, chosen].map((one) => one.getBoundingClientRect());
  return inner.left >= outer.left - 1 && inner.right <= outer.right + 1;
}"""


@pytest.fixture(scope="module")
def trained(studio: Studio) -> list[int]:
    """Filled by the first test: numbers of two trainings that have ended."""
    return []


@pytest.fixture
def runs(trained: list[int], studio: Studio, page: Page) -> list[int]:
    if not trained:
        [(taskset,)] = studio.rows("SELECT id FROM tasksets_taskset WHERE sample_slug = 'clinic-inbox'")
        for rate in ("0.01", "0.001"):
            page.goto(f"/tasksets/{taskset}/launch/")
            trained.append(walk.launch(page, **{"Learning rate": rate}))
            walk.pill(page, "Finished", 120)
    return trained


def tick(page: Page, runs: list[int]) -> None:
    for run in runs:
        page.get_by_role("checkbox", name=re.compile(rf"^Tick .*, training {run}, for the chart$")).check()
    page.get_by_role("button", name="Chart the ticked trainings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{len(runs)} trainings on one chart")


def test_ticked_compared_by_time_and_by_another_figure(runs: list[int], page: Page) -> None:
    page.goto("/")
    page.get_by_role("navigation", name="Workspace").get_by_role("link", name="Trainings").click()
    tick(page, runs)
    differs = page.get_by_role("region", name="What they differ in").locator("tbody tr")
    expect(differs.first.get_by_role("rowheader")).to_have_text("Learning rate")
    expect(page.locator("#chart-part .js-plotly-plot")).to_be_visible()
    assert page.evaluate(POINTS) == 4  # training and validation of each
    page.get_by_role("radio", name="by time").check()
    expect(page.locator("#chart-title")).to_have_text("Reward by time")
    page.wait_for_function(SETTLED)  # before that, the fresh choice does not send anything yet
    page.get_by_label("Show", exact=True).select_option(label="Entropy")
    expect(page.locator("#chart-title")).to_have_text("Entropy by time")
    expect(page).to_have_url(re.compile(r"metric=entropy&by=time$"))
    expect(page.locator("#chart-part .js-plotly-plot")).to_be_visible()
    assert page.evaluate(POINTS) == 2
    page.go_back()
    expect(page.locator("#chart-title")).to_have_text("Reward by time")


def test_without_scripts(runs: list[int], open_page) -> None:
    page = open_page(javascript=False, width=400)
    page.goto("/")
    page.get_by_role("navigation", name="Workspace").get_by_role("link", name="Trainings").click()
    tick(page, runs)
    page.get_by_role("radio", name="by time").check()
    page.locator("#chart-part").get_by_role("button", name="Show").click()
    expect(page.locator("#chart-title")).to_have_text("Reward by time")


def test_the_chosen_tab_is_in_sight_on_a_phone(runs: list[int], open_page) -> None:
    page = open_page(width=400)
    page.goto(f"/runs/{runs[0]}/?tab=log")
    for name in ("Log", "Answers", "Downloads"):
        if name != "Log":
            page.locator(".tabs").get_by_role("link", name=name).click()
        expect(page.locator(".tabs [aria-current]")).to_have_text(name)
        page.wait_for_function(IN_SIGHT)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_steps_and_tasks_by_keys(runs: list[int], page: Page) -> None:
    page.goto(f"/runs/{runs[0]}/?tab=answers&phase=train&step=3")
    answers, step = page.locator("#answers"), page.locator("#answers").get_by_label("Step", exact=True)
    expect(answers.get_by_role("link", name="Step 4, the next one")).to_be_visible()
    page.keyboard.press("n")
    expect(step).to_have_value("4")
    page.keyboard.press("p")
    expect(step).to_have_value("3")
    page.keyboard.press("p")
    expect(step).to_have_value("2")
    expect(page).to_have_url(re.compile(r"step=2\b"))
    groups = answers.locator("details.group > summary")
    groups.nth(0).focus()
    page.keyboard.press("j")
    expect(groups.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(answers.locator("details.group").nth(1)).to_have_attribute("open", "")
    page.keyboard.press("k")
    expect(groups.nth(0)).to_be_focused()


def test_a_dot_opens_its_answer(runs: list[int], studio: Studio, page: Page) -> None:
    query = "SELECT item_key FROM runs_rollout WHERE run_id = ? GROUP BY item_key HAVING COUNT(DISTINCT step) > 2"
    often = studio.rows(query, runs[0])[0][0]
    page.goto(f"/runs/{runs[0]}/?tab=tasks&order=all&q={often}")
    page.locator("#tasks tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One task through the training")
    dots = page.locator(".scatterlayer .trace .points path")
    expect(dots.first).to_be_visible()
    box = dots.first.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#answer .grade-tree")).to_be_visible()
    expect(page.locator("#answer")).to_be_focused()
    expect(page).to_have_url(re.compile(r"&answer=\d+$"))
    page.reload()
    expect(page.locator("#answer .grade-tree")).to_be_visible()
    page.get_by_role("link", name="Next task").click()
    expect(page.locator("#answer .grade-tree")).to_have_count(0)
