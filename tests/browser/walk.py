"""What several tests do on the pages: launch a small training, wait for it, read the curve."""

from playwright.sync_api import Page, expect

from tests.browser.studio import Studio, wait_for

# Labels of the launch form's Advanced part. Answers of two words at the highest learning rate move within seconds.
SMALL = {
    "Steps": "20",
    "Answers per step": "32",
    "Answers per task": "8",
    "Learning rate": "0.01",
    "Longest answer": "2",
    "Evaluate every": "10",
}
POINTS = "() => (document.querySelector('#run-live .js-plotly-plot')?.data[0].x || []).length"


def spine(page: Page, step: str) -> None:
    """To another step of the task set, by the line under the head of the page."""
    page.get_by_role("navigation", name="Where this task set stands").get_by_role("link", name=step).first.click()


def launch(page: Page, **changes: str) -> int:
    """Fills in the launch form that is open, presses Launch and returns the run's number once its page is there."""
    page.get_by_label("Base model").select_option(label="Tiny")
    page.get_by_text("Advanced", exact=True).click()
    for label, value in {**SMALL, **changes}.items():
        page.get_by_role("textbox", name=label).fill(value)
    page.get_by_role("button", name="Launch", exact=True).click()
    refused = page.locator(".error-summary")
    expect(page.locator("#run-live").or_(refused)).to_be_visible()
    assert not refused.count(), refused.inner_text()
    return int(page.url.rstrip("/").rpartition("/")[2])


def pill(page: Page, text: str, seconds: float = 60) -> None:
    """Waits until the run's page says that."""
    expect(page.locator("#status .pill").first).to_have_text(text, timeout=seconds * 1000)


def check(page: Page, taskset: int) -> int:
    """Starts a small readiness check of a task set, waits for its end and returns its number."""
    page.goto(f"/tasksets/{taskset}/readiness/")
    page.get_by_label("Base model").select_option(label="Tiny")
    page.get_by_label("Tasks", exact=True).fill("8")
    page.get_by_label("Longest answer").fill("2")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".headline")).to_be_visible(timeout=90_000)
    return int(page.url.rstrip("/").rpartition("/")[2])


def comparison_of(studio: Studio, run: int) -> int:
    """The number of the run's comparison once it has succeeded. No page is open for that."""
    query = "SELECT id FROM evaluations_comparison WHERE run_id = ? AND status = 'succeeded'"
    found = wait_for(lambda: studio.rows(query, run), f"run {run} has been compared", 90)
    return int(found[0][0])
