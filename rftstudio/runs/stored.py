"""What trainings sampled, as stored answers that a grader can be tried on."""

from django.db.models import QuerySet

from rftstudio.graders.stored_answers import StoredAnswer, evenly
from rftstudio.runs.models import Rollout
from rftstudio.tasksets.models import TaskSet

_LATEST = 4000


class Rollouts:
    """The latest rollouts of a task set's trainings."""

    def some(self, taskset: TaskSet, limit: int) -> list[StoredAnswer]:
        latest = self._of(taskset).order_by("-pk").values_list("pk", flat=True)[:_LATEST]
        return [_stored(row) for row in self._of(taskset).filter(pk__in=evenly(list(latest), limit)).order_by("-pk")]

    def one(self, taskset: TaskSet, number: int) -> StoredAnswer | None:
        row = self._of(taskset).filter(pk=number).first()
        return _stored(row) if row else None

    def _of(self, taskset: TaskSet) -> "QuerySet[Rollout]":
        return Rollout.objects.filter(run__taskset_version__taskset=taskset).select_related("run")


def _stored(row: Rollout) -> StoredAnswer:
    whose = f"{row.run}, step {row.step}"
    return StoredAnswer(f"training:{row.pk}", row.item_key, row.text, whose, row.truncated)
