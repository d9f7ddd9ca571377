"""A comparison's answers as evidence for or against its grader."""

from django.http import Http404

from rftstudio.engine.types import Item
from rftstudio.evaluations.models import Answer
from rftstudio.graders.evidence import KeptAnswer, Source
from rftstudio.graders.keeping import keep_answer
from rftstudio.tasksets.rows import to_item


def item_of(answer: Answer) -> Item:
    """The task as the training's version has it."""
    version = answer.comparison.run.taskset_version
    row = version.items.filter(key=answer.item_key).first()
    if row is None:
        raise Http404("The task of this answer is not in the training's version.")
    return to_item(version, row)


def keep_compared(answer: Answer, item: Item) -> KeptAnswer:
    # Which model answered is not said: whoever scores it should not know.
    return keep_answer(
        taskset=answer.comparison.taskset,
        item=item,
        text=answer.text,
        source=Source.COMPARISON,
        origin=f"comparison {answer.comparison_id}",
    )
