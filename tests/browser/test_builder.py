"""The grader builder as a hand and a keyboard use it: choosing, ordering, form and JSON in step, the code editor."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk

MOVED = re.compile(r"is now number \d of 3\.")


@pytest.fixture
def builder(page: Page) -> Page:
    """A rubric of three criteria, made as an expert makes one."""
    make_rubric(page)
    return page


def make_rubric(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    walk.spine(page, "Grader")
    page.get_by_role("link", name=re.compile("graders$")).click()
    page.get_by_role("link", name="Another grader").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("How would you mark this answer?")
    page.get_by_role("button", name=re.compile("Several criteria in my own words")).click()
    page.get_by_role("textbox", name="Criterion").first.fill("Names the right desk")
    for number, sentence in ((2, "Promises a cure"), (3, "Keeps it short")):
        page.get_by_role("button", name="Add a criterion").click()
        page.locator(f"#id_g-r{number - 1}-sentence").fill(sentence)


def titles(page: Page) -> list[str]:
    return page.locator(".criterion-title").all_inner_texts()


def expect_order(page: Page, *order: str) -> None:
    for place, words in enumerate(order):
        expect(page.locator(".criterion-title").nth(place)).to_have_text(words)


def test_criteria_are_put_in_order_by_keyboard_and_by_hand(builder):
    first, second, third = "Names the right desk", "Promises a cure", "Keeps it short"
    expect_order(builder, first, second, third)
    builder.locator("#g-r2-summary").focus()
    builder.keyboard.press("Alt+ArrowUp")
    expect_order(builder, first, third, second)
    expect(builder.locator("#said")).to_have_text("Criterion 3 is now number 2 of 3.")
    expect(builder.locator("#g-r2-summary")).to_be_focused()
    grip = builder.locator("#g-r0 [data-grip]")
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), builder.locator("#g-r1").bounding_box()
    assert start
    assert end
    builder.mouse.move(start["x"] + 8, start["y"] + 8)
    builder.mouse.down()
    builder.mouse.move(start["x"] + 8, end["y"] + end["height"] - 4, steps=6)
    builder.mouse.up()
    expect_order(builder, third, second, first)
    expect(builder.locator("#said")).to_have_text(MOVED)


def test_a_criterion_is_duplicated_removed_and_brought_back(builder):
    builder.get_by_role("button", name="Duplicate criterion 2").click()
    expect(builder.locator(".criterion-title")).to_have_count(4)
    builder.get_by_role("button", name="Remove criterion 4").click()
    expect(builder.locator(".criterion-title")).to_have_count(3)
    builder.get_by_role("button", name="Undo the last change").click()
    expect_order(builder, "Names the right desk", "Promises a cure", "Promises a cure", "Keeps it short")


def test_weights_are_shares_of_the_whole_while_one_types(builder):
    builder.locator("#id_g-r2-weight").fill("2")
    expect(builder.locator("#g-r2-share")).to_have_text("50\xa0%")
    expect(builder.locator("#g-r0-share")).to_have_text("25\xa0%")


def test_a_part_is_marked_another_way_and_the_choice_can_be_left(builder):
    builder.locator("#g-r1-g-choose").click()
    choices = builder.locator("#g-r1-g-choices")
    expect(choices).to_be_focused()
    choices.get_by_role("button", name="Leave it").click()
    expect(choices).to_have_count(0)
    builder.locator("#g-r1-g-choose").click()
    choices.get_by_role("button", name=re.compile("within a tolerance")).click()
    expect(builder.locator("#id_g-r1-g-tolerance")).to_be_visible()
    expect(builder.locator("#id_g-r1-sentence")).to_have_value("Promises a cure")


def test_form_and_json_follow_each_other_and_nothing_typed_is_lost(builder):
    builder.get_by_text("The whole grader as JSON").click()
    editor = builder.get_by_role("textbox", name="Grader as JSON")
    expect(editor).to_be_visible()
    builder.locator("#id_g-r0-weight").fill("7")
    expect(editor).to_contain_text('"weight": 7')
    editor.click()
    builder.keyboard.press("ControlOrMeta+a")
    builder.keyboard.insert_text('{"type": "number",\n "tolerance": 2}')
    expect(builder.locator("#id_g-tolerance")).to_have_value("2")
    expect(editor).to_be_focused()
    builder.locator("#id_g-band").fill("3")
    expect(editor).to_contain_text('"band": 3')
    editor.click()
    builder.keyboard.press("ControlOrMeta+a")
    builder.keyboard.insert_text('{"type": "number",\n "tolerance": "x"}')
    expect(builder.locator("#json-error")).to_contain_text("must be a number")
    expect(builder.locator(".cm-gutter-lint .cm-lint-marker")).to_have_count(1)
    builder.get_by_role("button", name="Save draft").click()
    expect(builder.get_by_role("alert")).to_contain_text("not saved yet")
    expect(editor).to_contain_text('"tolerance": "x"')
    builder.get_by_role("button", name="Back to what the form says").click()
    expect(builder.locator("#json-error")).to_be_hidden()
    expect(editor).to_contain_text('"band": 3')


def test_the_editor_lets_go_of_the_keyboard(builder):
    builder.get_by_text("The whole grader as JSON").click()
    editor = builder.get_by_role("textbox", name="Grader as JSON")
    editor.click()
    builder.keyboard.press("ControlOrMeta+Home")
    builder.keyboard.press("Tab")
    expect(editor).to_be_focused()
    builder.keyboard.press("Escape")
    builder.keyboard.press("Tab")
    expect(editor).not_to_be_focused()


def test_stored_answers_are_tried_and_looked_at(builder):
    builder.get_by_role("button", name="Try on 20 stored answers").click()
    stored = builder.locator("#stored")
    expect(stored.locator(".js-plotly-plot")).to_be_visible()
    stored.get_by_role("button", name="Show the numbers as a table").click()
    expect(stored.locator(".chart-table")).to_contain_text("0.9 to 1.0")
    first = stored.locator(".odd li").first
    text = first.locator(".stored-text").inner_text()
    first.get_by_role("button").click()
    expect(builder.get_by_label("The model answers")).to_have_value(text)


def test_what_is_typed_before_the_page_is_ready_is_marked(page):
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    walk.spine(page, "Grader")
    expect(page.get_by_role("heading", name="How would you mark this answer?")).to_be_visible()
    held = []
    page.route("**/plotly-basic*", lambda route: held.append(route))  # the scripts run when this one has come
    page.goto(page.url, wait_until="commit")
    score = page.locator("#scored .total-score .score-number")
    before = score.inner_text()
    page.get_by_role("textbox", name="The model answers").fill("nothing that is on the list")
    assert (before, score.inner_text()) == ("1.00", "1.00")
    held[0].continue_()
    expect(score).to_have_text("0.00")


def test_the_same_without_javascript_on_a_phone(open_page):
    page = open_page(javascript=False, width=400)
    make_rubric(page)
    page.get_by_role("button", name="Move criterion 3 up").click()
    assert titles(page) == ["Names the right desk", "Keeps it short", "Promises a cure"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#json-view > summary").click()
    page.locator("#json").fill('{"type": "number", "tolerance": 4}')
    page.get_by_role("button", name="Put this into the form").click()
    expect(page.locator("#id_g-tolerance")).to_have_value("4")
    page.get_by_role("button", name="Try on 20 stored answers").click()
    expect(page.locator("#stored")).to_contain_text("worst first")


def test_assertions_are_imported_after_a_look(page):
    page.goto("/")
    page.get_by_role("link", name="Clinic inbox triage").first.click()
    walk.spine(page, "Grader")
    page.get_by_role("link", name=re.compile("graders$")).click()
    page.get_by_role("link", name="Import one").click()
    page.get_by_label("Paste it here").fill("- {type: icontains, value: urgent}\n- {type: javascript, value: '1'}\n")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("status").first).to_contain_text("1 part cannot be imported")
    page.get_by_role("button", name="Import what can be").click()
    expect(page.locator("#id_g-reference")).to_have_value("urgent")
    page.get_by_role("link", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the JSON").click()
    assert download.value.suggested_filename.endswith("-openai.json")
