"""One answer to one item, graded by the grader on the workbench while one types.

Grading runs in the web process: sizes are bounded here so that no page waits long.
"""

import hashlib
import json
import random
from functools import cached_property
from typing import Any

from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.grading import grade
from rftstudio.engine.grading.judges.budget import Spent
from rftstudio.engine.grading.sandbox.pool import patience
from rftstudio.engine.types import Item, Sample
from rftstudio.graders.stored_answers import stored_answer
from rftstudio.graders.toolbox import Toolbox
from rftstudio.graders.workbench import Workbench
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import TaskItem
from rftstudio.tasksets.rows import draft_item

MAX_ANSWER = 20_000  # characters
MAX_SECONDS = 3.0  # for a Python grader
MAX_COMPARED = 100_000_000  # product of two lengths whose likeness is worked out while a page waits


class Tryout:
    """The chosen item and the answer in the box, from the workbench's texts `item` and `answer`."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.taskset = bench.grader.taskset
        self.texts = bench.texts
        self.note = ""
        self.ask_judges = False  # only on a press of the button: judges cost money
        self.spent = ""

    @cached_property
    def _items(self) -> Any:
        return self.taskset.items.live().order_by("pk")

    @cached_property
    def n_items(self) -> int:
        return int(self._items.count())

    @cached_property
    def row(self) -> TaskItem | None:
        """The chosen item, the first one where none is chosen or it is gone."""
        chosen = self.texts.get("item", "")
        found = self._items.filter(pk=int(chosen)).first() if chosen.isdigit() and len(chosen) < 19 else None
        return found or self._items.exclude(reference_answer=None).first() or self._items.first()

    @cached_property
    def position(self) -> int:
        return int(self._items.filter(pk__lte=self.row.pk).count()) if self.row else 0

    def move(self, word: str) -> None:
        """`next`, `previous`, `random` or an item's number; its reference answer becomes the answer."""
        here = self.row
        if here is None:
            return
        if word == "next":
            found = self._items.filter(pk__gt=here.pk).first() or self._items.first()
        elif word == "previous":
            found = self._items.filter(pk__lt=here.pk).last() or self._items.last()
        elif word == "random":
            found = self._items[random.randrange(self.n_items)]
        else:
            found = self._items.filter(pk=int(word)).first() if word.isdigit() and len(word) < 19 else None
        if found is not None:
            self.row = found
            self.__dict__.pop("position", None)
        self.fill("reference")

    def fill(self, word: str) -> None:
        """Put an answer into the box: `reference`, `empty`, `other` (another item's), `wrong` (another label)."""
        row = self.row
        if word == "empty" or row is None:
            self.texts["answer"] = ""
        elif word == "other":
            others = self._items.filter(pk__gt=row.pk).exclude(reference_answer=None)[:200]
            before = self._items.filter(pk__lt=row.pk).exclude(reference_answer=None)[:200]
            differing = (each for each in [*others, *before] if each.reference_answer != row.reference_answer)
            other = next(differing, None)
            self.texts["answer"] = self._shown(other.reference_answer) if other else ""
            self.note = f"The answer of {other.key}." if other else "No other item expects a different answer."
        elif word == "wrong":
            labels = [label for label in self.taskset.choice_labels if label != row.reference_answer]
            here = self.texts.get("answer", "")
            place = labels.index(here) + 1 if here in labels else 0
            self.texts["answer"] = labels[place % len(labels)] if labels else ""
        else:
            self.texts["answer"] = self._shown(row.reference_answer)

    def take(self, ref: str) -> None:
        """A stored answer, with its item, into the box."""
        found = stored_answer(self.taskset, ref)
        if found is None:
            self.note = "This answer is no longer there."
            return
        row = self._items.filter(key=found.item_key).first()
        if row is not None:
            self.row = row
            self.__dict__.pop("position", None)
        self.texts["answer"] = found.text
        self.note = f"From: {found.whose}."

    @property
    def answer(self) -> str:
        if "answer" not in self.texts and self.row is not None:
            return self._shown(self.row.reference_answer)
        return self.texts.get("answer", "")

    @property
    def reference_text(self) -> str:
        return self._shown(self.row.reference_answer) if self.row else ""

    def _shown(self, value: Any) -> str:
        return shown_answer(value, self.taskset.answer_type)

    @cached_property
    def grade(self) -> dict[str, Any] | None:
        """The grade of the answer as JSON, None where there is nothing to grade with; `problem` then says why."""
        item, spec = self._item, self.bench.spec
        if self.problem or item is None or spec is None:
            return None
        try:
            with self._toolbox.lent(judges=bool(self._toolbox.judges)) as judges, patience(MAX_SECONDS):
                found = grade(spec, item, Sample.from_text(self.answer)).to_json()
        except EngineError as error:
            self.problem = str(error)
            return None
        if judges is not None:
            self.spent = spent_words(judges.budget.spent)
        return found

    @cached_property
    def _toolbox(self) -> Toolbox:
        return Toolbox.of(self.taskset.workspace, self.bench.spec or {})

    @property
    def asks_judge(self) -> bool:
        """Whether grading means asking a judge, or a server: what takes time and may cost money."""
        return bool(self.bench.spec and self.bench.spec.calls_in_all())

    @property
    def fingerprint(self) -> str:
        """Of all that a judge is asked about, by which a verdict is known to be of what is on the page."""
        row = self.row.pk if self.row else None
        parts = json.dumps([self.bench.spec_json, row, self.answer], ensure_ascii=False)
        return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def waits_for_press(self) -> bool:
        """Whether nothing but the press of the button is missing for a score."""
        return self.asks_judge and not self.ask_judges and self.problem == self._press_words

    @property
    def _press_words(self) -> str:
        names = " and ".join(f"“{name}”" for name in self._toolbox.judges)
        whom = f"the judge {names}" if names else "a server"
        return f"This grader asks {whom}, which takes a moment and may cost money."

    @property
    def asked(self) -> str:
        """Whom the button asks."""
        return "the judge" if self._toolbox.judges else "the server"

    @cached_property
    def problem(self) -> str:
        """Why nothing can be graded now, in a sentence; "" where it can."""
        if self.row is None:
            return "There is no item yet to try the grader on."
        if self.bench.spec is None:
            one = self.bench.n_wrong == 1
            return f"The grader is not complete: {self.bench.n_wrong} thing{'' if one else 's'} to correct."
        if len(self.answer) > MAX_ANSWER:
            return f"The answer is longer than {MAX_ANSWER:,} characters: too long to be graded while you type."
        if self._item is None:
            return f"This item cannot be asked: {self._item_error}"
        if self.asks_judge and not self.ask_judges:
            return self._press_words
        longest = max((len(str(value)) for value in self._item.fields.values()), default=0)
        if len(self.answer) * longest > MAX_COMPARED and "text_similarity" in self.bench.spec_json:
            return "Answer and reference are too long to be compared while you type."
        return ""

    @cached_property
    def _item_or_error(self) -> tuple[Item | None, str]:
        if self.row is None:
            return None, ""
        try:
            return draft_item(self.taskset, self.row), ""
        except SpecError as error:
            return None, f"{error.message} {error.fix}"

    @property
    def _item(self) -> Item | None:
        return self._item_or_error[0]

    @property
    def _item_error(self) -> str:
        return self._item_or_error[1]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The item's fields as (label, text)."""
        if self.row is None:
            return []
        labels = {each["name"]: each.get("label") or each["name"] for each in self.taskset.input_fields}
        fields = self.row.fields
        names = [*labels, *(name for name in fields if name not in labels)]
        return [(labels.get(name, name), _plain(fields[name])) for name in names if name in fields]


def spent_words(spent: Spent) -> str:
    """`1 call, 240 tokens, cost 0.0012`; "" where nothing was paid."""
    if not spent.calls:
        return ""
    cost = f", cost {spent.cost:.4f}" if spent.cost else ""
    return f"{spent.calls} call{'' if spent.calls == 1 else 's'} to the judge, {spent.tokens:,} tokens{cost}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
