"""Prefix trees: what is shared, and how batches are split."""

import random

import numpy as np

from rftstudio.engine.training.prefix_tree import Tree
from rftstudio.engine.training.shared_prefix import MAX_NODES, ROOT, Part, Row, pack, plan


def some_rows(*, shared: int, own: int, prompts: int, group: int, answer: int, seed: int = 0) -> list[Row]:
    chance = random.Random(seed)

    def some(count: int) -> tuple[int, ...]:
        return tuple(chance.randrange(10**6) for _ in range(count))

    start = some(shared)
    given = [start + some(own) for _ in range(prompts)]
    return [Row(prompt, some(answer)) for prompt in given for _ in range(group)]


def members(parts: list[Part]) -> list[int]:
    return sorted(member for part in parts for packed in part for member in packed.members)


def sizes(parts: list[Part]) -> list[list[int]]:
    return [[len(packed.tree.tokens) for packed in part] for part in parts]


def test_a_token_attends_to_itself_and_its_ancestors() -> None:
    tree = Tree()
    first, second = tree.add([1, 2, 3, 4]), tree.add([1, 2, 5])
    assert first[:2] == second[:2]
    assert len(tree.tokens) == 5
    assert tree.positions().tolist() == [0, 1, 2, 3, 2]
    mask = tree.mask()
    assert np.flatnonzero(mask[first[3]]).tolist() == first
    assert np.flatnonzero(mask[second[2]]).tolist() == second


def test_the_last_token_of_a_completion_predicts_nothing() -> None:
    packed = pack([Row((1, 2), (3, 4, 5)), Row((1, 2), (3, 6)), Row((1, 2), (3, 6))], [0, 1, 2])
    assert packed.tree.tokens == [3, 4]
    assert packed.target == [3, 4, 5, 3, 6, 3, 6]
    assert packed.predictor == [ROOT, 0, 1, ROOT, 0, ROOT, 0]
    assert packed.lengths == [3, 2, 2]


def test_short_answers_are_one_tree_a_prompt_side_by_side() -> None:
    rows = some_rows(shared=267, own=39, prompts=6, group=12, answer=5)
    assert sizes(plan(rows)) == [[12 * 4] * 6]


def test_one_long_answer_does_not_pad_the_others() -> None:
    rows = some_rows(shared=267, own=39, prompts=6, group=12, answer=5)
    rows[30] = Row(rows[30].prompt, rows[30].completion + tuple(range(27)))
    assert sizes(plan(rows)) == [[12 * 4] * 5, [12 * 4 + 27]]
    rows[30] = Row(rows[30].prompt, rows[30].completion[:7])
    assert sizes(plan(rows)) == [[12 * 4] * 5 + [12 * 4 + 2]]


def test_long_answers_are_split_where_the_mask_costs_more_than_it_saves() -> None:
    rows = some_rows(shared=0, own=60, prompts=2, group=16, answer=128)
    parts = plan(rows)
    assert members(parts) == list(range(32))
    assert max(len(packed.members) for part in parts for packed in part) < 16
    assert all(len(part) * max(part) <= MAX_NODES for part in sizes(parts))


def test_uneven_batches_are_complete() -> None:
    chance = random.Random(3)
    for seed in range(20):
        rows = some_rows(shared=seed % 3 * 10, own=1 + seed, prompts=1 + seed % 5, group=1 + seed % 7, answer=3)
        rows = [Row(row.prompt, row.completion[: chance.randrange(4)]) for row in rows]
        for most in (1, 40, 10_000):
            assert members(plan(rows, max_nodes=most)) == [i for i, row in enumerate(rows) if row.completion]


def test_the_split_does_not_depend_on_the_order_of_rows() -> None:
    rows = some_rows(shared=5, own=9, prompts=3, group=4, answer=6)
    turned = rows[::-1]
    assert [p.tree.tokens for part in plan(rows) for p in part] == [
        p.tree.tokens for part in plan(turned) for p in part
    ]


def test_nothing_gives_nothing() -> None:
    assert plan([]) == []
    assert plan([Row((1, 2), ())]) == []
