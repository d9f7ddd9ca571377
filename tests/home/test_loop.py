"""The whole loop with the real engine on a tiny model: sample opened, published, trained, compared."""

import json

import pytest

from rftstudio.engine.errors import SystemFault
from rftstudio.home.loop import follow, run_loop
from rftstudio.registry.actions import register_local
from rftstudio.runs.actions import cancel_job
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.factories import make_run
from tests.runs.conftest import processes  # noqa: F401

SETTINGS = {"steps": 2, "eval_interval": 1, "batch_size": 8, "group_size": 4, "max_completion_length": 4}


@pytest.mark.slow
@pytest.mark.training
def test_a_sample_goes_all_the_way(processes, workspace, monkeypatch, tmp_path):  # noqa: F811
    from tests.engine.tiny import save_tiny_model

    monkeypatch.setenv("RFT_TEST_ENGINE", "real")
    model = register_local(name="tiny llama", directory=save_tiny_model(tmp_path / "tiny", context=2048))
    said: list[str] = []
    found = run_loop(
        workspace=workspace,
        project="clinic-inbox",
        preset="quick",
        seed=3,
        base_model=model,
        changes=SETTINGS,
        say=said.append,
    )
    run = Run.objects.get(pk=found.run_id)
    comparison = run.comparisons.get()
    assert (found.n_items, comparison.summary["n_items"], comparison.seed, run.seed) == (40, 40, 3, 3)
    assert found.difference == pytest.approx(found.tuned_reward - found.base_reward)
    assert found.ci_low <= found.difference <= found.ci_high
    assert (comparison.status, comparison.automatic) == (Status.SUCCEEDED, True)
    assert comparison.summary["weights"]["tuned"]["adapter_hash"] == run.tuned_model.adapter_hash
    assert comparison.summary["weights"]["tuned"]["as_expected"]
    assert comparison.answers.count() == 320  # 40 tasks, four answers to each, from both models
    by_seed = [json.loads(line) for line in (comparison.directory / "answers.jsonl").read_text().splitlines()]
    assert {row["item_id"] for row in by_seed} == set(comparison.items.values_list("item_key", flat=True))
    assert any("validation reward" in line for line in said)
    assert "320 of 320 answers" in said


def test_a_job_that_fails_says_why(workspace):
    run = make_run(workspace=workspace)
    Run.objects.filter(pk=run.pk).update(status=Status.FAILED, error="The disk is full.")
    run.refresh_from_db()
    with pytest.raises(SystemFault, match="did not succeed. The disk is full. Its log: .*log.txt"):
        follow(run, lambda: None)


def test_interrupted_it_cancels_what_it_waits_for(workspace, monkeypatch):
    run = make_run(workspace=workspace)
    monkeypatch.setattr("rftstudio.home.loop.queue.start_waiting", list)

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("rftstudio.home.loop.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        follow(run, lambda: None)
    run.refresh_from_db()
    assert run.status == Status.CANCELLED


def test_a_cancelled_run_is_no_success(workspace):
    run = make_run(workspace=workspace)
    cancel_job(job=run, by=None)
    with pytest.raises(SystemFault, match="cancelled"):
        follow(run, lambda: None)
