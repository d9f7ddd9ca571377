"""The manual: Markdown files under `templates/docs`, rendered inside the product."""

import re
from functools import lru_cache
from pathlib import Path

import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

DOCS = Path(settings.BASE_DIR) / "templates" / "docs"
PAGE_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)?")


class NoSuchPage(LookupError):
    """There is no manual page of that name."""


@lru_cache(maxsize=64)
def page(name: str) -> tuple[str, SafeString]:
    """Title and cleaned HTML of a page (`graders/ranking`). Raises `NoSuchPage`."""
    file = DOCS / f"{name}.md"
    if not PAGE_NAME.fullmatch(name) or not file.is_file():
        raise NoSuchPage(name)
    text = file.read_text(encoding="utf-8")
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    clean = nh3.clean(html)
    # A wide table scrolls in a box of its own instead of widening the page.
    clean = clean.replace("<table>", '<div class="table-scroll"><table class="table">')
    return _title(text), mark_safe(clean.replace("</table>", "</table></div>"))


def _title(text: str) -> str:
    first = text.lstrip().splitlines()[0] if text.strip() else ""
    return first.removeprefix("# ").strip()


@lru_cache(maxsize=1)
def contents() -> list[tuple[str, list[tuple[str, str]]]]:
    """[(chapter, [(page name, title)])], the chapters in reading order."""
    chapters: dict[str, list[tuple[str, str]]] = {"The studio": [], "Graders": []}
    for file in sorted(DOCS.rglob("*.md")):
        name = file.relative_to(DOCS).with_suffix("").as_posix()
        chapter = "Graders" if name.startswith("graders/") else "The studio"
        chapters[chapter].append((name, _title(file.read_text(encoding="utf-8"))))
    chapters["Graders"].sort(
        key=lambda entry: (entry[0] != "graders/which", entry[0] == "graders/import-export", entry[0])
    )
    order = ["index", "first-loop", "words"]
    chapters["The studio"].sort(key=lambda entry: (order.index(entry[0]) if entry[0] in order else 99, entry[1]))
    return [(chapter, entries) for chapter, entries in chapters.items() if entries]
