"""Token sequences merged where they begin alike."""

from collections.abc import Sequence

import numpy as np

Tokens = Sequence[int]


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
