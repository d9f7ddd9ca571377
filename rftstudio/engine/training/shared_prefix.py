"""Log-probabilities of many completions with every shared token computed once.

Prompts are read as in sampling (`engine.inference.prefill`): what they have in common once, the rest
once for a whole group. The completions of a group are merged into prefix trees, so that beginnings they
share, and repeated completions, occur once too. A token attends to its prompt and to its ancestors in the
tree, and its position is that of the unmerged row, so every log-probability and every gradient equals
the one of the unmerged rows (up to rounding).

For decoder-only models with full attention that take a 4-D attention mask; `supports` says whether a
model is one. Axis names: B trees side by side, N nodes of a tree, U nodes that predict something,
D hidden size, T predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from rftstudio.engine.inference.attention import full_attention_only, plain_logits
from rftstudio.engine.inference.prefill import Reading, backbone, extend, read
from rftstudio.engine.training.head import head_logps
from rftstudio.engine.training.prefix_tree import Tree

# Attention over a dense mask costs about as much for a pair of tokens as the linear layers do for 1/1500
# token, and a prompt's keys as much for each tree as 1/50 token (135M model, CPU). These decide how
# completions are split into trees, never what comes out.
PAIR_COST = 1 / 1500
KEY_COST = 1 / 50
KEY_MEMORY = 1 / 10  # memory of a prompt token's keys and values, of that of a node
PASS_COST = 80  # another pass through the model, in nodes: what it takes to read all weights
MAX_NODES = 640  # bounds the memory of one forward and backward (about 1.5 MB a node with a 135M model)
ROOT = -1


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence: what is given, and what is to be predicted."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


@dataclass(slots=True)
class Packed:
    """A tree of completions of one prompt, with the predictions wanted of it.

    predictor, target: (T,) node that predicts (`ROOT`: the prompt's last token) and token predicted, row by
    row. members, lengths: the input rows, and how many predictions each has.
    """

    prompt: tuple[int, ...]
    tree: Tree
    predictor: list[int]
    target: list[int]
    members: list[int]
    lengths: list[int]


Part = list[Packed]  # trees that go through the model together


def pack(rows: Sequence[Row], members: Sequence[int]) -> Packed:
    """One tree of the rows `members`, which have the same prompt."""
    tree = Tree()
    packed = Packed(rows[members[0]].prompt, tree, [], [], list(members), [])
    for index in members:
        completion = rows[index].completion
        nodes = tree.add(completion[:-1])
        packed.predictor += [ROOT, *nodes] if completion else []
        packed.target += completion
        packed.lengths.append(len(completion))
    return packed


def plan(rows: Sequence[Row], *, max_nodes: int = MAX_NODES) -> list[Part]:
    """Split rows into trees that are cheap to compute, and gather trees of like size into parts of about `max_nodes`.

    The trees of a part are padded to the largest, so that one with a long answer goes alone. Rows are taken in the
    order of their content, so that trees do not depend on how a batch was shuffled. Rows without completion are left
    out. A prompt's keys are counted with each of its trees.
    """
    order = sorted(
        (i for i in range(len(rows)) if rows[i].completion), key=lambda i: (rows[i].prompt, rows[i].completion)
    )
    trees: list[Packed] = []
    for prompt, members in groupby(order, key=lambda i: rows[i].prompt):
        trees += _split(rows, list(members), len(prompt))
    parts: list[Part] = []
    room = 0.0
    padding = 0
    for packed in sorted(trees, key=lambda one: len(one.tree.tokens)):
        nodes = len(packed.tree.tokens)
        size = nodes + KEY_MEMORY * len(packed.prompt)
        if parts:
            padding += len(parts[-1]) * (nodes - len(parts[-1][-1].tree.tokens))
        if parts and padding <= PASS_COST and (len(parts[-1]) + 1) * max(size, room) <= max_nodes:
            parts[-1].append(packed)
            room = max(size, room)
        else:
            parts.append([packed])
            room, padding = size, 0
    return parts


def _split(rows: Sequence[Row], members: list[int], prompt: int) -> list[Packed]:
    """A group as one tree or as several: whichever costs least."""
    best: list[Packed] = []
    best_cost = float("inf")
    pieces = 1
    while pieces < 2 * len(members):
        size = -(-len(members) // pieces)
        trees = [pack(rows, members[start : start + size]) for start in range(0, len(members), size)]
        nodes = [len(packed.tree.tokens) for packed in trees]
        cost = sum(n + n * (prompt + n) * PAIR_COST + prompt * KEY_COST for n in nodes)
        if cost >= best_cost:
            break
        best, best_cost = trees, cost
        pieces *= 2
    return best


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
            reading = read(model, sorted(set(prompts)))
            found, _ = logps(model, reading, [pack(rows, [0, 1]), pack(rows, [2])], temperature=1.0)
        except Exception as error:  # an architecture of its own making
            print(f"Prompts are not shared in training: {type(error).__name__}: {error}", flush=True)
            return False
    tolerance = 1e-3 if model.dtype == torch.float32 else 0.1
    same = torch.allclose(found, wanted, atol=tolerance * float(wanted.abs().max()))
    if not same:
        print("Prompts are not shared in training: this model's attention is of another kind.", flush=True)
    return same


def logps(
    model: Any, reading: Reading, part: Part, *, temperature: float, entropy_gradient: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability (T,) of every prediction of a part, and the entropy (T,) it was made with.

    Predictions come tree by tree, row by row. reading: of the part's prompts, with whatever gradients it has.
    entropy_gradient: whether the entropies have one too.
    model: a causal language model, with or without adapter; its output embeddings must be frozen.
    """
    where = model.device
    place = {prompt: number for number, prompt in enumerate(reading.prompts)}
    prompts = [place[packed.prompt] for packed in part]
    index_B = torch.tensor(prompts, device=where)
    table_UD = reading.hidden[index_B]  # what predicts: the prompts' last tokens, then the nodes
    width = max(len(packed.tree.tokens) for packed in part)
    if width:
        table_UD = torch.cat([table_UD, _hidden(model, reading, part, prompts, index_B, width)])
    predictor: list[int] = []
    for number, packed in enumerate(part):
        start = len(part) + number * width
        predictor += [number if node == ROOT else start + node for node in packed.predictor]
    used, index = np.unique(np.asarray(predictor), return_inverse=True)
    head = model.get_output_embeddings()
    return head_logps(
        table_UD[torch.from_numpy(used).to(where)],
        head.weight,
        head.bias,
        torch.from_numpy(index).to(where),
        torch.tensor([token for packed in part for token in packed.target], device=where),
        temperature,
        entropy_gradient=entropy_gradient,
    )


def _hidden(
    model: Any, reading: Reading, part: Part, prompts: list[int], index_B: torch.Tensor, width: int
) -> torch.Tensor:
    """Hidden states (B * N, D) of the trees' nodes."""
    where = index_B.device
    shared, own = reading.shared, max(reading.own_lengths[prompt] for prompt in prompts)
    ids = np.zeros((len(part), width), dtype=np.int64)
    positions = np.zeros_like(ids)
    mask = np.zeros((len(part), 1, width, shared + own + width), dtype=np.bool_)
    mask[:, 0, range(width), range(shared + own, shared + own + width)] = True  # padding: a row of nothing is NaN
    for number, (packed, prompt) in enumerate(zip(part, prompts, strict=True)):
        count = len(packed.tree.tokens)
        ids[number, :count] = packed.tree.tokens
        positions[number, :count] = packed.tree.positions() + len(packed.prompt)
        mask[number, 0, :count, : shared + reading.own_lengths[prompt]] = True
        mask[number, 0, :count, shared + own : shared + own + count] = packed.tree.mask()
    pairs = []
    for layer, (key, value) in enumerate(reading.own):
        both = [_of(one, prompts, index_B)[:, :, :own] for one in (key, value)]
        if shared:
            first = [one[None].expand(len(part), -1, -1, -1) for one in reading.common[layer]]
            both = [torch.cat(two, 2) for two in zip(first, both, strict=True)]
        pairs.append((both[0], both[1]))
    hidden_BND = backbone(model)(
        input_ids=torch.from_numpy(ids).to(where),
        position_ids=torch.from_numpy(positions).to(where),
        attention_mask=torch.from_numpy(mask).to(where),
        past_key_values=extend(model, pairs),
        use_cache=True,
    ).last_hidden_state
    hidden: torch.Tensor = hidden_BND.flatten(0, 1)
    return hidden


def _of(one: torch.Tensor, prompts: list[int], index_B: torch.Tensor) -> torch.Tensor:
    """What belongs to the prompts of an index, without a copy where that is all of them."""
    return one if prompts == list(range(len(one))) else one.index_select(0, index_B)
