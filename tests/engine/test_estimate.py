"""The arithmetic of time estimates."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.estimate import (
    IMPORT_S,
    Timing,
    Workload,
    estimate_evaluation,
    estimate_training,
    remaining_seconds,
    sampling_seconds,
    training_seconds,
    workload_of,
)
from rftstudio.engine.presets import EvaluationSettings, TrainingSettings, resolve

TIMING = Timing(load_s=1.0, prefill_token_s=0.001, decode_step_s=0.05, decode_row_s=0.002, train_token_s=0.004)
WORK = Workload(n_train=96, n_validation=24, prompt_tokens=150, shared_tokens=110, answer_tokens=4)
SMALL = {"steps": 20, "batch_size": 32, "group_size": 8, "max_completion_length": 16, "eval_interval": 6}
QUICK = TrainingSettings.read(resolve("quick", SMALL))


def test_sampling_counts_shared_tokens_once_and_steps_of_the_longest() -> None:
    seconds = sampling_seconds(TIMING, WORK, prompts=4, samples=8, longest=16)
    assert seconds == pytest.approx(0.001 * (110 + 4 * 40) + 0.05 * 8 + 0.002 * 32 * 4)
    two_batches = sampling_seconds(TIMING, WORK, prompts=32, samples=8, longest=16)
    assert two_batches == pytest.approx(0.001 * (2 * 110 + 32 * 40) + 0.05 * 2 * 8 + 0.002 * 256 * 4)
    assert sampling_seconds(TIMING, WORK, prompts=0, samples=8, longest=16) == 0.0


def test_answers_are_no_longer_than_the_limit() -> None:
    long = Workload(96, 24, 150, 110, 400)
    assert sampling_seconds(TIMING, long, prompts=1, samples=1, longest=10) == pytest.approx(
        0.001 * 150 + 0.05 * 10 + 0.002 * 10
    )


def test_training_counts_distinct_tokens_and_passes() -> None:
    tokens = 110 + 4 * 40 + 32 * 4
    assert training_seconds(TIMING, WORK, QUICK) == pytest.approx(0.004 * tokens)
    twice = TrainingSettings.read(resolve("quick", {**SMALL, "updates_per_batch": 2, "beta": 0.1}))
    assert training_seconds(TIMING, WORK, twice) == pytest.approx(0.004 * tokens * (2 + 2 / 3))


def test_groups_without_a_spread_need_no_update() -> None:
    half = 110 + 0.5 * (4 * 40 + 32 * 4)
    assert training_seconds(TIMING, WORK, QUICK, with_spread=0.5) == pytest.approx(0.004 * half)
    for changed in ({"beta": 0.1}, {"entropy_coef": 0.01}):  # they pull at every answer
        pulled = TrainingSettings.read(resolve("quick", {**SMALL, **changed}))
        whole = training_seconds(TIMING, WORK, pulled)
        assert training_seconds(TIMING, WORK, pulled, with_spread=0.5) == pytest.approx(whole)


def test_a_run_is_its_steps_and_its_evaluations() -> None:
    told = estimate_training(TIMING, WORK, QUICK)
    asked = sampling_seconds(TIMING, WORK, prompts=24, samples=QUICK.eval_samples, longest=16)
    assert told.evaluation_s == pytest.approx(asked)
    evaluations = 1 + 4  # before the first step, after 6, 12, 18, and after the last
    assert told.total_s == pytest.approx(IMPORT_S + 1.0 + 20 * told.step_s + evaluations * told.evaluation_s + 4 * 0.3)
    assert told.first_point_s < told.total_s


def test_an_evaluation_asks_every_model() -> None:
    settings = EvaluationSettings.read({"max_completion_length": 16})
    one = estimate_evaluation(TIMING, WORK, settings, n_items=40, n_models=1)
    two = estimate_evaluation(TIMING, WORK, settings, n_items=40, n_models=2)
    assert two - one == pytest.approx(one - IMPORT_S - 1.0)


def test_prompts_as_text() -> None:
    work = workload_of(["a" * 350 + "b" * 70, "a" * 350 + "c" * 70], n_train=2, n_validation=1, answer_tokens=3)
    assert work.shared_tokens == 100
    assert work.prompt_tokens == 120 + 12
    assert workload_of([], n_train=0, n_validation=0, answer_tokens=3).prompt_tokens == 0


def test_time_left_while_running() -> None:
    assert remaining_seconds(0, 10, []) is None
    assert remaining_seconds(4, 10, [{"step": 2.0}, {"step": 4.0}]) == pytest.approx(18.0)


def test_a_record_of_another_make_is_refused() -> None:
    assert Timing.from_json(TIMING.to_json()) == TIMING
    with pytest.raises(SpecError):
        Timing.from_json({"load_s": 1.0})
