"""Token tries: a group of requests as a tree in which shared tokens occur once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.decoder.requests import Group


@dataclass(frozen=True, eq=False)
class TokenTrie:
    """A group of requests as one row of tokens: the trunk, then the branches depth-first.

    It contains only tokens that predict another one: the last token of a request is left out,
    unless another request continues it.

    Attributes:
        tokens: Token ids, shape `[n_nodes]`; a node precedes its children.
        depth: Position of each node in its request, from 0 after the common prefix.
        end: For each node, one past its last descendant.
        n_trunk: Length of the shared trunk before the first branching.
        states: For each request, the nodes that predict its target tokens.
        targets: For each request, the target tokens.
    """

    tokens: NDArray[np.int64]
    depth: NDArray[np.int64]
    end: NDArray[np.int64]
    n_trunk: int
    states: tuple[NDArray[np.int64], ...]
    targets: tuple[NDArray[np.int64], ...]

    @property
    def n_nodes(self) -> int:
        """Number of tokens to compute."""
        return len(self.tokens)

    @property
    def n_branch(self) -> int:
        """Number of tokens after the trunk."""
        return len(self.tokens) - self.n_trunk

    def branch_mask(self) -> NDArray[np.bool_]:
        """Return the tree mask of branches, shape `[n_branch, n_branch]`: ancestors and self."""
        nodes = np.arange(self.n_trunk, self.n_nodes)
        # In depth-first order, a node's descendants are exactly the nodes up to its `end`.
        seen: NDArray[np.bool_] = (nodes[None, :] <= nodes[:, None]) & (
            nodes[:, None] < self.end[self.n_trunk :][None, :]
        )
        return seen


def build_trie(group: Group, n_prefix: int = 0) -> TokenTrie:
    """Return the trie of a group's requests after the common prefix.

    Args:
        group: At least one request.
        n_prefix: Length of the common prefix; less than every request's `start`.
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
        # In sorted order, a request shares the longest prefix with its predecessor.
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
        tuple(np.array(request.targets, np.int64) for request in group),
    )


def _shared(path: Sequence[int], tokens: Sequence[int], seen: Sequence[int]) -> int:
    for place, (node, token) in enumerate(zip(path, seen, strict=False)):
        if tokens[node] != token:
            return place
    return min(len(path), len(seen))


def _trunk(depth: Sequence[int]) -> int:
    """Return the number of nodes before the first branching, which are alone at their depth."""
    branching = min((d for i, d in enumerate(depth) if d != i), default=len(depth))
    return branching
