"""What a job takes of the drafts: how many changes wait in them, and publishing them before it starts."""

from collections.abc import Iterator
from contextlib import contextmanager

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.graders.actions import publish_tested, require_tested
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.proof import NotProven
from rftstudio.tasksets.actions import publish_version
from rftstudio.tasksets.compare import count_changes
from rftstudio.tasksets.models import TaskSet, TaskSetVersion


def unpublished(taskset: TaskSet, grader: Grader | None) -> dict[str, int]:
    """Changes since the latest versions: {"taskset", "grader"}. A grader's draft is changed or not: 1 or 0."""
    latest = grader.latest_version if grader else None
    return {
        "taskset": count_changes(taskset, taskset.latest_version),
        "grader": int(grader is not None and latest is not None and grader.content_hash != latest.content_hash),
    }


def prove_draft(*, grader: Grader, grader_version: GraderVersion | None, by: User | None) -> None:
    """Red-team the grader's draft where no version is given. Raises `SpecError` with "grader_version" as its path.

    Call it before the transaction of `publish_drafts`: a refusal takes back what was written in that one, and
    somebody should still see what the grader paid.
    """
    if grader_version is None:
        with _errors_at("grader_version"):
            require_tested(grader=grader, by=by)


def publish_drafts(
    *,
    taskset: TaskSet,
    grader: Grader,
    taskset_version: TaskSetVersion | None,
    grader_version: GraderVersion | None,
    by: User | None,
) -> tuple[TaskSetVersion, GraderVersion]:
    """The versions given; where one is None, its draft is published first. Call it in a transaction.

    Raises `SpecError` with "taskset_version" or "grader_version" as its path where a draft cannot be published.
    """
    if taskset_version is None:
        with _errors_at("taskset_version"):
            taskset_version = publish_version(taskset=taskset, by=by)
    if grader_version is None:
        with _errors_at("grader_version"):
            grader_version = publish_tested(grader=grader, by=by)
    return taskset_version, grader_version


@contextmanager
def _errors_at(path: str) -> Iterator[None]:
    """The author's mistakes in here belong to that field."""
    try:
        yield
    except NotProven as error:
        error.path = path
        raise
    except SpecError as error:
        where = f"{error.path}: " if error.path else ""
        raise SpecError(f"{where}{error.message}", path=path, fix=error.fix) from error
