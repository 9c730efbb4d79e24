"""Batches of a decoder: padded rows of trunks, then of the branches after them.

The same plan is used for a model in memory and for one with streamed layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmexam.lm.decoder.requests import Group, LogProbs, common_prefix
from llmexam.lm.decoder.trie import TokenTrie, build_trie

# A shorter prefix is cheaper to compute again than to attend to as a separate block.
_LEAST_PREFIX = 8
# Two, because the prompts of questions and the content-free prompts have a prefix each.
MOST_PREFIXES = 2
"""Prefixes whose keys a scorer keeps from call to call, the last ones."""


@dataclass(slots=True)
class Work:
    """Counts of computed tokens and forward passes.

    Attributes:
        tokens: Computed tokens, without padding.
        padded: Computed tokens, with padding.
        forwards: Forward passes.
        targets: Scored tokens.
        plain: Tokens to compute if each request were scored alone.
    """

    tokens: int = 0
    padded: int = 0
    forwards: int = 0
    targets: int = 0
    plain: int = 0

    def count_targets(self, groups: Sequence[Group]) -> None:
        """Add the target tokens of requests."""
        for group in groups:
            for request in group:
                # The last token is predicted and not computed.
                self.plain += len(request.tokens) - 1
                self.targets += len(request.targets)

    def count_pass(self, tokens: Tokens) -> None:
        """Add a forward pass."""
        self.tokens += tokens.n_real
        self.padded += tokens.ids.numel()
        self.forwards += 1


@dataclass(frozen=True, eq=False)
class Tokens:
    """Padded rows of tokens of one forward pass.

    Attributes:
        ids: Token ids, shape `[n_rows, n_tokens]`; 0 for padding.
        places: Their positions, same shape; -1 for padding.
        n_real: Number of tokens without padding.
        tree: Attention mask within rows, shape `[n_rows, n_tokens, n_tokens]`; None for a causal
            mask.
    """

    ids: Tensor
    places: Tensor
    n_real: int
    tree: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """A group of requests as a token trie.

    Attributes:
        group: Index of the group.
        trie: Its tokens after the common prefix.
    """

    group: int
    trie: TokenTrie


@dataclass(frozen=True, eq=False)
class Batch:
    """Groups whose trunks are computed in one pass, and their branches in a second.

    Attributes:
        rows: The groups, longest trunk first.
        n_prefix: Tokens before all of them.
    """

    rows: tuple[Row, ...]
    n_prefix: int

    @property
    def trunk_width(self) -> int:
        """Tokens of the longest trunk; at least 1, because models reject empty rows."""
        return max(1, *(row.trie.n_trunk for row in self.rows))

    @property
    def branch_width(self) -> int:
        """Tokens of the largest set of branches; 0 if no group branches."""
        return max(row.trie.n_branch for row in self.rows)

    def trunk(self, device: torch.device) -> Tokens:
        """Return the shared tokens of each group."""
        lines = [row.trie.tokens[: row.trie.n_trunk] for row in self.rows]
        return pad_lines(lines, self.n_prefix, device)

    def branches(self, device: torch.device) -> Tokens:
        """Return the tokens after the trunks, with their tree mask."""
        n_rows, width = len(self.rows), self.branch_width
        ids = torch.zeros(n_rows, width, dtype=torch.long)
        places = torch.full((n_rows, width), -1, dtype=torch.long)
        # Padding attends to itself, or its softmax would be empty (NaN).
        tree = torch.eye(width, dtype=torch.bool).repeat(n_rows, 1, 1)
        for i, row in enumerate(self.rows):
            n = row.trie.n_branch
            ids[i, :n] = torch.from_numpy(row.trie.tokens[row.trie.n_trunk :])
            places[i, :n] = torch.from_numpy(row.trie.depth[row.trie.n_trunk :] + self.n_prefix)
            tree[i, :n, :n] = torch.from_numpy(row.trie.branch_mask())
        n_real = sum(row.trie.n_branch for row in self.rows)
        return Tokens(ids.to(device), places.to(device), n_real, tree.to(device))

    @cached_property
    def states(self) -> NDArray[np.int64]:
        """Indices of the states that predict the target tokens, shape `[n_targets]`.

        They index the flattened rows of the trunks, followed by those of the branches.
        """
        trunk, branch = self.trunk_width, self.branch_width
        n_before = len(self.rows) * trunk
        where = []
        for i, row in enumerate(self.rows):
            n_trunk = row.trie.n_trunk
            for nodes in row.trie.states:
                behind = n_before + i * branch + nodes - n_trunk
                where.append(np.where(nodes < n_trunk, i * trunk + nodes, behind))
        return np.concatenate(where)

    @cached_property
    def targets(self) -> NDArray[np.int64]:
        """The target tokens, shape `[n_targets]`."""
        return np.concatenate([tokens for row in self.rows for tokens in row.trie.targets])

    def split(self, found: LogProbs) -> list[list[LogProbs]]:
        """Return the log-probabilities of `targets`, split by group and request."""
        lengths = [len(tokens) for row in self.rows for tokens in row.trie.targets]
        each = iter(np.split(found, np.cumsum(lengths)[:-1]))
        return [[next(each) for _ in row.trie.targets] for row in self.rows]


def shared_prefix(groups: Sequence[Group]) -> tuple[int, ...]:
    """Return the tokens that all groups share, if a separate computation pays off."""
    n_prefix = common_prefix(groups)
    if n_prefix < _LEAST_PREFIX or len(groups) < 2:
        return ()
    return next(request for group in groups for request in group).tokens[:n_prefix]


def plan_batches(groups: Sequence[Group], *, n_prefix: int, n_tokens: int) -> list[Batch]:
    """Return batches of groups, sorted by trunk length to reduce padding.

    Args:
        groups: The groups; empty ones are left out.
        n_prefix: Number of shared tokens that are computed separately.
        n_tokens: Maximum tokens per batch, with padding; a longer group is a batch of its own.
    """
    rows = [Row(i, build_trie(group, n_prefix)) for i, group in enumerate(groups) if group]
    rows.sort(key=lambda row: (-row.trie.n_trunk, -row.trie.n_branch, row.group))
    batches: list[list[Row]] = []
    widest = 0
    for row in rows:
        if batches:
            trunk = batches[-1][0].trie.n_trunk
            branch = max(widest, row.trie.n_branch)
            if (trunk + branch) * (len(batches[-1]) + 1) <= n_tokens:
                batches[-1].append(row)
                widest = branch
                continue
        batches.append([row])
        widest = row.trie.n_branch
    return [Batch(tuple(batch), n_prefix) for batch in batches]


def pad_lines(lines: Sequence[NDArray[np.int64]], shift: int, device: torch.device) -> Tokens:
    """Return sequences of token ids as rows, padded at the end; positions start at `shift`."""
    # An empty sequence becomes one token of padding.
    width = max(1, *(len(line) for line in lines))
    ids = torch.zeros(len(lines), width, dtype=torch.long)
    places = torch.full((len(lines), width), -1, dtype=torch.long)
    for i, line in enumerate(lines):
        ids[i, : len(line)] = torch.from_numpy(line)
        places[i, : len(line)] = torch.arange(shift, shift + len(line))
    return Tokens(ids.to(device), places.to(device), sum(map(len, lines)))


def count_work(calls: Sequence[Sequence[Group]], *, n_tokens: int) -> Work:
    """Return the tokens and passes that scoring would take, without a model.

    Args:
        calls: The groups of each call, in order.
        n_tokens: Tokens of a batch.
    """
    work = Work()
    cached: list[tuple[int, ...]] = []
    for groups in calls:
        work.count_targets(groups)
        prefix = shared_prefix(groups)
        if prefix and prefix not in cached:
            # The prefix stays cached for the next calls.
            work.forwards += 1
            work.tokens += len(prefix)
            work.padded += len(prefix)
            cached = [*cached, prefix][-MOST_PREFIXES:]
        for batch in plan_batches(groups, n_prefix=len(prefix), n_tokens=n_tokens):
            n_rows = len(batch.rows)
            work.forwards += 1 + (batch.branch_width > 0)
            work.tokens += sum(row.trie.n_nodes for row in batch.rows)
            work.padded += n_rows * (batch.trunk_width + batch.branch_width)
    return work
