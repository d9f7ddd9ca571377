"""A whole grader as a tree of forms over the flat texts of one page, and such texts written from a spec.

Names: the outermost grader's fields start with `g-`; a row's own fields with `g-r3-`, the grader in it with `g-r3-g-`.
`g-rows` holds the rows' ids in order, so that moving a row changes one text and loses nothing typed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.graders.forms import FORMS, OtherForm
from rftstudio.graders.forms.kind import KindForm, SpecForm, Texts
from rftstudio.graders.words import describe

ROOT = "g"
MAX_DEPTH = 4
MAX_ROWS = 100
_TITLES = ("sentence", "name", "key", "path")
_TITLE = 120


@dataclass
class Row:
    """One grader inside another, with what the outer one says of it."""

    id: str
    form: SpecForm
    node: "Node"
    noun: str
    index: int
    count: int
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return str(self.form.prefix)

    @property
    def first(self) -> bool:
        return self.index == 0

    @property
    def last(self) -> bool:
        return self.index == self.count - 1

    @property
    def share(self) -> str:
        """The weight as a share of all rows' weights, "" where there are no weights."""
        return str(self.values.get("_share", ""))

    @property
    def words(self) -> str:
        """What the grader in it does, in a clause."""
        return describe(self.node.spec)

    @property
    def title(self) -> str:
        """What the row is about, on one line."""
        said = next((str(self.values[key]) for key in _TITLES if str(self.values.get(key) or "").strip()), "")
        said = " ".join(said.split())
        return said if len(said) <= _TITLE else f"{said[: _TITLE - 1].rstrip()}…"

    @property
    def flags(self) -> str:
        """What is unusual about it, on one line."""
        return " · ".join(self.form.flags(self.values))

    @property
    def wrong(self) -> bool:
        return bool(self.form.errors) or self.node.wrong


class Node:
    """One grader: its form, the rows in it, and the spec they make."""

    def __init__(self, texts: Mapping[str, str], prefix: str = ROOT, path: str = "", depth: int = 0) -> None:
        self.prefix, self.path, self.depth = prefix, path, depth
        kind = FORMS.get(texts.get(f"{prefix}-kind", ""), OtherForm)
        self.form: KindForm = kind(data=texts, prefix=prefix)
        self.rows: list[Row] = []
        self.spec: dict[str, Any] = (
            {"type": kind.kind, **self.form.read()} if kind is not OtherForm else self.form.read()
        )
        if kind.row_form is not None:
            self._read_rows(texts, kind.row_form)

    def _read_rows(self, texts: Mapping[str, str], row_form: type[SpecForm]) -> None:
        ids = row_ids(texts, self.prefix)
        pairs = []
        for index, each in enumerate(ids):
            form = row_form(data=texts, prefix=f"{self.prefix}-r{each}")
            values = form.read()
            path = self.form.row_path(self.path, index, values)
            node = Node(texts, f"{self.prefix}-r{each}-g", self.form.child_path(path), self.depth + 1)
            self.rows.append(Row(each, form, node, self.form.row_noun, index, len(ids), values))
            pairs.append((values, node.spec))
        joined = self.form.join(pairs)
        self.spec[self.form.rows_key] = joined
        if isinstance(joined, dict):
            for row, name in zip(self.rows, joined, strict=True):
                if row.values["key"] != name:
                    row.form.add_error("key", f"Two graders are called “{row.values['key']}”. Give each its own name.")
                    row.values["key"] = name
        _share_out(self.rows)

    @property
    def kind(self) -> str:
        return self.form.kind

    @property
    def nested(self) -> bool:
        return self.depth > 0

    @property
    def wrong(self) -> bool:
        return bool(self.form.errors) or any(row.wrong for row in self.rows)

    @property
    def names(self) -> list[str]:
        """What a formula over the rows may use."""
        return [row.values["key"] for row in self.rows if str(row.values.get("key", "")).isidentifier()]

    def walk(self) -> Iterator["Node"]:
        yield self
        for row in self.rows:
            yield from row.node.walk()

    def forms(self) -> Iterator[SpecForm]:
        """Every form of the page, outermost first."""
        for node in self.walk():
            yield node.form
            for row in node.rows:
                yield row.form

    def place(self, errors: list[SpecError]) -> None:
        """Put each error beside the field it is about; where none is, above the grader that it is in."""
        targets: dict[str, tuple[SpecForm, str | None]] = {}
        for node in self.walk():
            targets.setdefault(node.path, (node.form, None))
            targets.update(node.form.paths(node.path))
            for row in node.rows:
                path = node.form.row_path(node.path, row.index, row.values)
                targets.update({path: (row.form, None), **row.form.paths(path)})
        read_wrong = {id(form): set(form.errors) for form in self.forms()}
        for error in errors:
            path = max((each for each in targets if _holds(each, error.path)), key=len)
            form, name = targets[path]
            if name is None or name not in read_wrong[id(form)]:
                form.add_error(name, f"{error.message} {error.fix}".strip())


def texts_of(spec: Mapping[str, Any], prefix: str = ROOT, depth: int = 0) -> Texts:
    """The texts of a valid spec, complete with defaults (as stored)."""
    kind = FORMS.get(str(spec.get("type")), OtherForm)
    rows = kind.split(spec)
    if depth > MAX_DEPTH or len(rows) > MAX_ROWS:
        kind, rows = OtherForm, []
    texts = {f"{prefix}-kind": kind.kind}
    own = kind.texts(spec, without=(kind.rows_key,))
    texts.update({f"{prefix}-{name}": text for name, text in own.items()})
    if kind.row_form is not None:
        texts[f"{prefix}-rows"] = " ".join(map(str, range(len(rows))))
        for index, (row, grader) in enumerate(rows):
            start = f"{prefix}-r{index}"
            texts.update({f"{start}-{name}": text for name, text in kind.row_form.texts(row).items()})
            texts.update(texts_of(grader, f"{start}-g", depth + 1))
    return texts


def row_ids(texts: Mapping[str, str], prefix: str) -> list[str]:
    """The ids of a grader's rows, in order, each once."""
    ids = [each for each in texts.get(f"{prefix}-rows", "").split() if each.isdigit()]
    return list(dict.fromkeys(ids))[:MAX_ROWS]


def _holds(target: str, path: str) -> bool:
    return not target or path == target or path.startswith((f"{target}.", f"{target}["))


def _share_out(rows: list[Row]) -> None:
    weights = [row.values.get("weight") for row in rows]
    numbers = [float(each) if isinstance(each, int | float) and each > 0 else 0.0 for each in weights]
    total = sum(numbers)
    if total and any(each is not None for each in weights):
        for row, number in zip(rows, numbers, strict=True):
            row.values["_share"] = f"{100 * number / total:.0f}\N{NO-BREAK SPACE}%"
