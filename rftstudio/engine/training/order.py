"""Which items each step trains on, and at which rate: functions of the seed and the settings alone."""

import math
from collections.abc import Iterator

import torch
from torch.utils.data import Sampler as IndexSampler

from rftstudio.engine.inference.sampler import seed_for
from rftstudio.engine.presets import TrainingSettings


def rate(settings: TrainingSettings, update: int) -> float:
    """Share of the learning rate at update `update`, counted from 0."""
    step = update // settings.updates_per_batch
    warm = min(1.0, (step + 1) / (settings.warmup_steps + 1))
    left = 1.0 - step / settings.steps
    if settings.schedule == "linear":
        return warm * left
    if settings.schedule == "cosine":
        return warm * 0.5 * (1.0 - math.cos(math.pi * left))
    return warm


class DataOrder(IndexSampler[int]):
    """Which item each row of each step trains on: a fresh shuffle of all items per pass, cut into steps.

    A function of the seed alone, so a restarted run goes on with the items it would have had. Items left
    over at the end of a pass begin the next one, so that none is dropped.
    """

    def __init__(
        self,
        *,
        n_items: int,
        n_steps: int,
        first_step: int,
        prompts_per_step: int,
        group_size: int,
        updates: int,
        seed: int,
    ) -> None:
        self.n_items = n_items
        self.n_steps = n_steps
        self.first_step = first_step
        self.prompts_per_step = prompts_per_step
        self.group_size = group_size
        self.updates = updates
        self.seed = seed
        self._drawn: tuple[int, list[int]] = (-1, [])

    def items_of(self, step: int) -> list[int]:
        """Items of step `step`, counted from 0; one may occur twice where a pass ends within the step."""
        places = range(step * self.prompts_per_step, (step + 1) * self.prompts_per_step)
        return [self._shuffle(place // self.n_items)[place % self.n_items] for place in places]

    def _shuffle(self, turn: int) -> list[int]:
        if self._drawn[0] == turn:
            return self._drawn[1]
        generator = torch.Generator().manual_seed(seed_for(self.seed, "order", turn) >> 1)
        self._drawn = turn, torch.randperm(self.n_items, generator=generator).tolist()
        return self._drawn[1]

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.n_steps):
            items = self.items_of(step)
            for _ in range(self.updates):
                for item in items:
                    yield from [item] * self.group_size

    def __len__(self) -> int:
        # Of the whole run, also after a restart: the trainer derives its number of passes from it.
        return self.n_steps * self.updates * self.prompts_per_step * self.group_size
