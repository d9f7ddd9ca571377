"""Readiness checks with answers, made through the same doors as real ones."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.events import Log
from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.job import read_items, read_job
from rftstudio.engine.types import Sample
from rftstudio.evaluations.models import Readiness
from rftstudio.evaluations.readiness.actions import start_check
from rftstudio.graders.actions import create_grader, publish_grader
from rftstudio.graders.models import Grader
from rftstudio.runs.jobs import Status
from rftstudio.tasksets.actions import add_items, publish_version
from rftstudio.tasksets.models import TaskSet
from tests.factories import DESKS, make_base_model, make_taskset

LABELS = list(DESKS)
SPREAD = [*LABELS, *LABELS]  # right twice in eight


def make_asked_taskset(*, workspace: Workspace, by: User | None = None, n_train: int = 8) -> TaskSet:
    """Choice tasks train-0 … whose right answers take turns, with a grader."""
    taskset = make_taskset(workspace=workspace, by=by, items=0)
    rows = [
        {
            "key": f"{split}-{number}",
            "fields": {"message": f"Message {split} {number} about {LABELS[number % 4]}."},
            "reference_answer": LABELS[number % 4],
            "split": split,
        }
        for split, count in (("train", n_train), ("validation", 4), ("test", 4))
        for number in range(count)
    ]
    add_items(taskset=taskset, by=by, rows=rows)
    create_grader(taskset=taskset, by=by)
    return taskset


def start(*, taskset: TaskSet, by: User | None = None, **more: Any) -> Readiness:
    """A queued check of the published drafts."""
    grader = Grader.objects.used_by(taskset)
    assert grader is not None
    return start_check(
        taskset_version=publish_version(taskset=taskset, by=by),
        grader_version=publish_grader(grader=grader, by=by),
        base_model=make_base_model(),
        by=by,
        **more,
    )


def make_check(
    *,
    taskset: TaskSet,
    by: User | None = None,
    answers: Mapping[str, Sequence[str]] | None = None,
    unscored: Sequence[str] = (),
    truncated: Sequence[str] = (),
    status: str = Status.SUCCEEDED,
    leave_out: int = 0,
    **more: Any,
) -> Readiness:
    """A check that has ended. answers: of each task, eight; `SPREAD` where none are given. They are graded by the
    check's grader and written as the engine writes them. unscored: tasks on which the grader is made to fail.
    leave_out: answers that are missing at the end."""
    check = start(taskset=taskset, by=by, **more)
    job = read_job(check.directory)
    spec = parse_spec(job.grader)
    rows: list[dict[str, Any]] = []
    for item in read_items(check.directory / "items.jsonl"):
        for number, text in enumerate((answers or {}).get(item.id, SPREAD)):
            marked = grade(spec, item, Sample.from_text(text)).to_json()
            if item.id in unscored:
                error = {"flag": "model_grader_server_error", "message": "The judge did not answer."}
                marked |= {"score": None, "error": error, "reason": ""}
            rows.append(
                {
                    "item_id": item.id, "model": "base", "sample": number, "text": text, "tokens": len(text.split()),
                    "truncated": item.id in truncated, "grade": marked, "score": marked["score"], "seconds": 0.1,
                }
            )  # fmt: skip
    log = Log(check.directory / "answers.jsonl")
    for row in rows[: len(rows) - leave_out]:
        log.append(row, key=f"{row['item_id']}:base:{row['sample']}")
    log.close()
    (check.directory / "result.json").write_text(json.dumps({"status": "succeeded", "seconds": 3.0, "models": {}}))
    return finish(check, status=status)


def finish(check: Readiness, *, status: str = Status.SUCCEEDED) -> Readiness:
    """What the supervisor does at the end: the rows in, the status, and what follows."""
    rows = [json.loads(line) for line in (check.directory / "answers.jsonl").read_text().splitlines()]
    now = timezone.now()
    with transaction.atomic():
        check.ingest("answers", rows)
    with transaction.atomic():
        Readiness.objects.filter(pk=check.pk).update(status=status, started_at=now, finished_at=now)
        check.refresh_from_db()
        check.settle()
    check.refresh_from_db()
    return check
