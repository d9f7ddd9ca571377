"""A training that succeeded, and comparisons with answers, made through the same doors as real ones."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.events import Log
from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.job import read_items, read_job
from rftstudio.engine.types import Sample
from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.registry.actions import keep_tuned_model
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.tasksets.actions import add_items
from tests.factories import DESKS, make_run, make_taskset

HASH = "ab12cd34" * 8
LABELS = list(DESKS)


def make_tuned_run(
    *, workspace: Workspace, by: User | None = None, n_test: int = 8, taskset: Any = None, spec: Any = None
) -> Run:
    """A finished training with a tuned model; `n_test` unseen items, every third tagged tricky."""
    if taskset is None:
        taskset = make_taskset(workspace=workspace, by=by, items=0)
        rows = [
            {
                "key": f"{split}-{number}",
                "fields": {"message": f"Message {split} {number} about {LABELS[number % 4]}."},
                "reference_answer": LABELS[number % 4],
                "split": split,
                "tags": ["tricky"] if number % 3 == 0 else ["plain"],
            }
            for split, count in (("train", 8), ("validation", 4), ("test", n_test))
            for number in range(count)
        ]
        add_items(taskset=taskset, by=by, rows=rows)
    if spec is not None:
        from rftstudio.graders.actions import create_grader

        create_grader(taskset=taskset, by=by, spec=spec)
    run = make_run(workspace=workspace, by=by, taskset=taskset)
    adapter = run.directory / "checkpoints" / "step-10"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    run.tuned_model = keep_tuned_model(
        workspace=workspace,
        base_model=run.base_model,
        name="Inbox, training 1, step 10",
        path=adapter,
        adapter_hash=HASH,
        lineage={},
        by=by,
    )
    run.status = Status.SUCCEEDED
    run.save()
    return run


def make_comparison(
    *,
    run: Run,
    base: Sequence[str],
    tuned: Sequence[str],
    status: str = Status.SUCCEEDED,
    adapter_hash: str = HASH,
    against: Run | None = None,
    base_hash: str | None = None,
    unscored: Sequence[tuple[str, int]] = (),
    automatic: bool = False,
    seed: int | None = None,
    **settings: Any,
) -> Comparison:
    """A comparison whose answers to the test items are given, in order (several answers an item: a tuple).

    They are graded by the run's grader, written to the job directory as the engine writes them, and taken in as the
    supervisor does. unscored: (model, index) of answers on which the grader is made to fail.
    """
    asked = {"samples": 1, **settings}
    comparison = create_comparison(run=run, against=against, settings=asked, automatic=automatic, seed=seed)
    job = read_job(comparison.directory)
    items = read_items(comparison.directory / "items.jsonl")
    spec = parse_spec(job.grader)
    log = Log(comparison.directory / "answers.jsonl")
    for model, texts in (("base", base), ("tuned", tuned)):
        for index, (item, given) in enumerate(zip(items, texts, strict=True)):
            for number, text in enumerate([given] if isinstance(given, str) else given):
                marked = grade(spec, item, Sample.from_text(text)).to_json()
                if (model, index) in unscored:
                    error = {"flag": "model_grader_server_error", "message": "The judge did not answer."}
                    marked |= {"score": None, "error": error, "reason": ""}
                row = {
                    "item_id": item.id,
                    "model": model,
                    "sample": number,
                    "text": text,
                    "tokens": len(text.split()),
                    "truncated": False,
                    "grade": marked,
                    "score": marked["score"],
                    "seconds": 0.1,
                }
                log.append(row, key=f"{item.id}:{model}:{number}")
    log.close()
    weights = {
        "base": {"adapter_hash": base_hash, "weights": base_hash or "base, adapter off", "seconds": 3.0},
        "tuned": {"adapter_hash": adapter_hash, "weights": adapter_hash, "seconds": 4.0},
    }
    (comparison.directory / "result.json").write_text(json.dumps({"models": weights}))
    return finish(comparison, status=status)


def finish(comparison: Comparison, *, status: str = Status.SUCCEEDED) -> Comparison:
    """What the supervisor does at the end: the rows in, the status, and what follows."""
    rows = [json.loads(line) for line in (comparison.directory / "answers.jsonl").read_text().splitlines()]
    with transaction.atomic():
        comparison.ingest("answers", rows)
    with transaction.atomic():
        Comparison.objects.filter(pk=comparison.pk).update(status=status)
        comparison.refresh_from_db()
        comparison.settle()
    comparison.refresh_from_db()
    return comparison
