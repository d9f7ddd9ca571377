"""Log-probabilities of many completions with every shared token computed once.

The rows of a batch are merged into prefix trees: a prompt shared by a group of completions, worked
examples shared by several prompts, and beginnings shared by several completions each occur once. A
token attends to its ancestors in the tree only and its position is its depth, so every hidden state,
and hence every log-probability and gradient, equals the one of the unmerged rows (up to rounding).

Works for decoder-only models with full attention that take a 4-D attention mask; `supports` says
whether a model is one. Axis names: B trees side by side, N nodes of a tree, U nodes that predict
something, V vocabulary, D hidden size, T predictions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from rftstudio.engine.inference.attention import full_attention_only, plain_logits

Tokens = Sequence[int]

# Attention over a dense tree mask costs about as much for a pair of tokens as the linear layers do for
# 1/1500 token (135M model, CPU); it decides whether a tree is cheaper whole or in pieces.
PAIR_COST = 1 / 1500
MAX_NODES = 1024  # bounds the memory of one forward and backward (about 2 MB a node with a 135M model)
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
    """A tree with the predictions wanted of it.

    predictor, target: (T,) node that predicts and token predicted, row by row.
    members, lengths: the input rows, and how many predictions each has.
    """

    tree: Tree
    predictor: list[int]
    target: list[int]
    members: list[int]
    lengths: list[int]


Part = list[Packed]  # trees that go through the model together


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


def plan(rows: Sequence[Row], *, max_nodes: int = MAX_NODES) -> list[Part]:
    """Split rows into trees that are cheap to compute, and gather trees into parts of about `max_nodes`.

    Rows are taken in the order of their content, so that trees do not depend on how a batch was shuffled.
    Whole trees save most; where completions are long, the dense attention mask makes smaller trees cheaper.
    A tree may have more than `max_nodes` when single rows come near that already. Rows without completion
    are left out.
    """
    order = sorted(
        (i for i in range(len(rows)) if rows[i].completion), key=lambda i: (rows[i].prompt, rows[i].completion)
    )
    if not order:
        return []
    limit = max(max_nodes, 2 * max(len(rows[i].prompt) + len(rows[i].completion) for i in order))
    best: list[Packed] = []
    best_cost = float("inf")
    for split in _splits(rows, order):
        trees = [pack(rows, members) for members in split]
        nodes = [len(packed.tree.tokens) for packed in trees]
        cost = sum(count + count * count * PAIR_COST for count in nodes)
        if max(nodes) <= limit and cost < best_cost:
            best, best_cost = trees, cost
        elif best:
            break
    return _gather(best, limit)


def _splits(rows: Sequence[Row], order: list[int]) -> Iterator[list[list[int]]]:
    """Ways to split, from one tree to single rows: first between prompts, then within each."""
    groups = [list(members) for _, members in groupby(order, key=lambda i: rows[i].prompt)]
    runs = 1
    while runs < len(groups):
        yield [[i for group in run for i in group] for run in _cut(groups, runs)]
        runs *= 2
    pieces = 1
    while True:
        yield [piece for group in groups for piece in _cut(group, pieces)]
        if pieces >= max(map(len, groups)):
            return
        pieces *= 2


def _cut(items: list[Any], pieces: int) -> list[list[Any]]:
    """At most so many runs of like length."""
    size = -(-len(items) // pieces)
    return [items[start : start + size] for start in range(0, len(items), size)]


def _gather(trees: list[Packed], max_nodes: int) -> list[Part]:
    """Trees of like size side by side, as many as fit."""
    parts: list[Part] = []
    for packed in sorted(trees, key=lambda one: len(one.tree.tokens)):
        if parts and (len(parts[-1]) + 1) * len(packed.tree.tokens) <= max_nodes:
            parts[-1].append(packed)
        else:
            parts.append([packed])
    return parts


def supports(model: Any) -> bool:
    """Whether a model's attention takes our mask and its head is plain: by its configuration, and on a small trial."""
    config = model.config
    if not full_attention_only(config) or not plain_logits(config) or config._attn_implementation != "sdpa":
        return False
    top = min(int(config.get_text_config().vocab_size), 1000)
    prompts = [tuple((5 * i + n) % top for i in range(6)) for n in (0, 0, 1)]
    rows = [Row(prompt, tuple((7 * i + 3 * n) % top for i in range(3))) for n, prompt in enumerate(prompts)]
    with torch.no_grad():
        ids = torch.tensor([row.prompt + row.completion for row in rows], device=model.device)
        alone = torch.log_softmax(model(input_ids=ids, use_cache=False).logits[:, 5:-1].float(), -1)
        wanted = alone.gather(2, ids[:, 6:, None]).flatten()
        try:
            packed = pack(rows, range(len(rows)))
            found, _ = logps(model, [packed], temperature=1.0)
        except Exception as error:  # an architecture of its own making
            print(f"Prompts are not shared in training: {type(error).__name__}: {error}", flush=True)
            return False
    tolerance = 1e-3 if model.dtype == torch.float32 else 0.1
    same = torch.allclose(found, wanted, atol=tolerance * float(wanted.abs().max()))
    if not same:
        print("Prompts are not shared in training: this model's attention is of another kind.", flush=True)
    return same


def logps(model: Any, part: Part, *, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability (T,) of every prediction of a part, and the entropy (T,) it was made with (no gradient).

    Predictions come tree by tree, row by row. model: a causal language model, with or without adapter; its
    output embeddings must be frozen.
    """
    where = model.device
    width = max(len(packed.tree.tokens) for packed in part)
    ids = np.zeros((len(part), width), dtype=np.int64)
    positions = np.zeros_like(ids)
    mask = np.zeros((len(part), 1, width, width), dtype=np.bool_)
    mask[:, 0, range(width), range(width)] = True  # padding attends to itself: a row of nothing would be NaN
    predictor: list[int] = []
    for number, packed in enumerate(part):
        count = len(packed.tree.tokens)
        ids[number, :count] = packed.tree.tokens
        positions[number, :count] = packed.tree.positions()
        mask[number, 0, :count, :count] = packed.tree.mask()
        predictor += [number * width + node for node in packed.predictor]
    hidden_BND = backbone(model)(
        input_ids=torch.from_numpy(ids).to(where),
        position_ids=torch.from_numpy(positions).to(where),
        attention_mask=torch.from_numpy(mask).to(where),
        use_cache=False,
    ).last_hidden_state
    used, index = np.unique(np.asarray(predictor), return_inverse=True)
    head = model.get_output_embeddings()
    found: tuple[torch.Tensor, torch.Tensor] = _Head.apply(
        hidden_BND.flatten(0, 1)[torch.from_numpy(used).to(where)],
        head.weight,
        head.bias,
        torch.from_numpy(index).to(where),
        torch.tensor([token for packed in part for token in packed.target], device=where),
        temperature,
    )
    return found


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
