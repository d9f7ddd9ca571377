"""Nothing typed is lost: over errors, a lost sign-in, without JavaScript, on a phone."""

import re

from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.conftest import EMAIL, PASSWORD

LONG = "Answer with one word. " * 60


def start_taskset(page: Page, name: str) -> None:
    """The new task set's form, filled in as far as it can be without any row being added."""
    page.goto("/")
    page.get_by_role("link", name="New task set").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Instructions to the model").fill(LONG)
    page.get_by_label("Label of choice 1").fill("urgent")
    page.get_by_label("Label of choice 2").fill("can wait")
    page.get_by_label("Label of field 1").fill("Letter")


def sign_in(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_an_error_keeps_what_was_typed(page, watch):
    watch.allow(422)
    start_taskset(page, "Letters")
    prompt = page.locator("#id_prompt_template")
    prompt.fill("Read this: {{ item.letterr }}")
    page.get_by_role("button", name="Create the task set").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("letterr")
    expect(prompt).to_have_value("Read this: {{ item.letterr }}")
    expect(page.get_by_label("Instructions to the model")).to_have_value(LONG)
    expect(page.get_by_label("Label of choice 2")).to_have_value("can wait")
    summary.get_by_role("link", name="Prompt").click()
    expect(prompt).to_be_focused()
    prompt.fill("Read this: {{ item.text }}")
    page.get_by_role("button", name="Create the task set").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Letters")
    page.goto("/")
    page.get_by_role("link", name="New task set").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("")
    expect(page.get_by_text("that was not saved")).to_have_count(0)


def test_a_launch_that_cannot_be_is_told_before_anything_runs(page, studio, watch):
    watch.allow(422)
    [(before,)] = studio.rows("SELECT count(*) FROM runs_run")
    [(taskset,)] = studio.rows("SELECT id FROM tasksets_taskset WHERE sample_slug = 'clinic-inbox'")
    page.goto(f"/tasksets/{taskset}/launch/")
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_role("textbox", name="Name").fill("Ward 7, second try")
    page.get_by_role("textbox", name="Answers per step").fill("30")
    page.get_by_role("textbox", name="Answers per task").fill("8")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("8 answers per task do not divide 30 answers per step.")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Ward 7, second try")
    expect(page.get_by_role("textbox", name="Answers per step")).to_have_value("30")
    assert studio.rows("SELECT count(*) FROM runs_run") == [(before,)]


def test_a_form_open_over_a_lost_sign_in(page):
    start_taskset(page, "Referrals")
    page.get_by_role("button", name="Add a choice").click()
    page.get_by_label("Label of choice 3").fill("to a colleague")
    page.wait_for_timeout(500)  # what is typed is noted a third of a second later
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Create the task set").click()
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("New task set")
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Referrals")
    expect(page.get_by_label("Label of choice 3")).to_have_value("to a colleague")
    expect(page.get_by_label("Instructions to the model")).to_have_value(LONG)
    page.get_by_role("button", name="Create the task set").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Referrals")
    page.go_back()
    page.reload()
    expect(page.get_by_text("that was not saved")).to_have_count(0)


def test_a_form_open_over_a_sign_in_elsewhere(page, watch):
    """The token of the open page is no longer good; the page that says so leads back to what was typed."""
    watch.allow(403)
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    page.locator(".item-row").get_by_role("link").first.click()
    page.get_by_label("Notes").fill("Discussed with the ward on Monday.")
    page.wait_for_timeout(500)
    page.context.clear_cookies(name="csrftoken")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This page was open for too long")
    page.get_by_role("link", name="Back to the form").click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_label("Notes")).to_have_value("Discussed with the ward on Monday.")
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
    page.reload()
    expect(page.get_by_label("Notes")).to_have_value("Discussed with the ward on Monday.")


def test_a_grader_open_over_a_lost_sign_in(page, watch):
    watch.allow(401)
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    walk.spine(page, "Grader")
    credit = page.locator("input[name$=-partial]")
    page.context.clear_cookies(name="sessionid")
    credit.fill("0.65")
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state("networkidle")
    expect(credit).to_have_value("0.65")
    other = page.context.new_page()
    other.goto("/sign-in/")
    sign_in(other)
    expect(other.get_by_role("heading", level=1)).to_have_text("My workspace")
    page.reload()
    expect(credit).not_to_have_value("0.65")
    page.get_by_role("button", name="Bring it back").click()
    expect(credit).to_have_value("0.65")
    expect(page.locator("#bar-status")).to_contain_text("Not saved")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("[data-unsaved]")).to_have_count(0)


def test_without_javascript(open_page):
    page = open_page(javascript=False)
    start_taskset(page, "Letters without scripts")
    page.get_by_role("button", name="Add a choice").click()
    expect(page.get_by_label("Label of choice 1")).to_have_value("urgent")
    page.get_by_label("Label of choice 3").fill("for the archive")
    page.get_by_role("button", name="Create the task set").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Letters without scripts")
    page.get_by_role("link", name="Write the first item").click()
    page.get_by_label("Letter").fill("Dear colleague, the scan of Monday shows a fracture.")
    page.get_by_label("urgent").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".item-row")).to_contain_text("shows a fracture")
    walk.spine(page, "Grader")
    page.get_by_role("button", name="Start with a working grader").click()
    expect(page.locator("#scored")).to_contain_text("1.00")
    page.locator("input[name$=-partial]").fill("0.25")
    page.get_by_label("The model answers").fill("It looks urgent to me")
    page.get_by_role("button", name="Grade this answer").click()
    expect(page.locator("#scored")).to_contain_text("0.25")
    page.get_by_role("button", name="Save draft").click()
    page.goto(page.url)
    expect(page.locator("input[name$=-partial]")).to_have_value(re.compile(r"0\.25"))


def test_an_item_written_on_a_phone(open_page):
    page = open_page(width=400)
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    page.get_by_role("link", name="Add an item").click()
    page.get_by_label("Message", exact=True).fill("Where do I park for the scan on Thursday?")
    page.get_by_label("appointment").check()
    expect(page.locator("#preview")).to_contain_text("Where do I park")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("Search").fill("Where do I park")
    expect(page.locator(".item-row")).to_have_count(1)
    expect(page.locator(".item-row")).to_contain_text("appointment")
