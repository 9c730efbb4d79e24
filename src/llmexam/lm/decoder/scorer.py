"""Log-likelihoods of continuations, with shared prefixes computed once.

The prefix of all groups (instructions, examples) is computed once per call, the prefix of a group
(question, evidence) once per group, and the rest as a token tree under a tree mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmexam.lm.decoder.attention import Block, Sight, seeing
from llmexam.lm.decoder.batches import (
    MOST_PREFIXES,
    Batch,
    Tokens,
    Work,
    pad_lines,
    plan_batches,
    shared_prefix,
)
from llmexam.lm.decoder.model import Decoder
from llmexam.lm.decoder.requests import Continuation, Group, LogProbs, require_kind
from llmexam.lm.models.loading import ModelFolder

# Maximum memory of a batch's keys and values.
_CACHE_BYTES = 1 << 30


class LikelihoodScorer:
    """Scores groups of continuations, or of whole texts, with a decoder.

    Args:
        decoder: The model.
        n_tokens: Maximum tokens per batch, with padding; a longer group is a batch of its own.

    Attributes:
        work: Tokens and passes computed so far.
        n_tokens: Tokens per batch, possibly reduced to limit the memory of keys and values.
    """

    whole_exam = False

    def __init__(self, decoder: Decoder, *, n_tokens: int = 4096) -> None:
        self.decoder = decoder
        self.work = Work()
        self.n_tokens = max(1, min(n_tokens, _CACHE_BYTES // decoder.cache_bytes_per_token))
        self._prefixes: dict[tuple[int, ...], Block] = {}

    @property
    def folder(self) -> ModelFolder | None:
        """Folder of the model; None for one created in memory."""
        return self.decoder.folder

    @property
    def computes(self) -> str:
        """Arithmetic that results depend on, such as `bfloat16`."""
        return self.decoder.computes

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return self.decoder.longest

    @property
    def tokenizer(self) -> Any:
        """Tokenizer of the model."""
        return self.decoder.tokenizer

    def score(
        self, groups: Sequence[Group], *, progress: Callable[[int], None] | None = None
    ) -> list[list[LogProbs]]:
        """Return the log-probabilities of the target tokens of each request, by group.

        For a whole text it is the logit of the binary head. Results do not depend on the other
        groups, up to the order of summation.

        Args:
            groups: Requests that share a prefix.
            progress: Called with the number of groups done, batch by batch.

        Raises:
            ModelError: A request exceeds the context length.
        """
        for group in groups:
            require_kind(group, binary_head=self.decoder.has_binary_head)
            for request in group:
                self.decoder.require_fits(len(request.tokens))
        self.work.count_targets(groups)
        if not self.decoder.shares:
            return self._score_alone(groups, progress)
        if any(self._is_far(request) for group in groups for request in group):
            return self._score_near_and_far(groups, progress)
        return self._score_shared(groups, progress)

    def _is_far(self, request: Continuation) -> bool:
        """Return whether a request is long enough for LongRoPE's long scaling factors."""
        limit = self.decoder.rotations_change_at
        return limit is not None and len(request.tokens) - 1 > limit

    def _score_near_and_far(
        self, groups: Sequence[Group], progress: Callable[[int], None] | None
    ) -> list[list[LogProbs]]:
        """Score short and long requests of a LongRoPE model separately, as they share no keys."""
        near = self._score_shared([[r for r in g if not self._is_far(r)] for g in groups], None)
        # Not shared: a long request's prefix is short, so its keys would get the short factors.
        far = self._score_alone([[r for r in g if self._is_far(r)] for g in groups], progress)
        results = []
        for group, *parts in zip(groups, near, far, strict=True):
            one, other = map(iter, parts)
            results.append([next(other if self._is_far(r) else one) for r in group])
        return results

    def _score_shared(
        self, groups: Sequence[Group], progress: Callable[[int], None] | None
    ) -> list[list[LogProbs]]:
        prefix = shared_prefix(groups)
        results: list[list[LogProbs]] = [[] for _ in groups]
        with torch.inference_mode():
            earlier = self._prefix_block(prefix)
            for batch in plan_batches(groups, n_prefix=len(prefix), n_tokens=self.n_tokens):
                for row, found in zip(batch.rows, self._score_batch(batch, earlier), strict=True):
                    results[row.group] = found
                if progress is not None:
                    progress(len(batch.rows))
        return results

    def _prefix_block(self, prefix: tuple[int, ...]) -> tuple[Block, ...]:
        """Return the keys and values of the prefix of all groups, cached for the next calls."""
        if not prefix:
            return ()
        if prefix not in self._prefixes:
            # Dictionaries keep insertion order, so this evicts the oldest prefix.
            while len(self._prefixes) >= MOST_PREFIXES:
                del self._prefixes[next(iter(self._prefixes))]
            tokens = pad_lines([np.array(prefix, np.int64)], 0, self.decoder.device)
            block = Block(tokens.places)
            self._forward(tokens, Sight((), block, keep=True))
            self._prefixes[prefix] = block
        return (self._prefixes[prefix],)

    def _score_batch(self, batch: Batch, earlier: tuple[Block, ...]) -> list[list[LogProbs]]:
        device = self.decoder.device
        tokens = batch.trunk(device)
        trunk = Block(tokens.places, padded=tokens.n_real < tokens.ids.numel())
        branching = batch.branch_width > 0
        parts = [self._forward(tokens, Sight(earlier, trunk, keep=branching))]
        if branching:
            tokens = batch.branches(device)
            sight = Sight((*earlier, trunk), Block(tokens.places), tree=tokens.tree)
            parts.append(self._forward(tokens, sight))
        flat = torch.cat([states.reshape(-1, states.shape[-1]) for states in parts])
        picked = flat[torch.from_numpy(batch.states).to(device)]
        found = self.decoder.head.answers(picked, torch.from_numpy(batch.targets).to(device))
        return batch.split(found.cpu().numpy())

    def _forward(self, tokens: Tokens, sight: Sight) -> Tensor:
        self.work.count_pass(tokens)
        with seeing(sight):
            # Padding has position -1, which rotary embeddings cannot look up.
            return self.decoder.states(tokens.ids, tokens.places.clamp(min=0))

    def _score_alone(
        self, groups: Sequence[Group], progress: Callable[[int], None] | None
    ) -> list[list[LogProbs]]:
        """Score each distinct request alone, for models whose layers do not support sharing."""
        unique = sorted(
            {request for group in groups for request in group},
            key=lambda request: (-len(request.tokens), request.tokens, request.start),
        )
        scored: dict[Continuation, LogProbs] = {}
        begin = 0
        with torch.inference_mode():
            while begin < len(unique):
                n = max(1, self.n_tokens // len(unique[begin].tokens))
                far = self._is_far(unique[begin])
                # The longest row selects LongRoPE's factors, so a batch must not mix both kinds.
                batch = [r for r in unique[begin : begin + n] if self._is_far(r) == far]
                scored.update(zip(batch, self._alone(batch), strict=True))
                begin += len(batch)
        if progress is not None:
            progress(len(groups))
        return [[scored[request] for request in group] for group in groups]

    def _alone(self, batch: Sequence[Continuation]) -> list[LogProbs]:
        device = self.decoder.device
        tokens = pad_lines([np.array(r.tokens[:-1], np.int64) for r in batch], 0, device)
        self.work.count_pass(tokens)
        if self.decoder.has_binary_head:
            # Not by the model's own forward: it takes the last token before the padding id, and
            # that id may also be the end token of a text.
            states = self.decoder.plain_states(tokens.ids, tokens.places >= 0)
            last = torch.tensor([r.start - 1 for r in batch], device=device)
            picked = states[torch.arange(len(batch), device=device), last]
            return list(self.decoder.head.answers(picked, last).cpu().numpy()[:, None])
        target_positions = sorted({t for r in batch for t in range(r.start - 1, len(r.tokens) - 1)})
        keep = torch.tensor(target_positions, device=device)
        logits = self.decoder.plain_logits(tokens.ids, tokens.places >= 0, keep)
        found = []
        for i, request in enumerate(batch):
            first = target_positions.index(request.start - 1)
            rows = logits[i, first : first + len(request.targets)]
            wanted = torch.tensor(request.targets, device=device)
            picked = rows.gather(1, wanted[:, None])[:, 0] - rows.logsumexp(dim=1)
            found.append(picked.cpu().numpy())
        return found
