"""Takes the README's pictures from a studio whose clinic sample was trained and compared.

    DATA_DIR=… PORT=8000 python -m tests.browser.screenshots

The studio must be running there; the pictures go to static/img/readme/. A session is opened for the first owner and
closed again, so that nobody's password is needed.
"""

import os
import shutil
import sys
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "rftstudio.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from rftstudio.accounts.models import Role, User  # noqa: E402
from rftstudio.evaluations.models import Comparison  # noqa: E402
from rftstudio.graders.models import Grader  # noqa: E402
from rftstudio.runs.jobs import Status  # noqa: E402
from tests.browser.conftest import FLAGS  # noqa: E402

FOLDER = Path(settings.BASE_DIR) / "static" / "img" / "readme"
WIDTH, HEIGHT, LARGEST = 1280, 1600, 250_000  # CSS pixels; bytes of a picture


def main(base: str) -> None:
    comparison = Comparison.objects.filter(status=Status.SUCCEEDED).order_by("-pk").first()
    if comparison is None:
        sys.exit("No comparison has finished there. Train the clinic sample first: manage.py sample_loop")
    run = comparison.run
    grader = Grader.objects.used_by(run.taskset)
    session = open_session(User.objects.filter(memberships__role=Role.OWNER).order_by("pk")[0])
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": base}])
            page = context.new_page()
            page.goto(f"{base}/runs/{run.pk}/")
            page.locator(".js-plotly-plot").first.wait_for()
            take(page, "run", 960)
            page.goto(f"{base}/comparisons/{comparison.pk}/?show=better&sort=better")
            page.locator(".js-plotly-plot").first.wait_for()
            take(page, "comparison", 1560)
            page.goto(f"{base}/graders/{grader.pk}/")
            page.locator("input[name$=-partial]").fill("0.2")
            page.get_by_role("textbox", name="The model answers").fill("This is an emergency, call an ambulance.")
            page.locator("#scored", has_text="0.20").wait_for()
            take(page, "grader", 940)
            browser.close()
    finally:
        session.delete()


def open_session(user: User) -> SessionStore:
    """A signed-in session as the sign-in page makes it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session


def take(page: Page, name: str, height: int) -> None:
    """The upper `height` pixels of what is shown, as a PNG."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur()")
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, animations="disabled", clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    size = path.stat().st_size
    print(f"{path.relative_to(settings.BASE_DIR)}  {size / 1000:.0f} kB")
    if size > LARGEST:
        sys.exit(f"{path.name} is larger than {LARGEST / 1000:.0f} kB.")


if __name__ == "__main__":
    main(f"http://127.0.0.1:{os.environ.get('PORT', '8000')}")
