"""Log-probabilities out of hidden states, without logits of the whole vocabulary in memory.

The vocabulary is taken in tiles small enough for the processor's cache, with a running maximum and sum
(the online softmax of Milakov and Gimelshein 2018). Axes: U hidden states, V vocabulary, D hidden size,
T predictions.
"""

from typing import Any

import torch

from rftstudio.engine.inference.products import linear

TILE = 4096  # words of the vocabulary at a time


def head_logps(
    hidden_UD: torch.Tensor,
    weight_VD: torch.Tensor,
    bias_V: torch.Tensor | None,
    index_T: torch.Tensor,
    target_T: torch.Tensor,
    temperature: float,
    *,
    entropy_gradient: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """log softmax(hidden[index] W' / temperature) at the targets (T,), and the entropies (T,).

    The gradients with respect to the hidden states are exact; that of the entropies costs half as much again and
    is there only when asked for. The weights are taken as frozen.
    """
    found: tuple[torch.Tensor, torch.Tensor] = _Head.apply(
        hidden_UD, weight_VD, bias_V, index_T, target_T, temperature, entropy_gradient
    )
    return found


class _Head(torch.autograd.Function):
    """With z the logits divided by the temperature, and E the mean under their softmax over W's rows:

    d logp / d h = (W[target] - E[W]) / temperature. The entropy H has d H / d z = -p (log p + H), hence
    d H / d h = (E[z] E[W] - E[z W]) / temperature; z may be shifted by a constant. E[W] and, where the entropy's
    gradient is wanted, that difference, both (U, D), are all that is kept for the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_UD: torch.Tensor,
        weight_VD: torch.Tensor,
        bias_V: torch.Tensor | None,
        index_T: torch.Tensor,
        target_T: torch.Tensor,
        temperature: float,
        entropy_gradient: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        needed = ctx.needs_input_grad[0]
        column = (len(hidden_UD), 1)
        top_U1 = hidden_UD.new_full(column, float("-inf"), dtype=torch.float32)
        total_U1 = hidden_UD.new_zeros(column, dtype=torch.float32)  # sum of exp(logit - top)
        surprise_U1 = torch.zeros_like(total_U1)  # sum of exp(logit - top) * (logit - top)
        mean_UD = torch.zeros_like(hidden_UD, dtype=torch.float32) if needed else None
        product_UD = torch.zeros_like(mean_UD) if mean_UD is not None and entropy_gradient else None  # E[(z - top) W]
        picked_T = hidden_UD.new_empty(len(target_T), dtype=torch.float32)
        for start in range(0, len(weight_VD), TILE):
            tile = weight_VD[start : start + TILE]
            bias = None if bias_V is None else bias_V[start : start + TILE]
            logits = linear(hidden_UD, tile, bias).float()
            if temperature != 1.0:
                logits /= temperature
            inside = ((target_T >= start) & (target_T < start + len(tile))).nonzero()[:, 0]
            picked_T[inside] = logits[index_T[inside], target_T[inside] - start]
            higher_U1 = torch.maximum(top_U1, logits.amax(-1, keepdim=True))
            fall_U1 = top_U1 - higher_U1
            shrink_U1 = fall_U1.exp()
            fall_U1.clamp_(min=-1e30)
            surprise_U1 = shrink_U1 * (surprise_U1 + total_U1 * fall_U1)
            logits -= higher_U1
            chances = logits.exp()
            total_U1 = shrink_U1 * total_U1 + chances.sum(-1, keepdim=True)
            surprise_U1 += torch.linalg.vecdot(chances, logits)[:, None]
            if product_UD is not None and mean_UD is not None:
                product_UD += mean_UD * fall_U1
                product_UD *= shrink_U1
                product_UD += linear((chances * logits).to(tile.dtype), tile.t())
            if mean_UD is not None:
                mean_UD *= shrink_U1
                mean_UD += linear(chances.to(tile.dtype), tile.t())
            top_U1 = higher_U1
        if mean_UD is not None:
            mean_UD /= total_U1
            spread_UD = None if product_UD is None else (surprise_U1 * mean_UD - product_UD) / total_U1
            ctx.save_for_backward(mean_UD, spread_UD, weight_VD, index_T, target_T)
            ctx.temperature = temperature
            ctx.dtype = hidden_UD.dtype
        normal_U = (total_U1.log() + top_U1)[:, 0]
        entropy_T = (total_U1.log() - surprise_U1 / total_U1)[:, 0][index_T]
        if product_UD is None:
            ctx.mark_non_differentiable(entropy_T)
        return picked_T - normal_U[index_T], entropy_T

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        mean_UD, spread_UD, weight_VD, index_T, target_T = ctx.saved_tensors
        grad_T = grads[0][:, None] / ctx.temperature
        grad_UD = torch.zeros_like(mean_UD)
        grad_UD.index_add_(0, index_T, grad_T * (weight_VD[target_T].float() - mean_UD[index_T]))
        if spread_UD is not None:
            grad_UD.index_add_(0, index_T, grads[1][:, None] / ctx.temperature * spread_UD[index_T])
        return grad_UD.to(ctx.dtype), None, None, None, None, None, None
