"""The table of items: which rows a filter shows, how many there are of each kind, and what stands in the cells.

Every filter's options and counts come from one grouped query over a covering index; rows are read a page at a time.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count

from rftstudio.accounts.models import User
from rftstudio.engine.grading.text import as_text
from rftstudio.tasksets.answers import answer_line
from rftstudio.tasksets.definition import Definition
from rftstudio.tasksets.derive import problem_of
from rftstudio.tasksets.models import Problem, Split, TaskItem, TaskItemQuerySet, TaskSet, VersionItem

PAGE = 50
COLUMNS = 3  # input fields shown; the others are on the item's page
EXCERPT = 240
FILTERS = ("q", "split", "tag", "author", "problem", "order", "show")
NO_SPLIT = "none"


@dataclass(frozen=True)
class ItemFilter:
    """What is looked for, as the address says it."""

    values: Mapping[str, str]

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ItemFilter":
        values = {name: query.get(name, "").replace("\0", "").strip()[:200] for name in FILTERS}
        return cls({name: value for name, value in values.items() if value})

    def __getitem__(self, name: str) -> str:
        """A filter's value; KeyError for what is no filter, so that templates reach the properties below."""
        if name not in FILTERS:
            raise KeyError(name)
        return self.values.get(name, "")

    @property
    def is_narrowing(self) -> bool:
        return any(name in self.values for name in ("q", "split", "tag", "author", "problem"))

    @property
    def shows_deleted(self) -> bool:
        return self["show"] == "deleted"

    @property
    def query(self) -> str:
        return urlencode(self.values)

    def items(self, taskset: TaskSet) -> TaskItemQuerySet:
        """The items shown, in order."""
        items = taskset.items.deleted() if self.shows_deleted else taskset.items.live()
        for word in self["q"].lower().split()[:8]:
            items = items.filter(search_text__contains=word)
        if split := self["split"]:
            items = items.filter(split="" if split == NO_SPLIT else split)
        if tag := self["tag"]:
            items = items.filter(tag_text__contains=f"|{tag}|")
        if self["author"].isdecimal() and len(self["author"]) < 18:
            items = items.filter(author=int(self["author"]))
        if problem := self["problem"]:
            items = items.exclude(problem="") if problem == "any" else items.filter(problem=problem)
        return items.order_by("-pk" if self["order"] == "new" else "pk")


@dataclass
class Facets:
    """How many live items there are of each kind."""

    total: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    authors: Counter[int] = field(default_factory=Counter)

    @property
    def wrong(self) -> int:
        return sum(self.problems.values())

    @property
    def split_counts(self) -> list[dict[str, Any]]:
        shown = [{"value": split.value, "label": split.label, "count": self.splits[split.value]} for split in Split]
        if self.splits[""]:
            shown.append({"value": NO_SPLIT, "label": "Not dealt yet", "count": self.splits[""]})
        return shown

    @property
    def tag_counts(self) -> list[tuple[str, int]]:
        return sorted(self.tags.items(), key=lambda pair: pair[0].casefold())

    @property
    def problem_counts(self) -> list[tuple[str, str, int]]:
        return [(kind.value, kind.label, self.problems[kind.value]) for kind in Problem if self.problems[kind.value]]

    def people(self) -> list[tuple[User, int]]:
        found = User.objects.in_bulk(list(self.authors))
        return [(found[pk], count) for pk, count in self.authors.most_common() if pk in found]


def facets_of(taskset: TaskSet) -> Facets:
    """One grouped query for all counts."""
    facets = Facets()
    groups = taskset.items.live().order_by().values_list("split", "problem", "author", "tag_text")
    for split, problem, author, tag_text, count in groups.annotate(n=Count("pk")):
        facets.total += count
        facets.splits[split] += count
        if problem:
            facets.problems[problem] += count
        if author:
            facets.authors[author] += count
        for tag in tag_text.strip("|").split("|"):
            if tag:
                facets.tags[tag] += count
    return facets


@dataclass
class TableRow:
    """One line of the table."""

    item: TaskItem | VersionItem
    cells: list[tuple[str, str]]  # (label, excerpt)
    answer: str
    problem: str = ""


def page_of(taskset: TaskSet, chosen: ItemFilter, number: str | None, facets: Facets) -> Page[TaskItem]:
    """A page of items; the count is known already where nothing narrows the table."""
    items = chosen.items(taskset).select_related("author").defer("search_text")
    paginator = Paginator(items, PAGE)
    if not chosen.is_narrowing and not chosen.shows_deleted:
        paginator.count = facets.total
    return paginator.get_page(number)


def table_row(item: TaskItem | VersionItem, definition: Definition) -> TableRow:
    shown = definition["input_fields"][:COLUMNS]
    if item.messages:
        asked = next(message["content"] for message in reversed(item.messages) if message["role"] == "user")
        cells = [(entry["label"], "") for entry in shown]
        cells[:1] = [(shown[0]["label"] if shown else "Conversation", _excerpt(asked))]
    else:
        cells = [(entry["label"], _excerpt(as_text(item.fields.get(entry["name"])))) for entry in shown]
    problem = ""
    if isinstance(item, TaskItem) and item.problem:
        error = problem_of(item, definition)[1]
        problem = f"{error.message} {error.fix}".strip() if error else ""
    return TableRow(item, cells, _excerpt(answer_line(item.reference_answer, definition["answer_type"])), problem)


def neighbour(item: TaskItem, chosen: ItemFilter) -> TaskItem | None:
    """The next item under the same filter, or None after the last."""
    backwards = chosen["order"] == "new"
    beyond = {"pk__lt": item.pk} if backwards else {"pk__gt": item.pk}
    return chosen.items(item.taskset).filter(**beyond).first()


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1].rstrip() + "…"
