"""GRPO on TRL's trainer, extended at its seams: sampling, rewards, data order, learning rate, checkpoints.

TRL computes advantages and losses; what is replaced here is how completions are sampled
(`engine.inference.sampler`), rated and saved. How the loss is computed is in `packed_loss`.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import torch

from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Completion, Sampler, seed_for
from rftstudio.engine.training.journal import Batch, Journal
from rftstudio.engine.training.order import DataOrder
from rftstudio.engine.training.packed_loss import PackedLoss
from rftstudio.engine.training.seams import Seams

Rewarder = Callable[[Sequence[Prompt], Sequence[Completion]], list[float | None]]


class StudioTrainer(Seams, PackedLoss):
    """See the module. Further arguments than TRL's and those of `Seams`:

    prompts: the training items; the dataset has a column `row` with indices into them.
    sampler, rewarder: how completions are made and rated.
    on_answer: called with the row, prompt and completion of each answer as it ends, others still being sampled.
    on_batch: called with each sampled and rated batch, and its step.
    """

    def __init__(
        self,
        *,
        prompts: Sequence[Prompt],
        sampler: Sampler,
        rewarder: Rewarder,
        on_answer: Callable[[int, Prompt, Completion], None] | None = None,
        on_batch: Callable[[int, Batch], None] | None = None,
        **arguments: Any,
    ) -> None:
        self.prompts = prompts
        self.rewarder = rewarder
        self.on_answer = on_answer
        self.on_batch = on_batch
        self.batch = Batch()
        super().__init__(sampler=sampler, reward_funcs=self._reward, **arguments)

    def report(self, journal: Journal, step: int, updates: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """The metrics of the step just done. updates: what TRL logged for each of its updates."""
        return journal.step_metrics(step, self.batch, updates, seconds)

    # data order

    def _get_train_sampler(self, dataset: Any = None) -> "DataOrder":
        return DataOrder(
            n_items=len(self.prompts),
            n_steps=self.args.max_steps // self.num_iterations,
            first_step=self.first_step,
            prompts_per_step=self.args.per_device_train_batch_size // self.num_generations,
            group_size=self.num_generations,
            updates=self.num_iterations,
            seed=self.args.seed,
        )

    # sampling and rewards

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self.batch = Batch(prompts=[self.prompts[row["row"]] for row in inputs])
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        output["advantages"] = self._settle_advantages(output["advantages"])
        if self.on_batch is not None:
            self.on_batch(self.step, self.batch)
        return output

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [prompt.tokens for prompt in self.batch.prompts], None, {}

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], images: Any, multimodal_fields: Any, num_generations: int, *_: Any
    ) -> tuple[list[list[int]], list[list[float]]]:
        began = perf_counter()
        firsts = range(0, len(prompt_ids), num_generations)
        seeds = [
            [
                seed_for(self.args.seed, "train", self.step, group, self.batch.prompts[first].item.id, index)
                for index in range(num_generations)
            ]
            for group, first in enumerate(firsts)
        ]

        def done(group: int, index: int, completion: Completion) -> None:
            if self.on_answer is not None:
                row = group * num_generations + index
                self.on_answer(row, self.batch.prompts[row], completion)

        model = self.accelerator.unwrap_model(self.model)
        model.eval()
        groups = self.sampler.sample(
            [prompt_ids[first] for first in firsts],
            seeds,
            max_new_tokens=self.max_completion_length,
            temperature=self.temperature,
            keep_readings=self.keeps(prompt_ids),
            on_done=done,
        )
        model.train()
        self.batch.completions = [completion for group in groups for completion in group]
        self.batch.sampling_s = perf_counter() - began
        rows = self.batch.completions
        return [completion.tokens for completion in rows], [completion.logps for completion in rows]

    def _reward(self, **_: Any) -> list[float | None]:
        began = perf_counter()
        self.batch.rewards = self.rewarder(self.batch.prompts, self.batch.completions)
        self.batch.grading_s = perf_counter() - began
        return self.batch.rewards

    def _settle_advantages(self, advantages_B: torch.Tensor) -> torch.Tensor:
        """Exactly zero where there is nothing to learn from: no score, or a group without spread.

        Rounding in a mean of equal rewards leaves about 1e-8, which would be divided by TRL's 1e-4.
        """
        advantages_B = advantages_B.clone()
        size = self.num_generations
        discards = []
        for first in range(0, len(advantages_B), size):
            rewards = self.batch.rewards[first : first + size]
            scored = [reward for reward in rewards if reward is not None]
            flat = len(scored) < 2 or max(scored) == min(scored)
            if flat:
                advantages_B[first : first + size] = 0.0
            for row, reward in enumerate(rewards, first):
                truncated = self.mask_truncated_completions and self.batch.completions[row].truncated
                why = "no score" if reward is None else "no spread" if flat else "truncated" if truncated else ""
                discards.append(why)
        self.batch.advantages = advantages_B.tolist()
        self.batch.discards = discards
        return advantages_B
