"""Take the engine's log lines into rows, idempotently by `seq`: answers, progress, versions and warnings."""

from typing import Any

from rftstudio.evaluations.models import Answer, Attempt, Comparison, Readiness
from rftstudio.runs.ingest import without_nul

KEPT_MESSAGES = 50


def ingest_rows(*, comparison: Comparison, log: str, rows: list[dict[str, Any]]) -> None:
    """Rows of "answers" or "events". Called in a transaction; the same rows again change nothing."""
    rows = [without_nul(row) for row in rows]
    if log == "answers":
        Answer.objects.bulk_create([_answer(comparison, row) for row in rows], batch_size=500, ignore_conflicts=True)
    elif log == "events":
        _take_events(comparison, rows)


def ingest_attempts(*, check: Readiness, log: str, rows: list[dict[str, Any]]) -> None:
    """The same for a readiness check, which has one model."""
    rows = [without_nul(row) for row in rows]
    if log == "answers":
        attempts = [Attempt(readiness=check, **_given(row)) for row in rows]
        Attempt.objects.bulk_create(attempts, batch_size=500, ignore_conflicts=True)
    elif log == "events":
        _take_events(check, rows)


def _answer(comparison: Comparison, row: dict[str, Any]) -> Answer:
    return Answer(comparison=comparison, model=row["model"], **_given(row))


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "item_key": str(row["item_id"])[:64],
        "sample": row["sample"],
        "text": row["text"],
        "tokens": row["tokens"],
        "truncated": row["truncated"],
        "score": row["score"],
        "grade": row["grade"],
    }


def _take_events(job: Comparison | Readiness, rows: list[dict[str, Any]]) -> None:
    """Progress and what judges cost, the first event (versions, host, model), warnings; the latest of each wins."""
    result: dict[str, Any] = dict(job.result)
    warnings: list[dict[str, Any]] = list(result.get("warnings", []))
    seen = {warning["seq"] for warning in warnings}
    progress = job.progress
    for row in rows:
        if row["type"] == "progress":
            progress = {name: row["data"][name] for name in ("done", "total", "judges") if name in row["data"]}
        elif row["type"] == "started":
            result["started"] = row["data"]
        elif row["type"] == "message" and row["level"] in ("warn", "error") and row["seq"] not in seen:
            warnings.append({"seq": row["seq"], "level": row["level"], "message": row["message"]})
    result["warnings"] = warnings[-KEPT_MESSAGES:]
    type(job)._default_manager.filter(pk=job.pk).update(progress=progress, result=result)
    job.progress, job.result = progress, result
