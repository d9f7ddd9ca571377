"""Whether a grader fits its task set: its fields, and the reference answers that it must be able to mark.

Nothing is saved here, and nothing is decided about who may.
"""

from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, check_variables, grade, parse_spec, spec_errors
from rftstudio.engine.grading.sandbox.pool import patience
from rftstudio.engine.grading.string_check import StringCheck
from rftstudio.engine.grading.text_similarity import TextSimilarity
from rftstudio.engine.types import Item, Sample
from rftstudio.graders.toolbox import Toolbox, missing_tools
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.models import TaskItem, TaskSet
from rftstudio.tasksets.rows import draft_item

MAX_SPEC_BYTES = 640 * 1024  # a Python source may have 256 kB, and is longer as JSON
REFERENCE_ITEMS = 300
REFERENCE_SECONDS = 5.0
FULL = 1 - 1e-9
_COLUMNS_FROM = 50


def known_fields(taskset: TaskSet) -> list[str]:
    """What a template may name after `item.`: the task's columns, those of imported items, and the reference answer."""
    names = dict.fromkeys(taskset.field_names)
    for fields in taskset.items.live().values_list("fields", flat=True)[:_COLUMNS_FROM]:
        names.update(dict.fromkeys(fields))
    names["reference_answer"] = None
    return list(names)


def find_errors(taskset: TaskSet, data: Any) -> list[SpecError]:
    """Everything wrong with a spec for this task set, each with the path of its field. Empty: it may be saved."""
    return spec_errors(data) or _misfits(taskset, parse_spec(data))


def check_spec(taskset: TaskSet, data: Any) -> Spec:
    """The spec. Raises `SpecError` for the first thing wrong."""
    spec = parse_spec(data)
    if len(spec.model_dump_json()) > MAX_SPEC_BYTES:
        message = f"The grader is larger than {MAX_SPEC_BYTES // 1024} KiB."
        raise SpecError(message, fix="Put long lists of other names into a column of the task set.")
    if errors := _misfits(taskset, spec):
        raise errors[0]
    return spec


def _misfits(taskset: TaskSet, spec: Spec) -> list[SpecError]:
    """Columns that the items lack, judges and word lists that the workspace lacks, comparisons with nothing."""
    stored = spec.model_dump(mode="json", exclude_none=True)
    missing = [*check_variables(spec, known_fields(taskset)), *missing_tools(taskset.workspace, stored)]
    return [*missing, *_empty_handed(spec)]


def _empty_handed(spec: Spec, above: str = "") -> list[SpecError]:
    """Parts that look for an empty text, which every answer contains, or measure the likeness to one.

    Not an error of the spec itself: other people's JSON may say so, and versions published before still have to open.
    """
    found = [error for path, part in spec.parts() for error in _empty_handed(part, f"{above}{path}.")]
    looks = isinstance(spec, StringCheck) and spec.operation in ("like", "ilike")
    if (looks or isinstance(spec, TextSimilarity)) and not getattr(spec, "reference", "").strip():
        message = "There is nothing to look for, and every answer contains an empty text."
        message = message if looks else "There is nothing to compare with."
        found.append(SpecError(message, path=f"{above}reference", fix="Usually it is {{ item.reference_answer }}."))
    return found


def reference_sample(item: Item, answer_type: str) -> Sample:
    """The reference answer as a model would write it."""
    return Sample.from_text(shown_answer(item.fields.get("reference_answer"), answer_type))


def spread(taskset: TaskSet, limit: int) -> list[TaskItem]:
    """At most `limit` live items that have a reference answer, evenly from first to last."""
    keys = list(taskset.items.live().exclude(reference_answer=None).values_list("pk", flat=True).order_by("pk"))
    if len(keys) > limit:
        keys = [keys[round(index * (len(keys) - 1) / (limit - 1))] for index in range(limit)]
    return list(TaskItem.objects.filter(pk__in=keys).order_by("pk"))


@dataclass(frozen=True)
class Marked:
    """An item whose own reference answer does not get full marks: how much, and why."""

    pk: int
    key: str
    score: float | None
    reason: str


@dataclass(frozen=True)
class ReferenceCheck:
    """The reference answers graded against themselves."""

    n: int
    no_score: list[Marked] = field(default_factory=list)
    below_full: list[Marked] = field(default_factory=list)

    @property
    def warning(self) -> str:
        """One sentence, "" where every reference gets full marks."""
        if not self.below_full:
            return ""
        lowest = min(marked.score or 0.0 for marked in self.below_full)
        many = len(self.below_full)
        where = f"{self.below_full[0].key}" if many == 1 else f"{many} of {self.n} items"
        return f"The reference answer itself does not get full marks on {where}; the lowest score is {lowest:.2f}."


def check_references(taskset: TaskSet, spec: Spec, *, limit: int = REFERENCE_ITEMS) -> ReferenceCheck:
    """Grade each reference answer against itself; stops after a few seconds, with what it has by then.

    A grader that asks a judge is not tried here: n is 0.
    """
    started = monotonic()
    definition = definition_of(taskset)
    n = 0
    no_score: list[Marked] = []
    below: list[Marked] = []
    toolbox = Toolbox.of(taskset.workspace, spec)
    if spec.calls_in_all():  # hundreds of calls cost money and minutes, and nobody asked for them
        return ReferenceCheck(0)
    for row in spread(taskset, limit):
        if monotonic() - started > REFERENCE_SECONDS:
            break
        item = draft_item(taskset, row, definition=definition)
        with toolbox.lent(), patience(REFERENCE_SECONDS):
            found = grade(spec, item, reference_sample(item, taskset.answer_type))
        n += 1
        if found.score is None:
            no_score.append(Marked(row.pk, row.key, None, found.reason))
        elif found.score < FULL:
            below.append(Marked(row.pk, row.key, found.score, found.reason))
    return ReferenceCheck(n, no_score, below)


def require_references(taskset: TaskSet, spec: Spec) -> ReferenceCheck:
    """`check_references`. Raises `SpecError` where a reference answer gets no score at all."""
    checked = check_references(taskset, spec)
    if checked.no_score:
        first = checked.no_score[0]
        count = len(checked.no_score)
        others = f" and {count - 1} more" if count > 1 else ""
        raise SpecError(
            f"The grader cannot mark the reference answer of item {first.key}{others}: {first.reason}",
            fix="Correct the item or the grader; answers without a score cannot train.",
        )
    return checked
