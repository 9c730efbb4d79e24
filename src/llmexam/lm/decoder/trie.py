"""The tokens of a group of requests as a tree, so that what they share is there once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.decoder.requests import Group


@dataclass(frozen=True, eq=False)
class TokenTrie:
    """A group of requests as one row of tokens: the trunk, then the branches depth first.

    Only tokens that predict another are in it: the last token of a request need not go through
    the model, unless another request goes on from it.

    Attributes:
        tokens: Token ids, shape `[n_nodes]`; a node stands before its children.
        depth: Place of each node in its request, from 0 behind the common prefix.
        end: For each node, one past its last descendant.
        n_trunk: How many nodes from the first on are followed by one child at most.
        states: For each request, the nodes that predict its asked-for tokens.
        asked: For each request, the asked-for tokens.
    """

    tokens: NDArray[np.int64]
    depth: NDArray[np.int64]
    end: NDArray[np.int64]
    n_trunk: int
    states: tuple[NDArray[np.int64], ...]
    asked: tuple[NDArray[np.int64], ...]

    @property
    def n_nodes(self) -> int:
        """Tokens that go through the model."""
        return len(self.tokens)

    @property
    def n_branch(self) -> int:
        """Tokens behind the trunk."""
        return len(self.tokens) - self.n_trunk

    def branch_mask(self) -> NDArray[np.bool_]:
        """Return which branch node sees which, shape `[n_branch, n_branch]`: those on its way."""
        nodes = np.arange(self.n_trunk, self.n_nodes)
        seen: NDArray[np.bool_] = (nodes[None, :] <= nodes[:, None]) & (
            nodes[:, None] < self.end[self.n_trunk :][None, :]
        )
        return seen


def build_trie(group: Group, n_prefix: int = 0) -> TokenTrie:
    """Return the tree of a group's requests behind the tokens that all groups share.

    Args:
        group: One request or more.
        n_prefix: Tokens to leave out at the beginning; below every request's `start`.
    """
    order = sorted(range(len(group)), key=lambda i: group[i].tokens)
    tokens: list[int] = []
    depth: list[int] = []
    end: list[int] = []
    states: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(group)
    path: list[int] = []
    for i in order:
        request = group[i]
        seen = request.tokens[n_prefix:-1]
        # Sorted requests share with the one before whatever they share with any before.
        shared = _shared(path, tokens, seen)
        for node in path[shared:]:
            end[node] = len(tokens)
        del path[shared:]
        for place in range(shared, len(seen)):
            path.append(len(tokens))
            tokens.append(seen[place])
            depth.append(place)
            end.append(-1)
        states[i] = np.array(path[request.start - n_prefix - 1 : len(seen)], np.int64)
    for node in path:
        end[node] = len(tokens)
    return TokenTrie(
        np.array(tokens, np.int64),
        np.array(depth, np.int64),
        np.array(end, np.int64),
        _trunk(depth),
        tuple(states),
        tuple(np.array(request.asked, np.int64) for request in group),
    )


def _shared(path: Sequence[int], tokens: Sequence[int], seen: Sequence[int]) -> int:
    for place, (node, token) in enumerate(zip(path, seen, strict=False)):
        if tokens[node] != token:
            return place
    return min(len(path), len(seen))


def _trunk(depth: Sequence[int]) -> int:
    """Return how many nodes stand before the first branching: those alone at their depth."""
    branching = min((d for i, d in enumerate(depth) if d != i), default=len(depth))
    return branching
