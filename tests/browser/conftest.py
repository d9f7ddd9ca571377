"""One studio and one browser for the browser tests of a process; every page is watched for errors while it is used."""

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.browser.studio import Studio
from tests.engine.models import embedded_model

EMAIL, PASSWORD = "operator@localhost.localdomain", "seven green lamps"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=15_000)
OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests here, and puts the walk of the first user first: the others leave trainings behind."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.path != here / "test_loop.py")


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Running, with the samples opened and nobody signed in yet; `link` is the printed sign-in link."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # tests that are told to end clear up first
    found = Studio(tmp_path_factory.mktemp("studio"))
    try:
        found.prepare(embedded_model())
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.fail("There is no Chromium on PATH. On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=executable, headless=True, args=FLAGS)
        yield found
        found.close()


class Watch:
    """What went wrong on a page: errors in the console, uncaught exceptions, refused content, failed requests.

    `allow(422)` says that answers with this status are what the test is about.
    """

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.allowed: set[int] = set()
        self.away = False

    def allow(self, *statuses: int) -> None:
        self.allowed.update(statuses)

    def attach(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium and htmx each have a line for a failed request; it is judged by its status below.
        told = re.search(r"Failed to load resource|Response Status Error Code", message.text)
        if message.type == "error" and not told and not self.away:
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _failed(self, request: Request) -> None:
        # Aborted is what a request becomes when its page is left, or a download when it is taken.
        if request.failure != "net::ERR_ABORTED" and not self.away:
            self.complaints.append(f"request failed: {request.method} {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.complaints.append(f"{response.status}: {response.request.method} {response.url}")


@pytest.fixture(scope="session")
def operator(browser: Browser, studio: Studio) -> dict[str, Any]:
    """The first operator's cookies, got as a user gets them: by the printed link, then a password is chosen."""
    page = browser.new_page()
    watch = Watch()
    watch.attach(page)
    page.goto(studio.link)
    page.get_by_role("button", name="Sign in and open the studio").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My workspace")
    page.get_by_text("operator", exact=False).first.click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert not watch.complaints, watch.complaints
    state: dict[str, Any] = page.context.storage_state()
    page.context.close()
    return state


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, browser: Browser, studio: Studio, operator: dict[str, Any], watch: Watch
) -> Iterator[OpenPage]:
    """`open_page(width=1280, scheme="light", javascript=True, signed_in=True)`; the test fails on any complaint."""
    contexts: list[BrowserContext] = []

    def make(*, width: int = 1280, scheme: str = "light", javascript: bool = True, signed_in: bool = True) -> Page:
        context = browser.new_context(
            base_url=studio.url,
            viewport={"width": width, "height": 860 if width > 600 else 800},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
            storage_state=operator if signed_in else None,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        watch.attach(page)
        return page

    yield make
    failed = getattr(request.node, "failed", False)
    for context in contexts:
        for page in context.pages:
            if failed:
                page.screenshot(path=f"{studio.data}/failed-{request.node.name}.png")
        context.close()
    if failed:
        print(studio.logs())
    assert not watch.complaints, "\n".join(watch.complaints)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if call.when == "call":
        item.failed = report.failed
    return report


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()
