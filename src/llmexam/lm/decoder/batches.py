"""What goes through a decoder together: trunks, then the branches behind them, as padded rows.

The same plan serves a model that is in memory and one whose layers are read one after another.
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

# A prefix shorter than this is cheaper to read again than to attend to apart.
_LEAST_PREFIX = 8
# Questions and what is asked without content each begin with one of their own.
MOST_PREFIXES = 2
"""Prefixes whose keys a scorer keeps from call to call, the last ones."""


@dataclass(slots=True)
class Work:
    """What went through the model.

    Attributes:
        tokens: Tokens that were computed, without padding.
        padded: Tokens that were computed, with padding.
        forwards: Passes through the model.
        asked: Tokens whose likelihood was asked for.
        plain: Tokens that scoring each request alone would compute.
    """

    tokens: int = 0
    padded: int = 0
    forwards: int = 0
    asked: int = 0
    plain: int = 0

    def count_asked(self, groups: Sequence[Group]) -> None:
        """Add what is asked for."""
        for group in groups:
            for request in group:
                self.plain += len(request.tokens) - 1
                self.asked += len(request.asked)

    def count_pass(self, tokens: Tokens) -> None:
        """Add a pass through the model."""
        self.tokens += tokens.n_real
        self.padded += tokens.ids.numel()
        self.forwards += 1


@dataclass(frozen=True, eq=False)
class Tokens:
    """Rows of tokens that go through a layer at once.

    Attributes:
        ids: Token ids, shape `[n_rows, n_tokens]`; 0 where there is padding.
        places: Their positions, same shape; -1 where there is padding.
        n_real: How many are no padding.
        tree: Which token sees which of its row, shape `[n_rows, n_tokens, n_tokens]`; None where
            each sees those before it.
    """

    ids: Tensor
    places: Tensor
    n_real: int
    tree: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """A group of requests as a tree of tokens.

    Attributes:
        group: Its place among the groups.
        trie: Its tokens behind the common prefix.
    """

    group: int
    trie: TokenTrie


@dataclass(frozen=True, eq=False)
class Batch:
    """Groups whose trunks go through the model at once, and then their branches.

    Attributes:
        rows: The groups, longest trunk first.
        n_prefix: Tokens before all of them.
    """

    rows: tuple[Row, ...]
    n_prefix: int

    @property
    def trunk_width(self) -> int:
        """Tokens of the longest trunk, at least 1: no model takes rows of none."""
        return max(1, *(row.trie.n_trunk for row in self.rows))

    @property
    def branch_width(self) -> int:
        """Tokens of the widest set of branches; 0 where no group branches."""
        return max(row.trie.n_branch for row in self.rows)

    def trunk(self, device: torch.device) -> Tokens:
        """Return what each group has in common."""
        lines = [row.trie.tokens[: row.trie.n_trunk] for row in self.rows]
        return pad_lines(lines, self.n_prefix, device)

    def branches(self, device: torch.device) -> Tokens:
        """Return what stands behind the trunks."""
        n_rows, width = len(self.rows), self.branch_width
        ids = torch.zeros(n_rows, width, dtype=torch.long)
        places = torch.full((n_rows, width), -1, dtype=torch.long)
        # Padding sees itself, or its softmax would be over nothing.
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
        """Where the states are that predict the asked-for tokens, shape `[n_asked]`.

        Counted over the rows of the trunks laid end to end, then over those of the branches.
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
    def asked(self) -> NDArray[np.int64]:
        """The asked-for tokens, shape `[n_asked]`."""
        return np.concatenate([tokens for row in self.rows for tokens in row.trie.asked])

    def split(self, found: LogProbs) -> list[list[LogProbs]]:
        """Return the log-probabilities of `asked` by group and request."""
        lengths = [len(tokens) for row in self.rows for tokens in row.trie.asked]
        each = iter(np.split(found, np.cumsum(lengths)[:-1]))
        return [[next(each) for _ in row.trie.asked] for row in self.rows]


def shared_prefix(groups: Sequence[Group]) -> tuple[int, ...]:
    """Return the tokens that all groups share, if they are worth being computed apart."""
    n_prefix = common_prefix(groups)
    if n_prefix < _LEAST_PREFIX or len(groups) < 2:
        return ()
    return next(request for group in groups for request in group).tokens[:n_prefix]


def plan_batches(groups: Sequence[Group], *, n_prefix: int, n_tokens: int) -> list[Batch]:
    """Cut groups into batches, longest trunk first, so that little is padded.

    Args:
        groups: The groups; empty ones are left out.
        n_prefix: Tokens that all share and that are computed apart.
        n_tokens: Tokens of a batch, padding included; a longer group is a batch alone.
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
    """Return lines of token ids as rows, padded behind; the first stands at place `shift`."""
    # Lines without a token are one of padding.
    width = max(1, *(len(line) for line in lines))
    ids = torch.zeros(len(lines), width, dtype=torch.long)
    places = torch.full((len(lines), width), -1, dtype=torch.long)
    for i, line in enumerate(lines):
        ids[i, : len(line)] = torch.from_numpy(line)
        places[i, : len(line)] = torch.arange(shift, shift + len(line))
    return Tokens(ids.to(device), places.to(device), sum(map(len, lines)))


def count_work(calls: Sequence[Sequence[Group]], *, n_tokens: int) -> Work:
    """Return what would go through a model that shares tokens, without computing anything.

    Args:
        calls: The groups of each call, one call after another.
        n_tokens: Tokens of a batch.
    """
    work = Work()
    kept: list[tuple[int, ...]] = []
    for groups in calls:
        work.count_asked(groups)
        prefix = shared_prefix(groups)
        if prefix and prefix not in kept:
            # It stays for the next calls.
            work.forwards += 1
            work.tokens += len(prefix)
            work.padded += len(prefix)
            kept = [*kept, prefix][-MOST_PREFIXES:]
        for batch in plan_batches(groups, n_prefix=len(prefix), n_tokens=n_tokens):
            n_rows = len(batch.rows)
            work.forwards += 1 + (batch.branch_width > 0)
            work.tokens += sum(row.trie.n_nodes for row in batch.rows)
            work.padded += n_rows * (batch.trunk_width + batch.branch_width)
    return work
