"""GRPO on TRL's trainer, extended at its seams: sampling, log-probabilities, loss in parts, data order.

TRL computes advantages and losses; what is replaced is how completions are sampled
(`engine.inference.sampler`), how log-probabilities are computed (`shared_prefix`) and that rows which
contribute nothing are not computed. The loss and its gradient are those of stock TRL.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from time import perf_counter
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from trl import GRPOTrainer

from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.prefill import Reading, nodes, read
from rftstudio.engine.inference.sampler import Completion, Sampler, seed_for
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training import shared_prefix
from rftstudio.engine.training.checkpoints import Saved, restore_model, restore_random, restore_training
from rftstudio.engine.training.journal import Batch
from rftstudio.engine.training.order import DataOrder, rate
from rftstudio.engine.training.shared_prefix import Row

KEPT_NODES = 1536  # prompt tokens whose activations are kept from sampling to training (about 2 MB each, 135M model)

Rewarder = Callable[[Sequence[Prompt], Sequence[Completion]], list[float | None]]


class StudioTrainer(GRPOTrainer):
    """See the module. Further arguments than TRL's:

    prompts: the training items; the dataset has a column `row` with indices into them.
    sampler, rewarder: how completions are made and rated.
    on_answer: called with the row, prompt and completion of each answer as it ends, others still being sampled.
    on_batch: called with each sampled and rated batch. on_save: writes a checkpoint, when TRL would.
    saved: where to go on from.
    """

    def __init__(
        self,
        *,
        settings: TrainingSettings,
        prompts: Sequence[Prompt],
        sampler: Sampler,
        rewarder: Rewarder,
        on_answer: Callable[[int, Prompt, Completion], None] | None = None,
        on_batch: Callable[[int, Batch], None] | None = None,
        on_save: Callable[[], None] | None = None,
        saved: Saved | None = None,
        **arguments: Any,
    ) -> None:
        self.settings = settings
        self.prompts = prompts
        self.sampler = sampler
        self.rewarder = rewarder
        self.on_answer = on_answer
        self.on_batch = on_batch
        self.on_save = on_save
        self.saved = saved
        self.first_step = saved.step if saved else 0
        self.batch = Batch()
        self._reading: Reading | None = None
        super().__init__(reward_funcs=self._reward, **arguments)
        unwrapped = self.accelerator.unwrap_model(self.model)
        self.packs = not self.aux_loss_enabled and shared_prefix.supports(unwrapped)

    @property
    def step(self) -> int:
        """The step in progress, from 1: one per sampled batch."""
        return int(self.state.global_step) // self.num_iterations + 1

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

    # learning rate

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """Warm-up whose first update counts already (transformers' begins with a rate of 0), then the schedule."""
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, partial(rate, self.settings))
        self._created_lr_scheduler = True
        return self.lr_scheduler

    # checkpoints: ours, without pickles

    def go(self) -> None:
        """Train, from the beginning or from `saved`."""
        self.train(resume_from_checkpoint=str(self.saved.path) if self.saved else None)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.on_save is not None:
            self.on_save()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.saved is not None:
            restore_model(self.saved, self.accelerator.unwrap_model(self.model))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if self.saved is not None:
            restore_training(self.saved, self.optimizer, self.lr_scheduler)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if self.saved is not None:
            restore_random(self.saved)

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
            keep_readings=self.packs and nodes(prompt_ids) <= KEPT_NODES,
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

    # loss

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """TRL's loss of the batch, in parts that share prefixes, each with its own backward pass but the last.

        Beside the activations of the prompts they share, only one part's exist at a time. Rows whose
        contribution is exactly zero are left out: zero advantage without KL penalty or entropy bonus, or a
        fully masked completion.
        """
        if not self.packs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        mask_BT = inputs["completion_mask"]
        needed_B = mask_BT.any(1)
        if self.beta == 0.0 and not self._entropy_bonus_enabled:
            needed_B &= inputs["advantages"] != 0
        rows = _rows(inputs["prompt_ids"], inputs["prompt_mask"], inputs["completion_ids"], mask_BT)
        wanted = needed_B.nonzero()[:, 0].tolist()
        if not wanted:
            return self._nothing()
        before = {name: len(values) for name, values in self._metrics["train"].items()}
        total = torch.zeros((), device=mask_BT.device)
        weights: list[float] = []
        waiting: torch.Tensor | None = None
        for reading, members in self._readings(rows, wanted):
            parts = shared_prefix.plan([rows[i] for i in members])
            leaves = reading.leaves() if len(parts) > 1 else reading
            for number, trees in enumerate(parts):
                if waiting is not None:
                    self.accelerator.backward(waiting)
                last = number == len(parts) - 1
                self._reading = reading if last else leaves
                index = torch.tensor([members[m] for packed in trees for m in packed.members], device=mask_BT.device)
                part = {
                    name: value[index] if isinstance(value, torch.Tensor) and value.ndim else value
                    for name, value in inputs.items()
                }
                loss = super().compute_loss(model, part, return_outputs, num_items_in_batch)
                loss = loss * self._share(part["completion_mask"], mask_BT)
                weights.append(float(part["completion_mask"].sum()))
                total = total + loss.detach()
                waiting = loss + _gathered(reading, leaves) if last and leaves is not reading else loss
        self._reading = None
        self._average_metrics(before, weights)
        assert waiting is not None
        return waiting + (total - waiting.detach())

    def _readings(self, rows: list[Row], wanted: list[int]) -> Iterator[tuple[Reading, list[int]]]:
        """Prompts read with gradients, and the rows that belong to each reading.

        Those of sampling are used where they are fresh and mostly needed; else prompts are read anew, as many
        at once as memory allows.
        """
        readings, self.sampler.readings = self.sampler.readings, []
        model = self.accelerator.unwrap_model(self.model)
        left = sorted(wanted, key=lambda i: rows[i].prompt)
        for reading in readings:
            known = set(reading.prompts)
            members = [i for i in left if rows[i].prompt in known]
            needed = {rows[i].prompt for i in members}
            # A reading costs a backward pass over all of its prompts, a new one also a forward over those needed.
            if members and 2 * len(needed) > len(known):
                left = [i for i in left if rows[i].prompt not in known]
                yield reading, members
        while left:
            prompts: list[tuple[int, ...]] = []
            for prompt, _ in groupby(left, key=lambda i: rows[i].prompt):
                if prompts and nodes([*prompts, prompt]) > KEPT_NODES:
                    break
                prompts.append(prompt)
            members = [i for i in left if rows[i].prompt in set(prompts)]
            left = left[len(members) :]
            with self.accelerator.autocast():
                reading = read(model, prompts)
            yield reading, members

    def _share(self, part_BT: torch.Tensor, whole_BT: torch.Tensor) -> float:
        """What TRL's loss of a part has to be multiplied by to sum to that of the whole batch."""
        if self.loss_type == "dapo":
            return 1.0
        if self.loss_type == "bnpo":
            return float(part_BT.sum() / whole_BT.sum())
        return len(part_BT) / len(whole_BT)

    def _nothing(self) -> torch.Tensor:
        """A loss of zero with zero gradients, so that the optimizer does what it does in stock TRL."""
        for parameter in self.model.parameters():
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return torch.zeros((), device=self.model.device, requires_grad=True)

    def _average_metrics(self, before: dict[str, int], weights: list[float]) -> None:
        """TRL appended its metrics once per part; leave their mean over tokens."""
        for name, values in self._metrics["train"].items():
            new = values[before.get(name, 0) :]
            if len(new) == len(weights) > 1:
                mean = sum(value * weight for value, weight in zip(new, weights, strict=True)) / sum(weights)
                values[before.get(name, 0) :] = [mean]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **images: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        if not self.packs or compute_aux_loss:
            return super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **images,
            )
        keep = logits_to_keep
        rows = _rows(input_ids[:, :-keep], attention_mask[:, :-keep], input_ids[:, -keep:], attention_mask[:, -keep:])
        model = self.accelerator.unwrap_model(model)
        found, entropies = [], []
        places: list[int] = []
        for part in shared_prefix.plan(rows):
            with self.accelerator.autocast():
                reading = self._reading or read(model, sorted({packed.prompt for packed in part}))
                logps_T, entropy_T = shared_prefix.logps(model, reading, part, temperature=self.temperature)
            found.append(logps_T)
            entropies.append(entropy_T)
            for packed in part:
                for member, length in zip(packed.members, packed.lengths, strict=True):
                    places += range(member * keep, member * keep + length)
        flat = torch.zeros(len(rows) * keep, device=input_ids.device)
        if not found:
            return flat.view(-1, keep), flat.view(-1, keep) if compute_entropy else None, None
        where = torch.tensor(places, device=input_ids.device)
        logps_BT = flat.index_copy(0, where, torch.cat(found)).view(-1, keep)
        entropy_BT = flat.index_copy(0, where, torch.cat(entropies)).view(-1, keep) if compute_entropy else None
        return logps_BT, entropy_BT, None


def _gathered(reading: Reading, leaves: Reading) -> torch.Tensor:
    """Zero, with the gradients that `leaves` have gathered as its gradients with respect to `reading`."""
    terms = [
        (tensor * leaf.grad).sum()
        for tensor, leaf in zip(reading.tensors(), leaves.tensors(), strict=True)
        if leaf.grad is not None
    ]
    total: torch.Tensor = sum(terms, torch.zeros(()))
    return total - total.detach()


def _rows(
    prompt_ids: torch.Tensor, prompt_mask: torch.Tensor, completion_ids: torch.Tensor, completion_mask: torch.Tensor
) -> list[Row]:
    """Rows of padded tensors as token tuples, without the padding."""
    rows = []
    for prompt, given, completion, wanted in zip(
        prompt_ids.tolist(),
        prompt_mask.tolist(),
        completion_ids.tolist(),
        completion_mask.tolist(),
        strict=True,
    ):
        rows.append(
            Row(
                tuple(token for token, on in zip(prompt, given, strict=True) if on),
                tuple(token for token, on in zip(completion, wanted, strict=True) if on),
            )
        )
    return rows
