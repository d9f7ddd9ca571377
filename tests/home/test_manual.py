"""The manual renders, is clean, and its links lead somewhere."""

import re

import pytest

from rftstudio.home import manual

PAGES = [name for _, entries in manual.contents() for name, _ in entries]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_renders_and_links_lead_somewhere(client, db, name):
    page = client.get(f"/manual/{name}/")
    assert page.status_code == 200
    _, html = manual.page(name)
    assert html.startswith("<h1>")
    for address in re.findall(r'href="(/[^"#]*)', html):
        assert client.get(address).status_code in (200, 302), address


@pytest.mark.parametrize("name", ["nothing", "../settings", "graders/../../README", "graders//ranking", "%2e%2e/x"])
def test_a_page_that_is_not_there(client, db, name):
    assert client.get(f"/manual/{name}/").status_code == 404


def test_markup_in_a_page_stays_text(tmp_path, monkeypatch):
    monkeypatch.setattr(manual, "DOCS", tmp_path)
    manual.page.cache_clear()
    (tmp_path / "bad.md").write_text("# Bad\n<script>alert(1)</script> [x](javascript:alert(1))")
    title, html = manual.page("bad")
    manual.page.cache_clear()
    assert title == "Bad"
    assert "<script" not in html
    assert "href" not in html
