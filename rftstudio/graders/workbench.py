"""The grader on the builder page as it stands at one moment: what is typed, what it means, what is wrong with it.

Built anew from every request; nothing is kept between two of them, and nothing is saved here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, parse_spec
from rftstudio.graders.checking import find_errors
from rftstudio.graders.content import content_hash
from rftstudio.graders.forms.changes import UNDO, change, grader_texts
from rftstudio.graders.forms.kind import Texts
from rftstudio.graders.forms.tree import ROOT, Node, texts_of
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.named import named_judges, named_lists
from rftstudio.graders.starts import starting_specs
from rftstudio.tasksets.answers import parse_json

MAX_JSON = 1_000_000
_FIRST_FIELDS = ("-sentence", "-key", "-path")


@dataclass
class Workbench:
    """One grader on the bench. texts: everything the page sent, or the stored draft's texts."""

    grader: Grader
    texts: Texts
    json_text: str | None = None  # what was typed as JSON, where it could not be used
    json_error: str = ""
    focus: str = ""  # id of the field that should have the focus next
    touched: str = ""  # prefix of the grader that a button just made or replaced

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
        bench = cls(grader, texts)
        if "json" in texts and _fingerprint(texts["json"]) != texts.get("json_was"):
            bench.json_text = texts["json"]
            bench.json_error = "You changed this, but it is not in the form yet. Put it there, or undo your change."
        return bench

    def apply(self, word: str) -> None:
        """A press of one of the form's buttons; see `forms.changes`."""
        before = set(self.texts)
        self.texts = change(self.texts, word, starting_specs(self.grader.taskset))
        self.touched = word.split(":")[1] if word.startswith("kind:") else ""
        if word.startswith("add:"):
            new = [name for name in self.texts if name not in before and name.endswith(_FIRST_FIELDS)]
            self.focus = f"id_{new[0]}" if new else ""
            self.touched = f"{new[0].rpartition('-')[0]}-g" if new else ""

    def apply_json(self, text: str) -> None:
        """Replace the form by a grader written as JSON; what cannot be read stays in its box with the reason."""
        try:
            if len(text) > MAX_JSON:
                raise SpecError(f"This is longer than {MAX_JSON:,} characters.", fix="Make it shorter.")
            found = parse_json(text)
            spec = parse_spec(found)
        except SpecError as error:
            where = f"At {error.path}: " if error.path else ""
            self.json_text, self.json_error = text, f"{where}{error.message} {error.fix}".strip()
            return
        self.json_text, self.json_error = None, ""
        kept = json.dumps(grader_texts(self.texts), ensure_ascii=False)
        others = {name: text for name, text in self.texts.items() if not name.startswith(f"{ROOT}-")}
        self.texts = {**others, **texts_of(spec.model_dump(mode="json", exclude_none=True)), UNDO: kept}

    # --- what is typed ---------------------------------------------------------------------------------------------

    @cached_property
    def node(self) -> Node:
        node = Node(self.texts)
        node.place(find_errors(self.grader.taskset, node.spec))
        return node

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
        return _fingerprint(self.spec_json)

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
        texts = {f"{row.prefix}-share": row.share for row in rows} | {f"{row.prefix}-words": row.words for row in rows}
        names = {node.prefix: node.names for node in nodes if node.kind == "multi"}
        return {
            "errors": errors,
            "above": above,
            "texts": texts,
            "names": names,
            "json": self.spec_json,
            "json_was": self.json_was,
        }


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).hexdigest()[:16]
