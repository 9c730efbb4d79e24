"""From a decoder's last states to the log-probabilities of tokens, a few rows at a time."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

# Logits are float32 and as wide as the vocabulary: this many bytes of them at a time. Larger ones
# glibc maps anew for every call (above 32 MB), and clearing the pages takes longer than the sums.
LOGIT_BYTES = 16 << 20


class Head(Protocol):
    """What a decoder's last states go through."""

    def answers(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return one number a state, float32, shape `[n]`.

        Args:
            states: Last states, shape `[n, hidden_size]`.
            tokens: The tokens asked for behind them, shape `[n]`.
        """
        ...


class _Output:
    """What layers return; whatever a head asks for beside the states is None."""

    def __init__(self, states: Tensor) -> None:
        self.last_hidden_state = states

    def __getitem__(self, place: int | slice) -> Any:
        return (self.last_hidden_state,)[place]

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _GivenStates(torch.nn.Module):
    """Stands where the layers stand, and returns the states it is given as embeddings."""

    def forward(self, *args: Any, inputs_embeds: Tensor, **kwargs: Any) -> _Output:
        return _Output(inputs_embeds)


class TokenHead:
    """A model's own way from states to logits, with its caps and scales, without its layers.

    Args:
        model: A transformers model for causal language modelling.
    """

    def __init__(self, model: Any) -> None:
        # A shallow copy shares the weights; only the place of the layers is taken by another.
        self._head = copy.copy(model)
        self._head._modules = dict(model._modules)
        self._head._modules[model.base_model_prefix] = _GivenStates()
        self._n_rows = max(1, LOGIT_BYTES // (4 * model.config.get_text_config().vocab_size))

    def answers(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return the log-probability of a token after each state, float32, shape `[n]`.

        Args:
            states: Last states, shape `[n, hidden_size]`.
            tokens: Token ids, shape `[n]`.
        """
        found = torch.empty(len(states), dtype=torch.float32, device=states.device)
        for begin in range(0, len(states), self._n_rows):
            rows = slice(begin, begin + self._n_rows)
            # One kernel; `logsumexp` takes four, each with a copy as wide as the vocabulary.
            losses = functional.cross_entropy(
                self.logits(states[rows]), tokens[rows], reduction="none"
            )
            found[rows] = -losses
        return found

    def logits(self, states: Tensor, weights: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits after each state, float32, shape `[n, n_vocabulary]`.

        Args:
            states: Last states, shape `[n, hidden_size]`.
            weights: What stands in the place of the head's own weights, by name: some rows of
                them give the logits of those tokens.
        """
        asked = {"inputs_embeds": states[None], "use_cache": False}
        if weights is None:
            out = self._head(**asked).logits[0]
        else:
            out = torch.func.functional_call(self._head, weights, (), asked).logits[0]
        logits: Tensor = out.float()
        return logits


def layer_bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """Return what a layer takes for each token of a batch while it computes, in bytes.

    Args:
        config: The model's, of its text part.
        dtype: The type of its states.
    """
    wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    # Queries, keys, values, sums and the wide layer, with their intermediate results.
    return int((10 * config.hidden_size + 4 * wide) * dtype.itemsize)
