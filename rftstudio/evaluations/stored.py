"""What comparisons and readiness checks sampled, as stored answers that a grader can be tried on."""

from django.db.models import QuerySet

from rftstudio.evaluations.models import Answer, Attempt
from rftstudio.graders.stored_answers import StoredAnswer, evenly
from rftstudio.tasksets.models import TaskSet

_LATEST = 4000


class ComparedAnswers:
    """The latest answers of base and tuned models in a task set's comparisons."""

    def some(self, taskset: TaskSet, limit: int) -> list[StoredAnswer]:
        latest = self._of(taskset).order_by("-pk").values_list("pk", flat=True)[:_LATEST]
        return [_stored(row) for row in self._of(taskset).filter(pk__in=evenly(list(latest), limit)).order_by("-pk")]

    def one(self, taskset: TaskSet, number: int) -> StoredAnswer | None:
        row = self._of(taskset).filter(pk=number).first()
        return _stored(row) if row else None

    def _of(self, taskset: TaskSet) -> "QuerySet[Answer]":
        return Answer.objects.filter(comparison__run__taskset_version__taskset=taskset).select_related(
            "comparison__run", "comparison__against"
        )


def _stored(row: Answer) -> StoredAnswer:
    whose = f"{_side(row)} model, comparison of {row.comparison.run}"
    return StoredAnswer(f"comparison:{row.pk}", row.item_key, row.text, whose, row.truncated)


def _side(row: Answer) -> str:
    """base, tuned, or how the model was trained."""
    if row.comparison.against is None:
        return row.model
    return row.comparison.names.get(row.model, row.model)


class CheckedAnswers:
    """The latest answers of base models in a task set's readiness checks."""

    def some(self, taskset: TaskSet, limit: int) -> list[StoredAnswer]:
        latest = self._of(taskset).order_by("-pk").values_list("pk", flat=True)[:_LATEST]
        return [_attempt(row) for row in self._of(taskset).filter(pk__in=evenly(list(latest), limit)).order_by("-pk")]

    def one(self, taskset: TaskSet, number: int) -> StoredAnswer | None:
        row = self._of(taskset).filter(pk=number).first()
        return _attempt(row) if row else None

    def _of(self, taskset: TaskSet) -> "QuerySet[Attempt]":
        return Attempt.objects.filter(readiness__taskset_version__taskset=taskset)


def _attempt(row: Attempt) -> StoredAnswer:
    whose = "base model, readiness check"
    return StoredAnswer(f"readiness:{row.pk}", row.item_key, row.text, whose, row.truncated)
