"""Log rows into table rows: once each, whatever is delivered twice."""

import pytest

from rftstudio.runs.ingest import without_nul
from tests.runs.made import event, metrics, rollout, run_at

pytestmark = pytest.mark.django_db


def test_the_same_rows_twice_are_there_once(workspace):
    run = run_at(4, workspace=workspace)
    before = (run.events.count(), run.rollouts.count(), run.checkpoints.count(), run.progress)
    rows = [event(seq, "metrics", metrics(seq - 2)) for seq in range(2, 5)]
    run.ingest("events", rows)
    run.ingest("rollouts", [rollout(1, 0, 0, 0, "x", 0.9)])
    run.refresh_from_db()
    assert (run.events.count(), run.rollouts.count(), run.checkpoints.count(), run.progress) == before
    assert run.rollouts.get(seq=1).reward == 0.0


def test_progress_follows_the_newest_step_only_forwards(workspace):
    run = run_at(4, workspace=workspace)
    assert run.progress == {"done": 4, "total": 20}
    run.ingest("events", [event(90, "started", {"total_steps": 20})])
    assert run.progress["done"] == 4


def test_one_best_checkpoint_and_removed_ones(workspace):
    run = run_at(10, workspace=workspace)
    assert list(run.checkpoints.filter(is_best=True).values_list("step", flat=True)) == [10]
    run.ingest("events", [event(80, "checkpoint_removed", {"step": 5})])
    assert run.checkpoints.get(step=5).removed


def test_nul_is_replaced_everywhere(workspace):
    run = run_at(1, workspace=workspace)
    row = rollout(500, 1, 0, 9, "item", None, text="a\x00b", discard="no score")
    row["grade"]["reason"] = "saw \x00"
    run.ingest("rollouts", [row])
    saved = run.rollouts.get(seq=500)
    assert (saved.text, saved.grade["reason"], saved.reward) == ("a\ufffdb", "saw \ufffd", None)
    assert without_nul({"k\x00": ["\x00", 1]}) == {"k\ufffd": ["\ufffd", 1]}


def test_an_unknown_log_changes_nothing(workspace):
    run = run_at(1, workspace=workspace)
    before = run.events.count()
    run.ingest("answers", [{"seq": 1}])
    assert run.events.count() == before
