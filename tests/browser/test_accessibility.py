"""Every page of the studio: axe finds nothing serious, in light and dark, on a desk and on a phone; nothing sticks out.

The pages are not listed: they are found by following every link from the first page.
"""

import json
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, Page, TimeoutError

from rftstudio.command.terminal import ROOT
from tests.browser import walk
from tests.browser.studio import Studio

PER_VIEW = 2  # pages looked at of each kind of address; with a query, one for each name it may begin with
MANY = {"graders:builder": 12, "home:manual_page": 40}  # where every page is one of its own
NOT_PAGES = {
    "evaluations:answers", "graders:export_file", "graders:list_download", "registry:download", "runs:answers",
    "runs:download", "runs:metrics", "runs:tensorboard", "tasksets:export",
}  # fmt: skip
DIALOGS = {"graders:builder"}
PAGES = {
    "accounts:people", "accounts:profile", "accounts:workspace", "evaluations:compare", "evaluations:detail",
    "evaluations:list", "evaluations:readiness", "evaluations:readiness_detail",
    "graders:builder", "graders:calibrate", "graders:cases", "graders:check", "graders:create", "graders:export",
    "graders:import", "graders:judge_change", "graders:judge_create", "graders:judges", "graders:list",
    "graders:list_create", "graders:list_detail", "graders:list_new_version", "graders:list_upload", "graders:lists",
    "graders:secret_create", "graders:secrets", "graders:version", "graders:versions", "home:manual",
    "home:manual_page", "home:status", "home:workspace", "registry:base",
    "registry:from_directory", "registry:from_hub", "registry:models", "registry:tuned", "runs:detail",
    "runs:item", "runs:launch", "runs:list", "tasksets:detail", "tasksets:edit", "tasksets:import",
    "tasksets:import_page", "tasksets:item", "tasksets:item_new", "tasksets:list", "tasksets:new", "tasksets:publish",
    "tasksets:version", "tasksets:versions",
}  # fmt: skip
GRAVE = ("serious", "critical")
# Unfolds what is folded, so that it is looked at too.
UNFOLD = "() => document.querySelectorAll('details:not(.menu)').forEach((one) => { one.open = true; })"
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
WIDE = """() => [...document.querySelectorAll('main *')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.table-scroll'))
  .slice(0, 3).map((one) => one.outerHTML.slice(0, 160))"""


class Links(HTMLParser):
    """Addresses of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href and not href.startswith("#"):
            self.found.append(href)


@pytest.fixture(scope="module")
def addresses(studio: Studio, browser: Browser, operator: dict[str, Any]) -> list[str]:
    """Every kind of page there is, with a training, its comparison and a readiness check among them."""
    context = browser.new_context(base_url=studio.url, storage_state=operator)
    page = context.new_page()
    page.set_default_timeout(15_000)
    [(taskset,)] = studio.rows("SELECT id FROM tasksets_taskset WHERE sample_slug = 'clinic-inbox'")
    page.goto(f"/tasksets/{taskset}/launch/")
    run = walk.launch(page)
    extra = json.loads(
        subprocess.check_output([sys.executable, "-m", "tests.browser.furnish"], cwd=ROOT, env=studio.env, text=True)
    )
    upload(page, taskset)
    walk.comparison_of(studio, run)
    walk.check(page, taskset)
    found = crawl(page, studio.url, ["/", f"/tasksets/{taskset}/", extra["kinds"]])
    context.close()
    return [*found, extra["invitation"]]


def upload(page: Page, taskset: int) -> None:
    """An import whose columns are not mapped yet, and one that was checked and found wrong."""
    for _ in range(2):
        page.goto(f"/tasksets/{taskset}/import/")
        page.get_by_label("Paste").fill("message,reference_answer\nMy chest hurts,emergency\nWhere do I park,nowhere\n")
        page.get_by_role("button", name="Look at the columns").click()
    page.get_by_role("button", name="Check").click()
    page.get_by_text("nowhere").first.wait_for()


def crawl(page: Page, base: str, first: list[str]) -> list[str]:
    """Follows every link once for each kind of page, from `first` on; returns what was met."""
    waiting, met, found, seen = list(first), set(first), [], Counter[tuple[str, str]]()
    while waiting:
        parts = urlsplit(waiting.pop(0))
        try:
            view = resolve(parts.path).view_name
        except Resolver404:
            raise AssertionError(f"A link leads nowhere: {parts.geturl()}") from None
        query = dict(parse_qsl(parts.query))
        kind = (view, query.get("tab") or next(iter(query), ""))
        most = 1 if query else MANY.get(view, PER_VIEW)
        if view in NOT_PAGES or seen[kind] >= most:
            continue
        answer = page.request.get(parts.geturl())
        assert answer.ok, f"{answer.status}: {parts.geturl()}"
        seen[kind] += 1
        address = answer.url.removeprefix(base)
        if address not in found:
            found.append(address)
        links = Links()
        links.feed(answer.text())
        inside = [urljoin(answer.url, link) for link in links.found]
        fresh = {link.removeprefix(base).partition("#")[0] for link in inside if link.startswith(base)} - met
        waiting += sorted(fresh)
        met |= fresh
    return found


def look(page: Page, address: str) -> list[str]:
    """What is wrong with a page on a desk in light and on a phone in dark. With a query it is a page
    that was seen without, and pages of the manual are all alike: the phone will do. No address: the page that is open.
    """
    wrong = []
    known = "?" in address or address.startswith("/manual/graders")
    if address:
        page.goto(address)
    page.evaluate(UNFOLD)
    for width, scheme in ((1280, "light"), (400, "dark"))[known:]:
        page.set_viewport_size({"width": width, "height": 860})
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        try:
            page.wait_for_function(FITS, timeout=2000)  # charts take up their new width a moment later
        except TimeoutError:
            wrong.append(f"{address} is wider than {width} px: {page.evaluate(WIDE)}")
        wrong += [f"{address} at {width} px, {scheme}: {one}" for one in grave(page)]
    return wrong


def grave(page: Page) -> list[str]:
    """Serious and critical findings of axe."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE_SCRIPT} }} }}")
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} — {node['failureSummary'][:300]}"
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"][:3]
    ]


@pytest.mark.timeout(900)  # some hundred pages, each looked at twice
def test_every_page(addresses, open_page):
    """In two runs of axe a page, both widths and both schemes are looked at."""
    views = {resolve(urlsplit(address).path).view_name for address in addresses}
    assert views >= PAGES, f"No link leads to {', '.join(PAGES - views)}."
    page = open_page()
    wrong = [one for address in addresses for one in look(page, address)]
    assert not wrong, f"{len(wrong)} findings\n" + "\n".join(wrong)


def test_pages_for_somebody_who_is_not_signed_in(addresses, studio, open_page, watch):
    watch.allow(404, 410)
    page = open_page(signed_in=False)
    used = studio.link.removeprefix(studio.url)
    wrong = [one for address in ("/sign-in/", used, addresses[-1], "/manual/") for one in look(page, address)]
    page.goto(used)
    page.get_by_role("button", name="Sign in and open the studio").click()
    wrong += look(page, "") + look(open_page(), "/there/is/nothing/")
    assert not wrong, "\n".join(wrong)


def test_what_opens_on_a_page(addresses, open_page, watch):
    """Menus, dialogs, errors in a form and an answer being marked."""
    watch.allow(422)
    page = open_page()
    wrong = []
    for address in addresses:
        view = resolve(urlsplit(address).path).view_name
        if view in DIALOGS and "?" not in address:
            page.goto(address)
            page.locator("button[data-dialog], a[data-dialog]").first.click()
            page.get_by_role("dialog").wait_for()
            wrong += [f"{address}, dialog: {one}" for one in grave(page)]
    page.goto(next(address for address in addresses if address.endswith("/tasksets/new/")))
    page.get_by_role("button", name="Create the task set").click()
    page.get_by_role("alert").wait_for()
    wrong += [f"a form with errors: {one}" for one in grave(page)]
    page.get_by_text("Operator", exact=True).click()
    wrong += [f"a menu: {one}" for one in grave(page)]
    assert not wrong, "\n".join(wrong)
