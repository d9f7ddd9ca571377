"""The grader on the builder page as it stands at one moment: what is typed, what it means, what is wrong with it.

Built anew from every request; nothing is kept between two of them, and nothing is saved here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, parse_spec
from rftstudio.graders.checking import find_errors
from rftstudio.graders.chooser import Choice, choices
from rftstudio.graders.content import content_hash
from rftstudio.graders.forms import FORMS
from rftstudio.graders.forms.changes import UNDO, change, grader_texts
from rftstudio.graders.forms.kind import Texts
from rftstudio.graders.forms.tree import ROOT, Node, row_ids, texts_of
from rftstudio.graders.json_place import named_place
from rftstudio.graders.json_side import JsonSide, fingerprint, marks_of
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.named import named_judges, named_lists
from rftstudio.graders.starts import starting_specs

_FIRST_FIELDS = ("-sentence", "-key", "-path")


@dataclass
class Workbench:
    """One grader on the bench. texts: everything the page sent, or the stored draft's texts."""

    grader: Grader
    texts: Texts
    json: JsonSide = field(default_factory=JsonSide)
    focus: str = ""  # id of the field that should have the focus next
    touched: str = ""  # prefix of the grader that a button just made or replaced
    choosing: str = ""  # prefix of the grader whose other kinds are shown
    said: str = ""  # what the last button did, for who does not see it
    rebuilt: bool = False  # the form was made anew from JSON that was typed
    errors: list[SpecError] = field(default_factory=list)  # of the typed grader, once `node` is there

    @classmethod
    def stored(cls, grader: Grader, query: Mapping[str, str]) -> "Workbench":
        """The draft as it is saved; `item` may name an item in the address."""
        return cls(grader, {**texts_of(grader.spec), **{key: query[key] for key in ("item",) if key in query}})

    @classmethod
    def typed(cls, grader: Grader, sent: Mapping[str, str]) -> "Workbench":
        """What is on the page; the draft, where the page had no form (somebody who may only look)."""
        texts = {name: text.replace("\r\n", "\n") for name, text in sent.items()}
        if f"{ROOT}-kind" not in texts:
            texts = {**texts, **texts_of(grader.spec)}
        bench = cls(grader, texts, json=JsonSide.sent(texts))
        if bench.json.text is not None and texts.get("edited") == "json":
            bench.take_json(bench.json.text)
        return bench

    def apply(self, word: str) -> None:
        """A press of one of the form's buttons; see `forms.changes`."""
        verb, _, rest = word.partition(":")
        prefix = rest.partition(":")[0]
        if verb == "choose":
            self.choosing = self.touched = prefix
            self.focus = f"{prefix}-choices" if prefix else ""
            return
        before = self.texts
        self.texts = change(self.texts, word, self.starts)
        self.said = said(word, before, self.texts)
        self.touched = prefix if verb == "kind" else ""
        if verb == "kind":
            self.focus = f"{prefix}-choose"
        if verb in ("add", "copy"):
            new = [name for name in self.texts if name not in before and name.endswith(_FIRST_FIELDS)]
            self.focus = f"id_{new[0]}" if new else ""
            self.touched = f"{new[0].rpartition('-')[0]}-g" if new else ""

    def apply_json(self, text: str) -> None:
        """`take_json` by a button, which can be undone."""
        kept = json.dumps(grader_texts(self.texts), ensure_ascii=False)
        if self.take_json(text):
            self.texts[UNDO] = kept

    def take_json(self, text: str) -> bool:
        """Replace the form by a grader written as JSON; what cannot be read stays in its box with the reason."""
        found = self.json.read(text)
        if found is None:
            return False
        others = {name: text for name, text in self.texts.items() if not name.startswith(f"{ROOT}-")}
        self.texts = {**others, **texts_of(found)}
        self.rebuilt = True
        return True

    def drop_json(self) -> None:
        """What was typed as JSON and could not be used gives way to what the form says."""
        self.json = JsonSide()

    # --- what is typed ---------------------------------------------------------------------------------------------

    @cached_property
    def node(self) -> Node:
        node = Node(self.texts)
        self.errors = find_errors(self.grader.taskset, node.spec)
        node.place(self.errors)
        return node

    @cached_property
    def starts(self) -> dict[str, dict[str, Any]]:
        return starting_specs(self.grader.taskset)

    @cached_property
    def choices(self) -> list[tuple[str, list[Choice]]]:
        """Other ways to mark, by heading."""
        return choices(self.grader.taskset, self.starts)

    @property
    def n_wrong(self) -> int:
        return sum(len(form.errors) for form in self.node.forms())

    @cached_property
    def spec(self) -> Spec | None:
        """The typed grader, None while something is wrong with it."""
        return None if self.node.wrong else parse_spec(self.node.spec)

    @cached_property
    def spec_json(self) -> str:
        shown = self.spec.model_dump(mode="json", exclude_none=True) if self.spec else self.node.spec
        return json.dumps(shown, ensure_ascii=False, indent=2)

    @property
    def names_judges(self) -> bool:
        return bool(named_judges(self.node.spec))

    @property
    def names_lists(self) -> bool:
        return bool(named_lists(self.node.spec))

    @property
    def json_was(self) -> str:
        """A fingerprint of the JSON as the page shows it, by which a change by hand is noticed."""
        return fingerprint(self.spec_json)

    @property
    def json_marks(self) -> list[tuple[int, int, str]]:
        """What is wrong, by line and column of the JSON that the page shows."""
        return self.json.marks if self.json.text is not None else self._marks(self.spec_json)

    @property
    def json_marks_sent(self) -> list[tuple[int, int, str]]:
        """The same for the text as it was sent, which has line ends of its own."""
        return self.json.marks if self.json.text is not None else self._marks(self.texts.get("json", ""))

    def _marks(self, text: str) -> list[tuple[int, int, str]]:
        self.node  # noqa: B018  finds the errors
        return marks_of(text, self.errors)

    @property
    def json_marks_json(self) -> str:
        return json.dumps(self.json_marks, ensure_ascii=False)

    @property
    def open_rows(self) -> list[str]:
        """Rows whose folded part should be open, since a button just changed it."""
        rows = [row.prefix for node in self.node.walk() for row in node.rows]
        return [prefix for prefix in rows if f"{self.touched}-".startswith(f"{prefix}-")]

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """Everything wrong as (element id, label, what), in the order of the page."""
        found = []
        for form in self.node.forms():
            for name, errors in form.errors.items():
                above = name == "__all__"
                place = f"{form.prefix}-errors" if above else f"id_{form.add_prefix(name)}"
                label = "The whole" if above else str(form.fields[name].label)
                found.append((place, label, " ".join(map(str, errors))))
        return found

    @property
    def can_undo(self) -> bool:
        return bool(self.texts.get(UNDO))

    # --- how it stands to what is kept -----------------------------------------------------------------------------

    @cached_property
    def latest(self) -> GraderVersion | None:
        return self.grader.latest_version

    @cached_property
    def unsaved(self) -> bool:
        if self.spec is None:
            return self.node.spec != Node(texts_of(self.grader.spec)).spec
        return content_hash(self.spec.model_dump(mode="json", exclude_none=True)) != content_hash(self.grader.spec)

    @cached_property
    def unpublished(self) -> bool:
        return self.latest is None or self.latest.content_hash != self.grader.content_hash

    @property
    def next_number(self) -> int:
        return self.latest.number + 1 if self.latest else 1

    @property
    def live_state(self) -> dict[str, Any]:
        """What the page's script puts beside the fields while one types, by element id."""
        forms = list(self.node.forms())
        nodes = list(self.node.walk())
        rows = [row for node in nodes for row in node.rows]
        errors = {
            f"id_{form.add_prefix(name)}": " ".join(map(str, messages))
            for form in forms
            for name, messages in form.errors.items()
            if name != "__all__"
        }
        above = {f"{form.prefix}-errors": " ".join(map(str, form.non_field_errors())) for form in forms}
        texts = {
            f"{row.prefix}-{part}": getattr(row, part) for row in rows for part in ("share", "words", "title", "flags")
        }
        names = {node.prefix: node.names for node in nodes if node.kind == "multi"}
        return {
            "errors": errors,
            "above": above,
            "texts": texts,
            "names": names,
            "places": {name: place for name, text in errors.items() if (place := named_place(text))},
            "json": self.spec_json,
            "json_was": self.json_was,
            "json_taken": self.json.taken,
            "json_error": self.json.error,
            "json_marks": self.json_marks,
            "json_marks_sent": self.json_marks_sent,
        }


def said(word: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What a button did to the rows, in a sentence; "" where there is nothing to say."""
    verb, _, rest = word.partition(":")
    prefix, _, row = rest.partition(":")
    row = row.partition(":")[0]
    was, now = row_ids(before, prefix), row_ids(after, prefix)
    form = FORMS.get(before.get(f"{prefix}-kind", ""))
    if verb == "undo":
        return "The last change is undone."
    if form is None or verb == "kind":
        return f"Now: {FORMS[row].question}." if verb == "kind" and row in FORMS else ""
    noun = form.row_noun.capitalize()
    if verb in ("up", "down", "move") and row in now:
        return f"{noun} {was.index(row) + 1} is now number {now.index(row) + 1} of {len(now)}."
    if verb == "remove" and row in was and row not in now:
        return f"{noun} {was.index(row) + 1} is removed; “Undo the last change” brings it back."
    if verb in ("add", "copy") and len(now) > len(was):
        place = now.index(next(each for each in now if each not in was)) + 1
        many = f"there are {len(now)}" if len(now) > 1 else "it is the only one"
        return f"{noun} {place} is {'a copy' if verb == 'copy' else 'new'}; {many}."
    return ""
