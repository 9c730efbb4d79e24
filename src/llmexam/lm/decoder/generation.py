"""Text generation in batches, with the keys and values of earlier tokens kept.

Compared with transformers' `generate`: the tokens that all prompts share are computed once, a
prompt is computed once for all of its candidates and its keys are not copied for them, the keys of
new tokens are written in place, candidates that have ended are left out of later passes, and
top-p sorts only the likeliest tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from llmexam.errors import ModelError
from llmexam.lm.decoder.attention import Block, Sight, seeing
from llmexam.lm.decoder.batches import Tokens, Work, pad_lines, shared_prefix
from llmexam.lm.decoder.head import TokenHead
from llmexam.lm.decoder.model import Decoder
from llmexam.lm.decoder.next_token import next_tokens
from llmexam.lm.decoder.requests import Continuation
from llmexam.lm.decoder.sampling import Sampling
from llmexam.lm.decoder.written import Generated, Written

# Maximum memory of a batch's keys and values.
_CACHE_BYTES = 1 << 30
# Bytes of logits at a time: a larger product reads the head's weights less often.
_LOGIT_BYTES = 64 << 20
# A batch is packed again once more than this share of its rows has ended.
_MOST_ENDED = 0.25


class Generator:
    """Generates texts after prompts with a decoder.

    Args:
        decoder: The model, with a language-model head and a tokenizer.
        n_tokens: Maximum prompt tokens per batch, with padding; a longer prompt is a batch of its
            own.

    Attributes:
        work: Tokens and passes computed so far.
    """

    def __init__(self, decoder: Decoder, *, n_tokens: int = 8192) -> None:
        if not isinstance(decoder.head, TokenHead):
            raise ModelError(
                "a model with a binary head cannot generate text",
                hint="Give a causal language model",
            )
        self.decoder = decoder
        self._head = decoder.head
        self.n_tokens = n_tokens
        self.work = Work()
        self._ends = _end_tokens(decoder)
        vocabulary = decoder.model.config.get_text_config().vocab_size
        self._n_logits = max(1, _LOGIT_BYTES // (4 * vocabulary))

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Generated]]:
        """Return the candidates of each prompt, in the order they were drawn.

        What is generated for a prompt depends on neither the other prompts nor the batch, up to
        the order of summation. Greedy candidates of a prompt are equal and computed once.

        Args:
            prompts: Token ids of each prompt.
            sampling: How to choose tokens.
            progress: Called with the number of prompts done, batch by batch.

        Raises:
            ModelError: A prompt and its new tokens exceed the context length, or it is empty.
        """
        asked = [tuple(map(int, prompt)) for prompt in prompts]
        counts = Counter(asked)
        for prompt in counts:
            if not prompt:
                raise ModelError("a prompt has no tokens")
            self.decoder.require_fits(len(prompt) + sampling.max_new_tokens)
        # The longest first: what needs most memory fails at once, and lengths of a batch are close.
        alone: list[tuple[int, ...]] = []
        together: list[tuple[int, ...]] = []
        for prompt in sorted(counts, key=lambda one: (-len(one), one)):
            (together if self._can_share(prompt, sampling) else alone).append(prompt)
        found: dict[tuple[int, ...], list[Generated]] = {}
        n_drawn = sampling.n if sampling.do_sample else 1
        with torch.inference_mode():
            prefix = shared_prefix([[Continuation((*one, one[-1]), len(one))] for one in together])
            earlier = self._prefix_block(prefix)
            for part, shares in [
                *((part, True) for part in self._batches(together, len(prefix), n_drawn, sampling)),
                *(([one], False) for one in alone),
            ]:
                written = Written(part, n_drawn, sampling, self.decoder.tokenizer, self._ends)
                if shares:
                    self._generate_together(part, written, sampling, earlier, len(prefix))
                else:
                    self._generate_alone(part[0], written, sampling)
                for prompt, texts in zip(part, written.split(), strict=True):
                    found[prompt] = texts if sampling.do_sample else texts * sampling.n
                if progress is not None:
                    progress(sum(counts[prompt] for prompt in part))
        return [list(found[prompt]) for prompt in asked]

    def _can_share(self, prompt: tuple[int, ...], sampling: Sampling) -> bool:
        limit = self.decoder.rotations_change_at
        is_near = limit is None or len(prompt) + sampling.max_new_tokens <= limit
        return self.decoder.shares and is_near

    def _batches(
        self,
        prompts: Sequence[tuple[int, ...]],
        n_prefix: int,
        n_drawn: int,
        sampling: Sampling,
    ) -> list[list[tuple[int, ...]]]:
        """Return batches of prompts, sorted by length, within tokens and memory."""
        most = _CACHE_BYTES // self.decoder.cache_bytes_per_token
        batches: list[list[tuple[int, ...]]] = []
        for prompt in prompts:
            if batches:
                width = len(batches[-1][0]) - n_prefix
                n_rows = len(batches[-1]) + 1
                n_kept = n_rows * (width + n_drawn * sampling.max_new_tokens)
                if n_rows * width <= self.n_tokens and n_kept <= most:
                    batches[-1].append(prompt)
                    continue
            batches.append([prompt])
        return batches

    def _prefix_block(self, prefix: tuple[int, ...]) -> tuple[Block, ...]:
        if not prefix:
            return ()
        tokens = pad_lines([np.array(prefix, np.int64)], 0, self.decoder.device)
        block = Block(tokens.places)
        self._forward(tokens, Sight((), block, keep=True))
        return (block,)

    def _forward(self, tokens: Tokens, sight: Sight) -> Tensor:
        self.work.count_pass(tokens)
        with seeing(sight):
            # Padding has position -1, which rotary embeddings cannot look up.
            return self.decoder.states(tokens.ids, tokens.places.clamp(min=0))

    def _generate_together(
        self,
        prompts: Sequence[tuple[int, ...]],
        written: Written,
        sampling: Sampling,
        earlier: tuple[Block, ...],
        n_prefix: int,
    ) -> None:
        device = self.decoder.device
        lines = [np.array(prompt[n_prefix:], np.int64) for prompt in prompts]
        tokens = pad_lines(lines, n_prefix, device)
        trunk = Block(tokens.places, padded=tokens.n_real < tokens.ids.numel())
        states = self._forward(tokens, Sight(earlier, trunk, keep=True))
        last = torch.tensor([len(line) - 1 for line in lines], device=device)
        states = states[torch.arange(len(lines), device=device), last]
        # All candidates of a prompt begin after the same state.
        rows = torch.arange(len(prompts), device=device).repeat_interleave(written.n)
        batch = _Candidates(trunk, written.n, n_prefix + last + 1, sampling.max_new_tokens)
        self._choose(states, rows, written, batch.slots, sampling)
        while batch.drop_ended(written):
            ids = torch.from_numpy(written.last[batch.slots]).to(device)[:, None]
            tokens = Tokens(ids, batch.places(written.step), n_real=batch.n_live)
            own = Block(tokens.places)
            blocks = (*earlier, batch.trunk, *batch.grown)
            states = self._forward(tokens, Sight(blocks, own, keep=True))[:, 0]
            batch.append(own)
            live = torch.from_numpy(np.flatnonzero(batch.is_live)).to(device)
            self._choose(states, live, written, batch.slots[batch.is_live], sampling)

    def _choose(
        self,
        states: Tensor,
        rows: Tensor,
        written: Written,
        slots: np.ndarray[tuple[int], np.dtype[np.int64]],
        sampling: Sampling,
    ) -> None:
        """Choose and write the next token of candidates.

        Args:
            states: Last hidden states, shape `[n_states, hidden_size]`.
            rows: The state that each candidate goes on from, shape `[n_candidates]`.
            written: What was generated so far.
            slots: The candidates, shape `[n_candidates]`.
            sampling: How to choose.
        """
        uniform = torch.from_numpy(written.uniform(slots))
        tokens, log_probs = [], []
        for begin in range(0, len(slots), self._n_logits):
            part = slice(begin, begin + self._n_logits)
            needed, places = torch.unique_consecutive(rows[part], return_inverse=True)
            logits = self._head.logits(states[needed])
            totals = logits.logsumexp(dim=1)
            if len(needed) < len(places):
                logits, totals = logits[places], totals[places]
            chosen = next_tokens(logits, sampling, uniform[part])
            tokens.append(chosen)
            log_probs.append(logits.gather(1, chosen[:, None])[:, 0] - totals)
        written.write(slots, torch.cat(tokens).cpu().numpy(), torch.cat(log_probs).cpu().numpy())

    def _generate_alone(
        self, prompt: tuple[int, ...], written: Written, sampling: Sampling
    ) -> None:
        """Generate with whole passes, for models and lengths that cannot share tokens."""
        device = self.decoder.device
        slots = np.arange(written.n)
        while len(slots):
            texts = [
                np.array([*prompt, *written.tokens(slot)], np.int64) for slot in slots.tolist()
            ]
            if not written.step:
                texts = texts[:1]
            tokens = pad_lines(texts, 0, device)
            self.work.count_pass(tokens)
            states = self.decoder.plain_states(tokens.ids, tokens.places >= 0)[:, -1]
            rows = torch.arange(len(slots), device=device).clamp(max=len(texts) - 1)
            self._choose(states, rows, written, slots, sampling)
            slots = slots[~written.is_ended[slots]]


class _Candidates:
    """The rows of a batch: a grid of prompts and candidates, and the keys they attend to.

    Attributes:
        trunk: Keys of the prompts; each serves a run of candidates.
        grown: Keys of the tokens generated so far, none at first.
        slots: The candidate of each row, shape `[n_rows]`.
        is_live: Which candidates have not ended, shape `[n_rows]`; the others only fill the grid.
    """

    def __init__(self, trunk: Block, n: int, starts: Tensor, n_most: int) -> None:
        n_prompts = len(starts)
        self.trunk = Block(trunk.places, trunk.padded, n, trunk.kept)
        self.grown: tuple[Block, ...] = ()
        self.slots = np.arange(n_prompts * n)
        self.is_live = np.ones(n_prompts * n, dtype=bool)
        self._starts = starts
        self._n_most = n_most
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}
        self._n_kept = 0

    @property
    def n_live(self) -> int:
        """Number of candidates that have not ended."""
        return int(self.is_live.sum())

    def places(self, step: int) -> Tensor:
        """Return the position of the token that was chosen last, shape `[n_rows, 1]`.

        Args:
            step: Tokens written so far.
        """
        return (self._starts.repeat_interleave(self.trunk.repeats) + step - 1)[:, None]

    def append(self, own: Block) -> None:
        """Add the keys of one more token to `grown`."""
        for layer, pair in own.kept.items():
            if layer not in self._kept:
                self._kept[layer] = self._room_for(pair)
            for room, new in zip(self._kept[layer], pair, strict=True):
                room[:, :, self._n_kept : self._n_kept + 1] = new
        self._n_kept += 1
        before = [block.places for block in self.grown]
        self._show(torch.cat([*before, own.places], dim=1))

    def _room_for(self, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        # As long as the longest text, so that a new token copies no earlier one.
        one, other = (
            new.new_empty(new.shape[0], new.shape[1], self._n_most, new.shape[3]) for new in pair
        )
        return one, other

    def _show(self, places: Tensor) -> None:
        kept = {
            layer: (keys[:, :, : self._n_kept], values[:, :, : self._n_kept])
            for layer, (keys, values) in self._kept.items()
        }
        self.grown = (Block(places, kept=kept),)

    def drop_ended(self, written: Written) -> bool:
        """Leave out candidates that have ended; returns whether any is left."""
        self.is_live &= ~written.is_ended[self.slots]
        if not self.is_live.any():
            return False
        grid = self.is_live.reshape(-1, self.trunk.repeats)
        n_wide = int(grid.sum(axis=1).max())
        n_packed = int(grid.any(axis=1).sum()) * n_wide
        if n_packed < (1 - _MOST_ENDED) * len(self.slots):
            self._pack(grid, n_wide)
        return True

    def _pack(self, grid: np.ndarray[tuple[int, int], np.dtype[np.bool_]], n_wide: int) -> None:
        prompts = np.flatnonzero(grid.any(axis=1))
        # Live candidates of a prompt come first, in their order.
        order = np.argsort(~grid[prompts], axis=1, kind="stable")[:, :n_wide]
        rows = (prompts[:, None] * grid.shape[1] + order).ravel()
        self.slots, self.is_live = self.slots[rows], self.is_live[rows]
        device = self._starts.device
        chosen, wanted = (torch.from_numpy(one).to(device) for one in (rows, prompts))
        self._starts = self._starts[wanted]
        kept = {
            layer: (keys[wanted], values[wanted])
            for layer, (keys, values) in self.trunk.kept.items()
        }
        self.trunk = Block(self.trunk.places[wanted], self.trunk.padded, n_wide, kept)
        self._kept = {layer: (k[chosen], v[chosen]) for layer, (k, v) in self._kept.items()}
        if self.grown:
            self._show(self.grown[0].places[chosen])


def _end_tokens(decoder: Decoder) -> frozenset[int]:
    """Return the tokens that end a text, from generation config and tokenizer."""
    config = getattr(decoder.model, "generation_config", None)
    named = getattr(config, "eos_token_id", None)
    several = named if isinstance(named, list) else [named]
    own = getattr(decoder.tokenizer, "eos_token_id", None)
    return frozenset(int(token) for token in (*several, own) if token is not None)
