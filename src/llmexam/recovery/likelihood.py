"""How likely a rewritten text is under a causal language model, given the original and a prompt.

A prompt that explains a pair of texts makes the rewritten text more likely. The metric of the gain
in log-likelihood and rerankers of candidates score (pair, prompt) combinations here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.models.loading import require_packages
from llmexam.recovery.recoverer import Progress, no_progress

if TYPE_CHECKING:
    from llmexam.lm.decoder import Continuation, GroupScorer

Pair = tuple[str, str]
"""An original and a rewritten text."""

PLAIN = "Instruction: {prompt}\n\nOriginal text:\n{original}\n\nRewritten text:\n"
"""What a base model reads before the rewritten text."""
CHAT = "{prompt}\n\n{original}"
"""What a user says to a model with a chat template; the rewritten text is the answer."""
MAX_TEXT_TOKENS = 256
# Tokens of a context that labels and chat templates may take.
_LABELS = 64
# No token has so many characters, so a text of a megabyte need not be tokenized to its end.
_CHARACTERS_PER_TOKEN = 64
_MOST_KEPT = 500_000


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The log-likelihood of a rewritten text, as far as the model reads it.

    Attributes:
        total: Sum of the log-probabilities of its tokens, in nats.
        n_tokens: Number of these tokens.
        n_bytes: Number of its bytes in UTF-8, to compare models with different tokenizers.
    """

    total: float
    n_tokens: int
    n_bytes: int

    @property
    def per_token(self) -> float:
        """Mean log-probability of a token, in nats."""
        return self.total / self.n_tokens

    @property
    def per_byte(self) -> float:
        """Log-probability by byte, in nats."""
        return self.total / self.n_bytes


class RewriteLikelihood:
    """Scores combinations of a pair of texts and a prompt, each once.

    The instruction comes first, then the original text, then the rewritten text, whose tokens are
    scored. They are the same for all prompts of a pair, so that sums can be compared.

    Args:
        scorer: Scores continuations with the model.
        name: The user's name of the model.
        max_text_tokens: Tokens that are read of the original, of the rewritten text and of a
            prompt; the rest is cut off. Less if the model's context is short.
        chat: Whether to use the tokenizer's chat template; by default if there is one.

    Raises:
        ModelError: A chat template is asked for and there is none, or the model's context has no
            room for texts.
    """

    def __init__(
        self,
        scorer: GroupScorer,
        *,
        name: str = "",
        max_text_tokens: int = MAX_TEXT_TOKENS,
        chat: bool | None = None,
    ) -> None:
        from llmexam.lm.decoder import SumScorer

        tokenizer = scorer.tokenizer
        has_template = bool(getattr(tokenizer, "chat_template", None))
        if chat and not has_template:
            raise ModelError("the model's tokenizer has no chat template", hint="Set `chat: false`")
        self.name = name
        self._chat = has_template if chat is None else chat
        self._scorer = SumScorer(scorer)
        self._tokenizer: Any = tokenizer
        self._limit = max_text_tokens
        if scorer.longest is not None:
            self._limit = min(max_text_tokens, (scorer.longest - _LABELS) // 3)
        if self._limit < 1:
            raise ModelError(
                f"the model reads {scorer.longest} tokens, which leaves none for the texts",
                hint="Use a model with a longer context",
            )
        self._heads: dict[str, tuple[str, bool]] = {}
        self._known: dict[tuple[str, str, str], Likelihood] = {}

    @property
    def max_text_tokens(self) -> int:
        """Tokens that are read of a text."""
        return self._limit

    def cut(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are longer than what is read of them, shape `[n_texts]`."""
        return np.array([self._head(text)[1] for text in texts], dtype=bool)

    def score(
        self,
        pairs: Sequence[Pair],
        prompts: Sequence[Sequence[str]],
        progress: Progress = no_progress,
    ) -> list[list[Likelihood]]:
        """Return the likelihood of each pair's rewritten text under each of its prompts.

        Args:
            pairs: Original and rewritten texts.
            prompts: The prompts of each pair.
            progress: Called with how many new combinations are done, and how many there are.
        """
        asked = [
            (*pair, prompt) for pair, own in zip(pairs, prompts, strict=True) for prompt in own
        ]
        new = [one for one in dict.fromkeys(asked) if one not in self._known]
        if len(self._known) + len(new) > _MOST_KEPT:
            self._known.clear()
            new = list(dict.fromkeys(asked))
        requests = [self._request(*one) for one in new]
        # Each on its own: prompts come first, so there is little to share within a pair.
        sums = self._scorer.score([[request] for request in requests], progress=progress)
        for one, request, total in zip(new, requests, sums, strict=True):
            read = self._head(one[1])[0]
            self._known[one] = Likelihood(
                float(total[0]), len(request.targets), max(len(read.encode()), 1)
            )
        found = iter(asked)
        return [[self._known[next(found)] for _ in own] for own in prompts]

    def _request(self, original: str, rewritten: str, prompt: str) -> Continuation:
        from llmexam.lm.decoder import Continuation

        parts = {"prompt": self._head(prompt)[0], "original": self._head(original)[0]}
        if self._chat:
            message = {"role": "user", "content": CHAT.format(**parts)}
            before = self._ids(
                self._tokenizer.apply_chat_template(
                    [message], tokenize=False, add_generation_prompt=True
                )
            )
        else:
            before = self._ids(PLAIN.format(**parts), special=True)
        # Apart from what is before it, so that a text has the same tokens after every prompt.
        target = self._ids(self._head(rewritten)[0]) or [int(self._tokenizer.eos_token_id)]
        return Continuation((*before, *target), len(before))

    def _ids(self, text: str, *, special: bool = False) -> list[int]:
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=special, return_attention_mask=False, verbose=False
        )["input_ids"]
        last = {self._tokenizer.eos_token_id, getattr(self._tokenizer, "sep_token_id", None)}
        # Some tokenizers append an end token; it is removed, because the rewritten text follows.
        return ids[:-1] if special and len(ids) > 1 and ids[-1] in last - {None} else ids

    def _head(self, text: str) -> tuple[str, bool]:
        """Return what is read of a text, and whether that is not all."""
        if text not in self._heads:
            if len(self._heads) > _MOST_KEPT:
                self._heads.clear()
            start = text[: self._limit * _CHARACTERS_PER_TOKEN]
            # A lone surrogate cannot be tokenized.
            start = start.encode("utf-8", "replace").decode("utf-8")
            offsets = self._tokenizer(
                start, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )["offset_mapping"]
            is_cut = len(offsets) > self._limit or len(start) < len(text)
            end = offsets[min(self._limit, len(offsets)) - 1][1] if is_cut and offsets else None
            self._heads[text] = (start[:end].strip(), is_cut)
        return self._heads[text]


@lru_cache(maxsize=2)
def rewrite_likelihood(
    model: str,
    *,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    device: str = "cpu",
    max_text_tokens: int = MAX_TEXT_TOKENS,
) -> RewriteLikelihood:
    """Return the scorer of a model, shared by all that ask for it.

    Args:
        model: A local folder or a Hugging Face name of a causal language model.
        precision: Type of weights and states.
        device: A torch device.
        max_text_tokens: Tokens that are read of each text and prompt.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        ModelError: It is no causal language model, or cannot be loaded.
    """
    require_packages("the log-likelihood of rewritten texts")
    from llmexam.lm.decoder import LikelihoodScorer, load_decoder

    decoder = load_decoder(model, precision=precision, device=device)
    if decoder.has_binary_head:
        raise ModelError("expected a causal language model, got one with a binary head", file=model)
    return RewriteLikelihood(LikelihoodScorer(decoder), name=model, max_text_tokens=max_text_tokens)
