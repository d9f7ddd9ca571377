"""The manual renders, is clean, and its links lead somewhere."""

import re
from pathlib import Path

import pytest
from django.conf import settings

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


def test_every_figure_that_leaves_the_studio_is_explained():
    text = (manual.DOCS / "compare-trainings.md").read_text()
    journal = (Path(settings.BASE_DIR) / "rftstudio/engine/training/journal.py").read_text()
    figures = (Path(settings.BASE_DIR) / "rftstudio/engine/training/figures.py").read_text()
    names = set(re.findall(r'^ {8,12}"([a-z_]+)":', journal[journal.index("def validate") :] + figures, re.MULTILINE))
    rows = {"phase", "group", "index", "item_id", "text", "tokens", "truncated", "grade", "reward"}  # of answers
    for name in names - rows:
        assert re.search(rf"`{name}[`.]|timing\.{name}`", text), f"the manual does not explain {name}"
    assert {"valid_reward_mean", "grad_norm", "distinct_share", "valid_n_no_score"} <= names
