"""Runs with a past, for page tests: rows as the engine's logs would make them, through the product's own ingestion."""

from typing import Any

from django.utils import timezone

from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.factories import make_run


def metrics(step: int, total: int = 20, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "step": step,
        "total_steps": total,
        "timing": {"sampling": 1.0, "grading": 0.1, "training": 0.9, "evaluation": 0.0, "step": 2.0},
    }
    if step:
        data |= {
            "train_reward_mean": 0.1 + step / 50,
            "scores": {"desk": 0.1 + step / 50, "form": 0.5},
            "frac_reward_zero_std": 0.25,
            "completion_length_mean": 4.0,
            "completion_length_max": 9,
            "truncated_share": 0.0,
            "entropy": 1.2,
            "n_no_score": 0,
        }
    if step % 5 == 0:
        mean = 0.1 + step / 40
        data |= {"valid_reward_mean": mean, "valid_reward_ci": [mean - 0.05, mean + 0.05]}
        data |= {"valid_scores": {"desk": mean, "form": 0.6}}
        data["timing"] = {**data["timing"], "evaluation": 3.0, "step": 5.0 if step else 3.0}
    return data | more


def event(seq: int, kind: str, data: dict[str, Any], message: str = "", level: str = "info") -> dict[str, Any]:
    return {"seq": seq, "created_at": 1.8e9 + seq, "type": kind, "level": level, "message": message, "data": data}


def rollout(
    seq: int, step: int, group: int, index: int, item: str, reward: float | None, **more: Any
) -> dict[str, Any]:
    grade = {"name": "desk", "type": "exact_choice", "score": reward, "reason": f"reason {seq}", "children": []}
    return {
        "seq": seq, "step": step, "phase": "train" if step else "valid", "group": group, "index": index,
        "item_id": item, "text": f"answer number {seq}", "tokens": 3, "truncated": False, "grade": grade,
        "reward": reward, "advantage": 0.5, "discard": "", **more,
    }  # fmt: skip


def run_at(
    step: int, *, workspace: Any, by: Any = None, total: int = 20, status: str = Status.RUNNING, taskset: Any = None
) -> Run:
    """A run that has reported every step up to `step`, four answers to each of two tasks."""
    run = make_run(workspace=workspace, by=by, taskset=taskset, settings={"steps": total, "eval_interval": 5})
    Run.objects.filter(pk=run.pk).update(status=status, started_at=timezone.now(), heartbeat_at=timezone.now())
    run.refresh_from_db()
    rows = [event(1, "started", {"total_steps": total, "host": "here", "versions": {"torch": "2"}, "model": {}})]
    for one in range(step + 1):
        rows.append(event(len(rows) + 1, "metrics", metrics(one, total), f"Step {one}"))
        if one and one % 5 == 0:
            data = {"step": one, "path": f"checkpoints/step-{one}", "valid_reward_mean": 0.1 + one / 40}
            data |= {"best": True, "adapter_hash": f"{one:064d}", "metrics": {}}
            rows.append(event(len(rows) + 1, "checkpoint", data, f"Checkpoint of step {one}"))
    run.ingest("events", rows)
    items = list(run.taskset_version.items.filter(split="train").values_list("key", flat=True))[:2]
    answers = [
        rollout(seq, one, group, index, items[group], round(index / 4, 2))
        for seq, (one, group, index) in enumerate(
            ((one, group, index) for one in range(step + 1) for group in range(2) for index in range(4)), start=1
        )
    ]
    run.ingest("rollouts", answers)
    run.refresh_from_db()
    return run
