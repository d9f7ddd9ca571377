"""Which item is trained on when, and how fast."""

import pytest

from rftstudio.engine.presets import TrainingSettings, resolve
from rftstudio.engine.training.order import DataOrder, rate


def order(first_step: int = 0, *, n_items: int = 7, n_steps: int = 9, updates: int = 1, seed: int = 0) -> DataOrder:
    return DataOrder(
        n_items=n_items,
        n_steps=n_steps,
        first_step=first_step,
        prompts_per_step=3,
        group_size=2,
        updates=updates,
        seed=seed,
    )


def test_every_item_is_seen_equally_often() -> None:
    seen = [item for step in range(7) for item in order().items_of(step)]  # three passes
    assert sorted(seen) == sorted([*range(7)] * 3)
    assert sorted(seen[:7]) == [*range(7)]
    assert seen[:7] != seen[7:14]


def test_rows_come_in_groups_and_batches_are_repeated_for_further_updates() -> None:
    rows = list(order(n_steps=2, updates=2))
    first = order().items_of(0)
    assert rows[:6] == rows[6:12] == [item for item in first for _ in range(2)]
    assert len(rows) == len(order(n_steps=2, updates=2)) == 24


def test_a_restart_goes_on_with_the_items_it_would_have_had() -> None:
    assert list(order(4)) == list(order())[4 * 6 :]
    assert len(order(4)) == len(order())  # of the whole run: the trainer counts its passes by it


def test_seeds_differ() -> None:
    assert list(order(seed=1)) != list(order(seed=2))
    assert list(order(seed=1)) == list(order(seed=1))


def test_fewer_items_than_a_step_takes() -> None:
    assert sorted(order(n_items=1).items_of(5)) == [0, 0, 0]
    assert set(order(n_items=2).items_of(0)) == {0, 1}


def rates(**changes: object) -> list[float]:
    settings = TrainingSettings.read(
        resolve("quick", {"steps": 10, "warmup_steps": 3, "schedule": "constant", **changes})
    )
    return [rate(settings, update) for update in range(settings.steps * settings.updates_per_batch)]


def test_the_rate_rises_and_never_begins_with_nothing() -> None:
    assert rates()[:4] == [0.25, 0.5, 0.75, 1.0]
    assert set(rates()[4:]) == {1.0}
    assert rates(warmup_steps=0) == [1.0] * 10


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_falls_to_almost_nothing(schedule: str) -> None:
    found = rates(schedule=schedule, warmup_steps=0)
    assert found[0] == 1.0
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < 0.11


def test_updates_of_one_batch_share_a_rate() -> None:
    found = rates(updates_per_batch=2)
    assert found[::2] == found[1::2] == rates()
