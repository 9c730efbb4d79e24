"""What was generated so far for a batch of prompts, and which candidates have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.decoder.sampling import Sampling, uniform_numbers

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated text.

    Attributes:
        text: The text, without special tokens and without the stop text that ended it.
        tokens: Its token ids, with the end token or those of the stop text.
        log_prob: Sum of the log-probabilities of its tokens under the model, in nats, whatever
            the temperature and filters.
        is_finished: Whether an end token or a stop text ended it, not the maximum length.
    """

    text: str
    tokens: tuple[int, ...]
    log_prob: float
    is_finished: bool


class Written:
    """The tokens of the candidates of some prompts; candidate `c` of prompt `i` is `i * n + c`.

    Args:
        prompts: Token ids of the prompts.
        n: Candidates of each.
        sampling: Maximum length, stop texts and seed.
        tokenizer: Decodes tokens; needed for texts.
        ends: Tokens that end a text.

    Attributes:
        n: Candidates of each prompt.
        step: Tokens written so far for those that have not ended.
        last: Last token of each candidate, shape `[n_prompts * n]`.
        is_ended: Whether nothing more is written, same shape.
    """

    def __init__(
        self,
        prompts: Sequence[tuple[int, ...]],
        n: int,
        sampling: Sampling,
        tokenizer: Any,
        ends: frozenset[int],
    ) -> None:
        n_all = len(prompts) * n
        self.n = n
        self.step = 0
        self.last: Ints = np.zeros(n_all, dtype=np.int64)
        self.is_ended = np.zeros(n_all, dtype=bool)
        self._is_finished = np.zeros(n_all, dtype=bool)
        self._tokens: list[list[int]] = [[] for _ in range(n_all)]
        self._log_probs = np.zeros(n_all, dtype=np.float64)
        self._stopped: dict[int, str] = {}
        self._sampling = sampling
        self._tokenizer = tokenizer
        self._ends = ends
        self._uniform = np.zeros((n_all, sampling.max_new_tokens))
        if sampling.do_sample:
            self._uniform = np.concatenate([uniform_numbers(one, sampling) for one in prompts])

    def uniform(self, slots: Ints) -> NDArray[np.float64]:
        """Return the random number of the next token of candidates, shape `[n_slots]`."""
        found: NDArray[np.float64] = self._uniform[slots, self.step]
        return found

    def tokens(self, slot: int) -> list[int]:
        """Return the tokens of a candidate."""
        return self._tokens[slot]

    def write(self, slots: Ints, tokens: Ints, log_probs: NDArray[np.float32]) -> None:
        """Add one token to each of some candidates, all of those that have not ended."""
        self.step += 1
        self.last[slots] = tokens
        self._log_probs[slots] += log_probs
        for slot, token in zip(slots.tolist(), tokens.tolist(), strict=True):
            self._tokens[slot].append(token)
            finished = token in self._ends or self._stops(slot)
            self._is_finished[slot] = finished
            self.is_ended[slot] = finished or self.step == self._sampling.max_new_tokens

    def _stops(self, slot: int) -> bool:
        if not self._sampling.stop:
            return False
        # All tokens, because a stop text may begin in the middle of one; and special ones too,
        # because the end of a turn is a special token of many models.
        text = self._decode(self._tokens[slot], skip_special_tokens=False)
        places = [place for stop in self._sampling.stop if (place := text.find(stop)) >= 0]
        if places:
            self._stopped[slot] = text[: min(places)]
        return bool(places)

    def _decode(self, tokens: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        if self._tokenizer is None:
            return ""
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=skip_special_tokens)
        return text

    def split(self) -> list[list[Generated]]:
        """Return the candidates of each prompt."""
        rows = []
        for slot, tokens in enumerate(self._tokens):
            text = self._stopped[slot] if slot in self._stopped else self._decode(tokens)
            finished = bool(self._is_finished[slot])
            rows.append(Generated(text, tuple(tokens), float(self._log_probs[slot]), finished))
        return [rows[start : start + self.n] for start in range(0, len(rows), self.n)]
