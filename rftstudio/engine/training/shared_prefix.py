"""Log-probabilities of many completions with every shared token computed once.

The rows of a batch are merged into prefix trees: a prompt shared by a group of completions, worked
examples shared by several prompts, and beginnings shared by several completions each occur once. A
token attends to its ancestors in the tree only and its position is its depth, so every hidden state,
and hence every log-probability and gradient, equals the one of the unmerged rows (up to rounding).

Works for decoder-only models with full attention that take a 4-D attention mask; `supports` says
whether a model is one. Axis names: N nodes of a tree, U nodes that predict something, V vocabulary,
D hidden size, T predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Tokens = Sequence[int]

# Attention over a dense tree mask costs about as much for a pair of tokens as the linear layers do for
# 1/1500 token (135M model, CPU); it decides whether a tree is cheaper whole or in pieces.
PAIR_COST = 1 / 1500
MAX_NODES = 1024  # bounds the memory of one forward and backward
HEAD_CHUNK = 256  # predictions whose logits exist at the same time


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence: what is given, and what is to be predicted."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


class Tree:
    """A prefix tree of token sequences, in insertion order (a parent comes before its children)."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self._children: dict[tuple[int, int], int] = {}

    def add(self, tokens: Tokens, at: int = -1) -> list[int]:
        """Walk `tokens` down from node `at`, growing where needed; the nodes passed."""
        path = []
        for token in tokens:
            node = self._children.get((at, token))
            if node is None:
                node = len(self.tokens)
                self._children[at, token] = node
                self.tokens.append(token)
                self.parents.append(at)
            path.append(node)
            at = node
        return path

    def positions(self) -> np.ndarray:
        depth = np.zeros(len(self.tokens), dtype=np.int64)
        for node, parent in enumerate(self.parents):
            depth[node] = depth[parent] + 1 if parent >= 0 else 0
        return depth

    def mask(self) -> np.ndarray:
        """(N, N) bool: whether row may attend to column, that is, whether column is itself or an ancestor."""
        seen = np.zeros((len(self.tokens), len(self.tokens)), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        return seen


@dataclass(slots=True)
class Packed:
    """A tree with the predictions wanted of it. predictor, target: (T,) node and token; row_of: (T,) input row."""

    tree: Tree
    predictor: list[int]
    target: list[int]
    members: list[int]
    lengths: list[int]


def pack(rows: Sequence[Row], members: Sequence[int]) -> Packed:
    """One tree of the rows `members`."""
    tree = Tree()
    packed = Packed(tree, [], [], list(members), [])
    ends: dict[tuple[int, ...], int] = {}
    for index in members:
        row = rows[index]
        end = ends.get(row.prompt)
        if end is None:
            end = ends[row.prompt] = tree.add(row.prompt)[-1]
        nodes = tree.add(row.completion[:-1], end)
        packed.predictor += [end, *nodes] if row.completion else []
        packed.target += row.completion
        packed.lengths.append(len(row.completion))
    return packed


def plan(rows: Sequence[Row], *, max_nodes: int = MAX_NODES) -> list[Packed]:
    """Split rows into trees that are cheap to compute and within `max_nodes` where that can be.

    Rows are taken in the order of their content, so that trees do not depend on how a batch was shuffled.
    Whole trees save most; where completions are long, the dense attention mask makes smaller trees cheaper.
    """
    order = sorted(
        (i for i in range(len(rows)) if rows[i].completion), key=lambda i: (rows[i].prompt, rows[i].completion)
    )
    best: list[Packed] = []
    best_cost = float("inf")
    pieces = 1
    while order and pieces <= len(order):
        size = -(-len(order) // pieces)
        packs = [pack(rows, order[start : start + size]) for start in range(0, len(order), size)]
        nodes = [len(packed.tree.tokens) for packed in packs]
        cost = sum(count + count * count * PAIR_COST for count in nodes)
        fits = max(nodes) <= max_nodes or size == 1
        if fits and cost < best_cost:
            best, best_cost = packs, cost
        elif fits and best:
            break
        pieces = pieces * 2 if pieces * 2 <= len(order) or pieces == len(order) else len(order)
    return best


def supports(config: Any) -> bool:
    """Whether a model's attention can take our mask: full attention everywhere, plain logits."""
    text = config.get_text_config()
    kinds = getattr(text, "layer_types", None) or ["full_attention"]
    plain = all(kind == "full_attention" for kind in kinds) and not getattr(text, "sliding_window", None)
    scaled = any(
        getattr(text, name, None) not in (None, 1.0)
        for name in ("final_logit_softcapping", "logit_scale", "output_multiplier", "logits_scaling")
    )
    return plain and not scaled and not getattr(config, "is_encoder_decoder", False)


def logps(model: Any, packed: Packed, *, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability (T,) of every prediction of a tree, and the entropy (T,) it was made with (no gradient).

    model: a causal language model, with or without adapter; its output embeddings must be frozen.
    """
    where = model.device
    tree = packed.tree
    hidden_ND = backbone(model)(
        input_ids=torch.tensor([tree.tokens], device=where),
        position_ids=torch.from_numpy(tree.positions())[None].to(where),
        attention_mask=torch.from_numpy(tree.mask())[None, None].to(where),
        use_cache=False,
    ).last_hidden_state[0]
    used, index = np.unique(np.asarray(packed.predictor), return_inverse=True)
    head = model.get_output_embeddings()
    return _Head.apply(
        hidden_ND[torch.from_numpy(used).to(where)],
        head.weight,
        head.bias,
        torch.from_numpy(index).to(where),
        torch.tensor(packed.target, device=where),
        temperature,
    )


def backbone(model: Any) -> Any:
    """The decoder below the language-model head, under an adapter or not."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    return causal.base_model


class _Head(torch.autograd.Function):
    """log softmax(h W' / temperature) at chosen tokens, without keeping logits.

    d logp / d h = (W[target] - E[W]) / temperature, where E[W] is the mean of the rows of W under the
    softmax: (U, D) numbers kept for the backward pass in place of (U, V).
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
    ) -> tuple[torch.Tensor, torch.Tensor]:
        needed = ctx.needs_input_grad[0]
        mean_UD = torch.empty_like(hidden_UD, dtype=torch.float32) if needed else None
        normal_U = torch.empty(len(hidden_UD), device=hidden_UD.device)
        entropy_U = torch.empty_like(normal_U)
        picked_T = torch.empty(len(target_T), device=hidden_UD.device)
        for start in range(0, len(hidden_UD), HEAD_CHUNK):
            part = slice(start, start + HEAD_CHUNK)
            logits = torch.nn.functional.linear(hidden_UD[part], weight_VD, bias_V).float()
            if temperature != 1.0:
                logits /= temperature
            inside = ((index_T >= start) & (index_T < start + len(logits))).nonzero()[:, 0]
            picked_T[inside] = logits[index_T[inside] - start, target_T[inside]]
            top = logits.amax(-1, keepdim=True)
            logits -= top
            chances = logits.exp()
            total = chances.sum(-1, keepdim=True)
            normal_U[part] = (total.log() + top)[:, 0]
            entropy_U[part] = total.log()[:, 0] - torch.linalg.vecdot(chances, logits) / total[:, 0]
            if mean_UD is not None:
                chances /= total
                mean_UD[part] = chances.to(weight_VD.dtype) @ weight_VD
        if mean_UD is not None:
            ctx.save_for_backward(mean_UD, weight_VD, index_T, target_T)
            ctx.temperature = temperature
            ctx.dtype = hidden_UD.dtype
        entropy_T = entropy_U[index_T]
        ctx.mark_non_differentiable(entropy_T)
        return picked_T - normal_U[index_T], entropy_T

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        mean_UD, weight_VD, index_T, target_T = ctx.saved_tensors
        grad_T = grads[0][:, None] / ctx.temperature
        grad_UD = torch.zeros_like(mean_UD)
        grad_UD.index_add_(0, index_T, grad_T * (weight_VD[target_T].float() - mean_UD[index_T]))
        return grad_UD.to(ctx.dtype), None, None, None, None, None


__all__ = ["Packed", "Row", "Tree", "backbone", "logps", "pack", "plan", "supports"]
