"""The manual renders, is clean, and its links lead somewhere."""

import re

import pytest

from rftstudio.engine.methods import METHODS
from rftstudio.engine.openai_hyperparameters import NAMES
from rftstudio.engine.presets import resolve
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


def test_methods_page_has_every_method_with_its_paper_and_what_it_sets(client, db):
    text = (manual.DOCS / "methods.md").read_text()
    table = {line.split("**")[1]: line for line in text.splitlines() if line.startswith("| **")}
    assert set(table) == {method.label for method in METHODS.values()}
    for method in METHODS.values():
        section = text.split(f"### {method.label}\n")[1].split("\n#")[0]
        assert (f"arXiv:{method.arxiv}" if method.arxiv else method.paper) in section
        settings = resolve("quick", {"loss_type": method.name})
        assert f"{settings['epsilon_high']:.4f}".rstrip("0").removesuffix(".") in table[method.label]
        assert ("| nothing |" in table[method.label]) == (settings["scale_rewards"] == "none")
    assert all(f"`{name}`" in text for name in NAMES)
