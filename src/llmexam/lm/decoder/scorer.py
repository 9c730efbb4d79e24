"""Log-likelihoods of continuations: every distinct token of a group goes through the model once.

What all groups share (instructions, examples) is computed once for the whole call; what a group
shares (question, evidence) once for the group; the rest as a tree, each branch seeing its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from llmexam.lm.decoder.attention import Block, Sight, seeing
from llmexam.lm.decoder.model import Decoder
from llmexam.lm.decoder.requests import Continuation, Group, LogProbs, common_prefix
from llmexam.lm.decoder.trie import TokenTrie, build_trie

# A prefix shorter than this is cheaper to read again than to attend to apart.
_LEAST_PREFIX = 8
# Keys and values of a batch, at most.
_CACHE_BYTES = 1 << 30


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


@dataclass(eq=False)
class _Row:
    group: int
    members: list[int]
    trie: TokenTrie
    found: list[LogProbs] = field(default_factory=list)


class LikelihoodScorer:
    """Scores groups of continuations with a decoder.

    Args:
        decoder: The model.
        n_tokens: Tokens of a batch, padding included; a longer group is a batch alone.

    Attributes:
        work: What went through the model so far.
    """

    def __init__(self, decoder: Decoder, *, n_tokens: int = 4096) -> None:
        self.decoder = decoder
        self.work = Work()
        self._n_tokens = max(1, min(n_tokens, _CACHE_BYTES // decoder.cache_bytes_per_token))
        self._prefix: tuple[tuple[int, ...], Block] | None = None

    def score(
        self, groups: Sequence[Group], *, progress: Callable[[int], None] | None = None
    ) -> list[list[LogProbs]]:
        """Return the log-probabilities of the asked-for tokens of each request of each group.

        They do not depend on which groups are scored together, but for the order of sums.

        Args:
            groups: Requests that share what they begin with.
            progress: Called with the number of groups done, batch by batch.

        Raises:
            ModelError: A request is longer than the model reads.
        """
        for group in groups:
            for request in group:
                self.decoder.require_fits(len(request.tokens))
                self.work.plain += len(request.tokens) - 1
                self.work.asked += len(request.asked)
        if not self.decoder.shares:
            return self._score_alone(groups, progress)
        n_prefix = common_prefix(groups)
        if n_prefix < _LEAST_PREFIX or len(groups) < 2:
            n_prefix = 0
        with torch.inference_mode():
            earlier = self._prefix_block(groups, n_prefix)
            rows = [
                _Row(i, list(range(len(group))), build_trie(group, n_prefix))
                for i, group in enumerate(groups)
                if group
            ]
            results: list[list[LogProbs]] = [[] for _ in groups]
            for batch in self._batches(rows):
                for row, found in zip(batch, self._score_batch(batch, earlier, n_prefix), strict=True):
                    results[row.group] = found
                if progress is not None:
                    progress(len(batch))
        return results

    def _batches(self, rows: Sequence[_Row]) -> list[list[_Row]]:
        """Cut rows into batches, longest trunk first, so that little is padded."""
        order = sorted(rows, key=lambda row: (-row.trie.n_trunk, -row.trie.n_branch, row.group))
        batches: list[list[_Row]] = []
        widest = 0
        for row in order:
            if batches:
                trunk = batches[-1][0].trie.n_trunk
                branch = max(widest, row.trie.n_branch)
                if (trunk + branch) * (len(batches[-1]) + 1) <= self._n_tokens:
                    batches[-1].append(row)
                    widest = branch
                    continue
            batches.append([row])
            widest = row.trie.n_branch
        return batches

    def _prefix_block(self, groups: Sequence[Group], n_prefix: int) -> tuple[Block, ...]:
        """Return the keys and values of what all groups share; kept for the next call."""
        if not n_prefix:
            return ()
        tokens = next(request for group in groups for request in group).tokens[:n_prefix]
        if self._prefix is None or self._prefix[0] != tokens:
            self._prefix = None
            places = torch.arange(n_prefix, device=self.decoder.device)[None]
            block = Block(places)
            ids = torch.tensor([tokens], device=self.decoder.device)
            self._forward(ids, Sight((), block, keep=True), n_real=n_prefix)
            self._prefix = (tokens, block)
        return (self._prefix[1],)

    def _score_batch(
        self, rows: Sequence[_Row], earlier: tuple[Block, ...], n_prefix: int
    ) -> list[list[LogProbs]]:
        device = self.decoder.device
        branching = any(row.trie.n_branch for row in rows)
        ids, places = _pad([row.trie.tokens[: row.trie.n_trunk] for row in rows], n_prefix, device)
        trunk = Block(places, padded=bool((places < 0).any()))
        n_real = sum(row.trie.n_trunk for row in rows)
        states = self._forward(ids, Sight(earlier, trunk, keep=branching), n_real=n_real)
        layers = [states]
        if branching:
            layers.append(self._branches(rows, (*earlier, trunk), n_prefix))
        return self._pick(rows, layers)

    def _branches(self, rows: Sequence[_Row], earlier: tuple[Block, ...], n_prefix: int) -> Tensor:
        device = self.decoder.device
        width = max(row.trie.n_branch for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        places = torch.full((len(rows), width), -1, dtype=torch.long)
        # Padding sees itself, or its softmax would be over nothing.
        tree = torch.eye(width, dtype=torch.bool).repeat(len(rows), 1, 1)
        for i, row in enumerate(rows):
            n = row.trie.n_branch
            ids[i, :n] = torch.from_numpy(row.trie.tokens[row.trie.n_trunk :])
            places[i, :n] = torch.from_numpy(row.trie.depth[row.trie.n_trunk :] + n_prefix)
            tree[i, :n, :n] = torch.from_numpy(row.trie.branch_mask())
        sight = Sight(earlier, Block(places.to(device)), tree=tree.to(device))
        n_real = sum(row.trie.n_branch for row in rows)
        return self._forward(ids.to(device), sight, n_real=n_real)

    def _forward(self, ids: Tensor, sight: Sight, *, n_real: int) -> Tensor:
        self.work.tokens += n_real
        self.work.padded += ids.numel()
        self.work.forwards += 1
        with seeing(sight):
            return self.decoder.states(ids, sight.own.places.clamp(min=0))

    def _pick(self, rows: Sequence[_Row], layers: Sequence[Tensor]) -> list[list[LogProbs]]:
        """Return the log-probabilities of each request from the states of trunks and branches."""
        device = self.decoder.device
        size = layers[0].shape[-1]
        flat = torch.cat([states.reshape(-1, size) for states in layers])
        n_before = layers[0].shape[0] * layers[0].shape[1]
        where, tokens = [], []
        for i, row in enumerate(rows):
            n_trunk = row.trie.n_trunk
            for nodes, asked in zip(row.trie.states, row.trie.asked, strict=True):
                in_trunk = i * layers[0].shape[1] + nodes
                if len(layers) > 1:
                    behind = n_before + i * layers[1].shape[1] + nodes - n_trunk
                    in_trunk = np.where(nodes < n_trunk, in_trunk, behind)
                where.append(in_trunk)
                tokens.append(asked)
        picked = torch.from_numpy(np.concatenate(where)).to(device)
        wanted = torch.from_numpy(np.concatenate(tokens)).to(device)
        # Options that begin alike ask the same of the same state.
        found = self.decoder.head.log_probs(flat[picked], wanted).cpu().numpy()
        lengths = [len(one) for one in tokens]
        each = iter(np.split(found, np.cumsum(lengths)[:-1]))
        return [[next(each) for _ in row.members] for row in rows]

    def _score_alone(
        self, groups: Sequence[Group], progress: Callable[[int], None] | None
    ) -> list[list[LogProbs]]:
        """Score each distinct request alone, padded: for models whose layers cannot share."""
        unique = sorted(
            {request for group in groups for request in group},
            key=lambda request: (-len(request.tokens), request.tokens, request.start),
        )
        known: dict[Continuation, LogProbs] = {}
        begin = 0
        with torch.inference_mode():
            while begin < len(unique):
                n = max(1, self._n_tokens // len(unique[begin].tokens))
                batch = unique[begin : begin + n]
                known.update(zip(batch, self._alone(batch), strict=True))
                begin += n
        if progress is not None:
            progress(len(groups))
        return [[known[request] for request in group] for group in groups]

    def _alone(self, batch: Sequence[Continuation]) -> list[LogProbs]:
        device = self.decoder.device
        ids, places = _pad([np.array(r.tokens[:-1], np.int64) for r in batch], 0, device)
        self.work.tokens += sum(len(r.tokens) - 1 for r in batch)
        self.work.padded += ids.numel()
        self.work.forwards += 1
        asked_at = sorted({t for r in batch for t in range(r.start - 1, len(r.tokens) - 1)})
        keep = torch.tensor(asked_at, device=device)
        logits = self.decoder.plain_logits(ids, places >= 0, keep)
        found = []
        for i, request in enumerate(batch):
            first = asked_at.index(request.start - 1)
            rows = logits[i, first : first + len(request.asked)]
            wanted = torch.tensor(request.asked, device=device)
            picked = rows.gather(1, wanted[:, None])[:, 0] - rows.logsumexp(dim=1)
            found.append(picked.cpu().numpy())
        return found


def _pad(lines: Sequence[np.ndarray], shift: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return token ids and their places, each of shape `[n_rows, longest]`, padded behind."""
    width = max(len(line) for line in lines)
    ids = torch.zeros(len(lines), width, dtype=torch.long)
    places = torch.full((len(lines), width), -1, dtype=torch.long)
    for i, line in enumerate(lines):
        ids[i, : len(line)] = torch.from_numpy(line)
        places[i, : len(line)] = torch.arange(shift, shift + len(line))
    return ids.to(device), places.to(device)
