"""Log-likelihoods under a decoder larger than memory: layer by layer, all batches per layer.

A layer's weights are read from safetensors into one of two buffers while the previous layer is
computed, so every weight is read once per exam. Keys and values are kept for one layer only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.decoder.attention import Block, Sight, seeing
from llmexam.lm.decoder.batches import (
    Batch,
    Tokens,
    Work,
    pad_lines,
    plan_batches,
    shared_prefix,
)
from llmexam.lm.decoder.binary_head import BinaryHead
from llmexam.lm.decoder.head import LOGIT_BYTES
from llmexam.lm.decoder.model import (
    DecoderPrecision,
    choose_decoder_dtype,
    rotations_change_at,
)
from llmexam.lm.decoder.probe import probe_requests
from llmexam.lm.decoder.requests import Group, LogProbs, require_kind
from llmexam.lm.decoder.streaming.memory_plan import (
    MemoryBudget,
    MemoryPlan,
    half_of_free,
)
from llmexam.lm.decoder.streaming.skeleton import Skeleton
from llmexam.lm.decoder.streaming.state_store import StateStore
from llmexam.lm.decoder.streaming.weight_files import Reading, WeightFiles
from llmexam.lm.models.device import torch_device
from llmexam.lm.models.loading import ModelFolder, load_tokenizer

_LOG = logging.getLogger(__name__)
# Tolerance of a layer against the model's own attention, relative to what it adds to the states.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.2, torch.float16: 0.02}
_TRIED_SIZE = 0.02


class StreamedScorer:
    """Scores groups of continuations with a decoder, with two layers in memory at a time.

    The results equal those of `LikelihoodScorer`. Score a whole exam in one call, because each
    call reads all weights.

    Args:
        folder: The model.
        precision: Type of weights and states; not int8 or nf4.
        device: A torch device.
        n_tokens: Maximum tokens per batch, with padding; fewer if memory is short.
        memory_bytes: Memory for weights and states, beside Python and its libraries (some
            400 MB, and 200 MB for work buffers of bf16 kernels with AMX); by default half of
            the available memory.
        scratch: Folder for a temporary file of states that do not fit into memory.

    Attributes:
        work: Tokens and passes computed so far.
        plan: Memory plan of the last call.

    Raises:
        ModelError: The model is not a plain sequence of layers.
        SettingsError: The precision cannot be streamed.
    """

    whole_exam = True

    def __init__(
        self,
        folder: ModelFolder,
        *,
        precision: DecoderPrecision = "auto",
        device: str = "cpu",
        n_tokens: int = 4096,
        memory_bytes: int | None = None,
        scratch: Path | None = None,
    ) -> None:
        if precision in ("int8", "nf4"):
            raise SettingsError(
                f"expected precision bf16, fp16 or fp32 for a streamed model, got {precision}",
                hint="Use one of these",
            )
        self.folder = folder
        self.work = Work()
        self.plan: MemoryPlan | None = None
        self._device = torch_device(device)
        self._files = WeightFiles(folder)
        self._skeleton = Skeleton(
            self._files, choose_decoder_dtype(precision, self._device), self._device
        )
        self._n_tokens = n_tokens
        self._limit = memory_bytes if memory_bytes is not None else half_of_free()
        self._scratch = scratch

    @property
    def reading(self) -> Reading:
        """Bytes and parts read from the files so far."""
        return self._files.reading

    @property
    def computes(self) -> str:
        """Arithmetic that results depend on, such as `bfloat16`."""
        return str(self._skeleton.dtype).removeprefix("torch.")

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return getattr(self._skeleton.config, "max_position_embeddings", None)

    @cached_property
    def tokenizer(self) -> Any:
        """Tokenizer of the model."""
        return load_tokenizer(self.folder)

    def score(
        self, groups: Sequence[Group], *, progress: Callable[[int], None] | None = None
    ) -> list[list[LogProbs]]:
        """Return the log-probabilities of the target tokens of each request, by group.

        Args:
            groups: Requests that share a prefix.
            progress: Called with the number of groups done, only at the end.

        Raises:
            ModelError: A request exceeds the context length, the memory is too small, or the
                model's layers do not support shared tokens.
        """
        require_kind(
            (r for group in groups for r in group),
            binary_head=isinstance(self._skeleton.head, BinaryHead),
        )
        longest = max((len(r.tokens) for group in groups for r in group), default=0)
        if self.longest is not None and longest > self.longest:
            raise ModelError(
                f"a prompt has {longest} tokens, more than the model's limit of {self.longest}",
                hint="Use less evidence or fewer examples",
            )
        limit = rotations_change_at(self._skeleton.config)
        # One less, because the last token of a request is predicted and not computed.
        if limit is not None and longest - 1 > limit:
            raise ModelError(
                f"LongRoPE switches its scaling factors after {limit} tokens, and a "
                f"prompt has {longest}: streamed layers cannot share prefixes across "
                "that limit",
                file=self.folder.path,
                hint=f"Set `max_tokens: {limit + 1}`, or `streamed: false`",
            )
        self.work.count_targets(groups)
        prefix = shared_prefix(groups)
        budget = MemoryBudget(self._skeleton, self._limit)
        batches = plan_batches(
            groups, n_prefix=len(prefix), n_tokens=budget.most_tokens(self._n_tokens)
        )
        results: list[list[LogProbs]] = [[] for _ in groups]
        if batches:
            exam = _Pass(self._skeleton, batches, prefix, self.work)
            self.plan = budget.plan(exam.sizes, [len(batch.targets) for batch in batches])
            with torch.inference_mode():
                found = exam.run(self._files, self.plan, budget.part_bytes, self._scratch)
            for batch, one in zip(batches, found, strict=True):
                for row, of_row in zip(batch.rows, batch.split(one), strict=True):
                    results[row.group] = of_row
        if progress is not None:
            progress(len(groups))
        return results


class _Pass:
    """One pass of an exam through all layers."""

    def __init__(
        self, skeleton: Skeleton, batches: Sequence[Batch], prefix: tuple[int, ...], work: Work
    ) -> None:
        self._skeleton, self._batches, self._work = skeleton, batches, work
        self._device = skeleton.device
        self._prefix = (
            pad_lines([np.array(prefix, np.int64)], 0, skeleton.device) if prefix else None
        )
        # The states of the prefix are stored after those of the batches.
        self.sizes = [
            len(batch.rows) * (batch.trunk_width + batch.branch_width) for batch in batches
        ]
        self.sizes += [len(prefix)] if prefix else []

    def run(
        self, files: WeightFiles, plan: MemoryPlan, part_bytes: int, scratch: Path | None
    ) -> list[LogProbs]:
        """Return the log-probabilities of the target tokens of each batch."""
        skeleton = self._skeleton
        width, dtype = skeleton.config.hidden_size, skeleton.dtype
        n_targets = [len(batch.targets) for batch in self._batches]
        head = skeleton.head_parts(part_bytes)
        stream = files.stream([*skeleton.parts, *head], self._device)
        layers = _first_of_kind(skeleton)
        kept = {"in_file": plan.in_file, "folder": scratch}
        # The head is read in slices of the vocabulary, and each needs the states of all targets.
        with StateStore(n_targets, width, dtype, **kept) as last:  # type: ignore[arg-type]
            with StateStore(self.sizes, width, dtype, **kept) as states:  # type: ignore[arg-type]
                self._embed(files, states)
                for index in range(len(skeleton.layers)):
                    weights = next(stream)
                    # Layers of one kind run the same code, so the first of each kind is tested.
                    if index in layers:
                        require_sharing(skeleton, index, weights)
                    self._layer(index, weights, states)
                    _LOG.debug("layer %d of %d", index + 1, len(skeleton.layers))
                for i, batch in enumerate(self._batches):
                    picked = states.read(i, self._device)[torch.from_numpy(batch.states)]
                    last.write(i, skeleton.finish(picked))
            return self._head(stream, [_first_token(part.name) for part in head], last)

    def _embed(self, files: WeightFiles, states: StateStore) -> None:
        """Store the embeddings of all tokens; only their rows of the table are read."""
        skeleton = self._skeleton
        used: set[int] = set()
        for i in range(len(self.sizes)):
            for tokens in self._tokens(i):
                self._work.count_pass(tokens)
                used.update(torch.unique(tokens.ids).tolist())
        rows = sorted(used)
        table = files.read_rows(skeleton.table, rows, skeleton.dtype).to(self._device)
        known = torch.tensor(rows, device=self._device)
        for i in range(len(self.sizes)):
            flat = []
            for tokens in self._tokens(i):
                # Token ids become row numbers of the reduced table.
                ids = torch.searchsorted(known, tokens.ids)
                flat.append(skeleton.embed(ids, tokens.places.clamp(min=0), table).flatten(0, 1))
            states.write(i, torch.cat(flat))

    def _tokens(self, index: int) -> list[Tokens]:
        if index == len(self._batches):
            assert self._prefix is not None
            return [self._prefix]
        batch = self._batches[index]
        trunk = batch.trunk(self._device)
        return [trunk, batch.branches(self._device)] if batch.branch_width else [trunk]

    def _layer(self, index: int, weights: dict[str, Tensor], states: StateStore) -> None:
        earlier: tuple[Block, ...] = ()
        # The prefix first, because the batches attend to its keys.
        order = range(len(self._batches))
        for i in [len(self._batches), *order] if self._prefix is not None else order:
            passes = self._tokens(i)
            before = states.read(i, self._device)
            # Later passes attend to the prefix, and to trunks that have branches.
            keep = i == len(self._batches) or len(passes) > 1
            flat, block = layer_pass(
                self._skeleton, index, weights, before, passes, earlier, keep=keep
            )
            states.write(i, flat)
            if i == len(self._batches):
                earlier = (block,)

    def _head(self, stream: Any, begins: Sequence[int], last: StateStore) -> list[LogProbs]:
        """Return log-probabilities, computed over slices of the vocabulary."""
        asked = [torch.from_numpy(batch.targets).to(self._device) for batch in self._batches]
        head = self._skeleton.head
        if isinstance(head, BinaryHead):
            each = [head.answers(last.read(i, self._device), t) for i, t in enumerate(asked)]
            return [one.cpu().numpy() for one in each]
        totals = [torch.full(t.shape, -torch.inf, device=self._device) for t in asked]
        picked = [torch.zeros(t.shape, device=self._device) for t in asked]
        for begin, weights in zip(begins, stream, strict=True):
            n_tokens = len(next(iter(weights.values())))
            n_rows = max(1, LOGIT_BYTES // (8 * n_tokens))
            for i, tokens in enumerate(asked):
                states = last.read(i, self._device)
                for at in range(0, len(states), n_rows):
                    rows = slice(at, at + n_rows)
                    logits = head.logits(states[rows], weights)
                    # The log-sum-exp of the whole vocabulary, accumulated over the slices.
                    totals[i][rows] = torch.logaddexp(totals[i][rows], logits.logsumexp(dim=1))
                    own = tokens[rows] - begin
                    here = (own >= 0) & (own < n_tokens)
                    found = logits.gather(1, own.clamp(0, n_tokens - 1)[:, None])[:, 0]
                    picked[i][rows] = torch.where(here, found, picked[i][rows])
        return [(p - t).cpu().numpy() for p, t in zip(picked, totals, strict=True)]


def layer_pass(
    skeleton: Skeleton,
    index: int,
    weights: dict[str, Tensor],
    before: Tensor,
    passes: Sequence[Tokens],
    earlier: tuple[Block, ...],
    *,
    keep: bool,
) -> tuple[Tensor, Block]:
    """Return the states of a batch after a layer, `[n, hidden_size]`, and the trunk's block."""
    flat, at, blocks = [], 0, list(earlier)
    for n, tokens in enumerate(passes):
        n_states = tokens.ids.numel()
        own = Block(tokens.places, padded=tokens.n_real < n_states)
        sight = Sight(tuple(blocks), own, tree=tokens.tree, keep=keep and n == 0)
        states = before[at : at + n_states].view(*tokens.ids.shape, -1)
        with seeing(sight):
            # Padding has position -1, which is no valid position for the model.
            out = skeleton.layer(index, weights, states, tokens.places.clamp(min=0))
        flat.append(out.flatten(0, 1))
        at += n_states
        blocks.append(own)
    return torch.cat(flat), blocks[len(earlier)]


def require_sharing(skeleton: Skeleton, index: int, weights: dict[str, Tensor]) -> None:
    """Check that a layer gives equal results when requests share tokens.

    Raises:
        ModelError: It does not.
    """
    try:
        apart = _difference(skeleton, index, weights, probe_requests(256))
    except Exception as error:  # a model's own code may raise anything
        _LOG.debug("sharing fails: %s", error)
        apart = float("inf")
    # Written with `not`, because a NaN must be refused as well.
    if not apart <= _TOLERANCE.get(skeleton.dtype, 0.1):
        raise ModelError(
            f"{skeleton.architecture} cannot be streamed layer by layer: layer "
            f"{index} gives other results with cached prefixes (relative difference "
            f"{apart:.2g})",
            file=skeleton.folder.path,
            hint="Try `precision: fp32`, or set `streamed: false` with int8 or nf4",
        )


def _difference(
    skeleton: Skeleton, index: int, weights: dict[str, Tensor], groups: Sequence[Group]
) -> float:
    device = skeleton.device
    drawn = torch.randn(
        256, skeleton.config.hidden_size, generator=torch.Generator().manual_seed(0)
    )
    # Of the size of embeddings, so that the layer's contribution is not lost in rounding.
    table = (_TRIED_SIZE * drawn).to(device, skeleton.dtype)
    prefix = shared_prefix(groups)
    (batch,) = plan_batches(groups, n_prefix=len(prefix), n_tokens=1 << 20)
    first = pad_lines([np.array(prefix, np.int64)], 0, device)
    _, block = layer_pass(skeleton, index, weights, table[first.ids[0]], [first], (), keep=True)
    passes = [batch.trunk(device), batch.branches(device)]
    before = torch.cat([table[tokens.ids].flatten(0, 1) for tokens in passes])
    flat, _ = layer_pass(skeleton, index, weights, before, passes, (block,), keep=True)
    shared = flat[torch.from_numpy(batch.states).to(device)].float()
    own = []
    for row in batch.rows:
        for request in groups[row.group]:
            ids = torch.tensor(request.tokens[:-1], device=device)
            out = skeleton.own_layer(index, weights, table[ids][None])[0, request.start - 1 :]
            own.append(torch.stack([out.float(), table[ids].float()[request.start - 1 :]]))
    alone, given = torch.cat(own, dim=1)
    return float((shared - alone).abs().max() / (alone - given).abs().max())


def _first_of_kind(skeleton: Skeleton) -> set[int]:
    """Return the first layer of each kind: sliding or full attention, dense or experts."""
    kinds = getattr(skeleton.config, "layer_types", None) or [""] * len(skeleton.layers)
    seen: dict[Any, int] = {}
    for i, part in enumerate(skeleton.parts):
        seen.setdefault((kinds[i], tuple(part.tensors)), i)
    return set(seen.values())


def _first_token(name: str) -> int:
    return int(name.removeprefix("head ").partition("-")[0])
