"""The engine's log rows of a training into table rows. Idempotent by `seq`; called inside a transaction."""

from datetime import UTC, datetime
from typing import Any

from rftstudio.runs.models import Checkpoint, Rollout, Run, RunEvent

NUL, INSTEAD = "\x00", "\N{REPLACEMENT CHARACTER}"  # models do write NUL; PostgreSQL refuses it in text


def ingest_rows(*, run: Run, log: str, rows: list[dict[str, Any]]) -> None:
    """Take rows of `events.jsonl` or `rollouts.jsonl`. Rows that are there already are left as they are."""
    rows = [without_nul(row) for row in rows]
    if log == "events":
        RunEvent.objects.bulk_create([_event(run, row) for row in rows], ignore_conflicts=True)
        _follow(run, rows)
    elif log == "rollouts":
        Rollout.objects.bulk_create([_rollout(run, row) for row in rows], ignore_conflicts=True)


def without_nul(value: Any) -> Any:
    """The same JSON value with every NUL character replaced by U+FFFD."""
    if isinstance(value, str):
        return value.replace(NUL, INSTEAD) if NUL in value else value
    if isinstance(value, dict):
        return {without_nul(key): without_nul(child) for key, child in value.items()}
    if isinstance(value, list):
        return [without_nul(child) for child in value]
    return value


def _event(run: Run, row: dict[str, Any]) -> RunEvent:
    data = row.get("data") or {}
    return RunEvent(
        run=run,
        seq=row["seq"],
        type=row["type"],
        level=row.get("level", "info"),
        message=row.get("message", ""),
        step=data.get("step"),
        data=data,
        created_at=datetime.fromtimestamp(row["created_at"], tz=UTC),
    )


def _rollout(run: Run, row: dict[str, Any]) -> Rollout:
    return Rollout(
        run=run,
        seq=row["seq"],
        step=row["step"],
        phase=row["phase"],
        group=row["group"],
        index=row["index"],
        item_key=str(row["item_id"])[:64],
        text=row["text"],
        tokens=row.get("tokens", 0),
        truncated=row.get("truncated", False),
        reward=row["reward"],
        advantage=row.get("advantage"),
        discard=(row.get("discard") or "")[:40],
        grade=row["grade"] or {},
    )


def _follow(run: Run, rows: list[dict[str, Any]]) -> None:
    """What events change beside their own row: progress and checkpoints."""
    progress = dict(run.progress)
    for row in rows:
        data = row.get("data") or {}
        if row["type"] == "started":
            progress = {"done": progress.get("done", 0), "total": data.get("total_steps")}
        elif row["type"] == "metrics":
            progress = {"done": max(data["step"], progress.get("done") or 0), "total": data["total_steps"]}
        elif row["type"] == "checkpoint":
            _checkpoint(run, data)
        elif row["type"] == "checkpoint_removed":
            run.checkpoints.filter(step=data["step"]).update(removed=True)
    if progress != run.progress:
        run.progress = progress
        Run.objects.filter(pk=run.pk).update(progress=progress)


def _checkpoint(run: Run, data: dict[str, Any]) -> None:
    best = bool(data.get("best"))
    if best:
        run.checkpoints.filter(is_best=True).update(is_best=False)
    Checkpoint.objects.update_or_create(
        run=run,
        step=data["step"],
        defaults={
            "path": data["path"],
            "valid_reward_mean": data.get("valid_reward_mean"),
            "metrics": data.get("metrics") or {},
            "adapter_hash": data.get("adapter_hash") or "",
            "is_best": best,
            "removed": False,
        },
    )
