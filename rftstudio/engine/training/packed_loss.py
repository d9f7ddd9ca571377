"""TRL's loss computed in parts, every token that rows share once, and nothing for rows that contribute nothing.

TRL writes the loss; what is replaced is how log-probabilities are computed (`shared_prefix`) and how much of
a batch is in memory at a time. Loss and gradient are those of stock TRL, for every method of `engine.methods`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from trl import GRPOTrainer

from rftstudio.engine.inference.packed import drop_packed
from rftstudio.engine.inference.prefill import Reading, nodes, read
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.training import shared_prefix
from rftstudio.engine.training.shared_prefix import Row

KEPT_NODES = 1536  # prompt tokens whose activations are kept from sampling to training (about 2 MB each, 135M model)

REFERENCE = "ref"  # what TRL calls the copy of an adapter that it measures the KL penalty from


@dataclass(frozen=True, slots=True)
class _Taken:
    """A part that went through TRL's loss: how large it was, and what that loss was multiplied by."""

    tokens: int
    rows: int
    share: float


class PackedLoss(GRPOTrainer):
    """See the module. sampler: what it kept of reading the prompts is trained on."""

    entropy_coef: float

    def __init__(self, *, sampler: Sampler, **arguments: Any) -> None:
        self.sampler = sampler
        self._reading: Reading | None = None
        super().__init__(**arguments)
        unwrapped = self.accelerator.unwrap_model(self.model)
        self.packs = not self.aux_loss_enabled and shared_prefix.supports(unwrapped)
        # Another adapter answers between sampling and learning, and weights are folded in one place (`folded`).
        self.switches = REFERENCE in getattr(unwrapped, "peft_config", {})

    def keeps(self, prompts: list[list[int]]) -> bool:
        """Whether what is read of these prompts for sampling shall be kept for training."""
        return self.packs and not self.switches and nodes(prompts) <= KEPT_NODES

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """TRL's loss of the batch, in parts that share prefixes, each with its own backward pass but the last.

        Beside the activations of the prompts they share, only one part's exist at a time. Rows whose
        contribution is exactly zero are left out: zero advantage without KL penalty or entropy bonus, or a
        fully masked completion.
        """
        drop_packed(model)
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
        taken: list[_Taken] = []
        bonus = self.entropy_coef
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
                tokens = int(part["completion_mask"].sum())
                share = self._share(part["completion_mask"], mask_BT)
                taken.append(_Taken(tokens, len(index), share))
                # The entropy bonus is a mean over tokens, however the rest is normalised.
                self.entropy_coef = bonus * tokens / int(mask_BT.sum()) / share
                loss = super().compute_loss(model, part, return_outputs, num_items_in_batch) * share
                total = total + loss.detach()
                waiting = loss + gathered(reading, leaves) if last and leaves is not reading else loss
        self._reading = None
        self.entropy_coef = bonus
        self._merge_metrics(before, taken)
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
        for members in in_turn(rows, left):
            with self.accelerator.autocast():
                reading = read(model, list(dict.fromkeys(rows[i].prompt for i in members)))
            yield reading, members

    def _share(self, part_BT: torch.Tensor, whole_BT: torch.Tensor) -> float:
        """What TRL's loss of a part has to be multiplied by to sum to that of the whole batch."""
        if self.loss_type in ("dapo", "cispo"):  # divided by the tokens of the whole batch already
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

    def _merge_metrics(self, before: dict[str, int], taken: list[_Taken]) -> None:
        """TRL appended its metrics once per part; leave those of all of them together."""
        whole_answers = self.importance_sampling_level == "sequence"
        for name, values in self._metrics["train"].items():
            new = values[before.get(name, 0) :]
            if len(new) != len(taken):
                continue
            if name.endswith("_min"):
                merged = min(new)
            elif name.endswith("_max"):
                merged = max(new)
            elif name == "entropy_coef":
                merged = self.entropy_coef
            elif name == "policy_loss":
                merged = sum(value * one.share for value, one in zip(new, taken, strict=True))
            else:
                by_row = whole_answers and name.startswith("clip_ratio")
                weights = [one.rows if by_row else one.tokens for one in taken]
                merged = sum(value * weight for value, weight in zip(new, weights, strict=True)) / sum(weights)
            values[before.get(name, 0) :] = [merged]

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
                logps_T, entropy_T = shared_prefix.logps(
                    model,
                    reading,
                    part,
                    temperature=self.temperature,
                    entropy_gradient=compute_entropy and self._entropy_bonus_enabled,
                )
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


def in_turn(rows: list[Row], wanted: list[int]) -> Iterator[list[int]]:
    """The rows `wanted`, sorted by prompt, in lots whose prompts memory has room for at once."""
    left = wanted
    while left:
        prompts: list[tuple[int, ...]] = []
        for prompt, _ in groupby(left, key=lambda i: rows[i].prompt):
            if prompts and nodes([*prompts, prompt]) > KEPT_NODES:
                break
            prompts.append(prompt)
        members = [i for i in left if rows[i].prompt in set(prompts)]
        left = left[len(members) :]
        yield members


def gathered(reading: Reading, leaves: Reading) -> torch.Tensor:
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
