"""Whether a grader can mark these items at all, found before a model is loaded: its columns, and reference answers.

It asks no judge and runs no Python: what those say of an answer, they say when it is marked. Nor does it try a grader
that looks for a part of a JSON answer, since the reference need not be a whole one.
"""

from collections.abc import Sequence

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.grade import grade
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.python import python_graders
from rftstudio.engine.grading.spec import check_variables
from rftstudio.engine.grading.text import as_text
from rftstudio.engine.types import Grade, Item, Sample

LOOKED_AT = 8  # reference answers marked as a trial


def check_fits(spec: Spec, items: Sequence[Item]) -> None:
    """Raises `SpecError` (path: "grader.…") where it names a field that no item has, or marks no reference answer.

    One reference answer that cannot be marked is the item's matter; that none can be means that the grader is for
    another kind of answer.
    """
    if errors := check_variables(spec, {name for item in items for name in item.fields}):
        first = errors[0]
        raise SpecError(first.message, path=f"grader.{first.path}".rstrip("."), fix=first.fix)
    if spec.calls_in_all() or any(python_graders(spec)) or _takes_the_answer_apart(spec):
        return
    known = [item for item in items if isinstance(item.fields.get("reference_answer"), str | int | float)]
    marks = [grade(spec, item, Sample.from_text(_text(item))) for item in known[:: -(-len(known) // LOOKED_AT) or 1]]
    if marks and all(mark.score is None for mark in marks):
        raise SpecError(
            f"The grader cannot mark the reference answer of any task. Of {known[0].id}: {why(marks[0])}",
            path="grader",
            fix="Choose a grader, or a version of it, that is made for this kind of answer.",
        )


def why(marked: Grade) -> str:
    """The first reason in a tree of grades without a score."""
    if marked.error is not None:
        return str(marked.error.message)
    for child in marked.children:
        if child.score is None:
            return why(child)
    return str(marked.reason or "it gives no score.")


def _takes_the_answer_apart(spec: Spec) -> bool:
    """Whether it reads more of an answer than its text: the reference may then be only a part of a right one."""
    return any(variable.root == "sample" and variable.name != "output_text" for _, variable in spec.variables())


def _text(item: Item) -> str:
    return as_text(item.fields["reference_answer"])
