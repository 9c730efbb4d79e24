"""Log-probabilities of tokens from a decoder's last hidden states, in small batches."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

# Bytes of logits at a time (float32, as wide as the vocabulary). For blocks above 32 MB glibc maps
# new memory on every call, and clearing the pages takes longer than the computation.
LOGIT_BYTES = 16 << 20


class Head(Protocol):
    """Interface of heads over a decoder's last hidden states."""

    def answers(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return one number per state, float32, shape `[n]`.

        Args:
            states: Last hidden states, shape `[n, hidden_size]`.
            tokens: Target token of each, shape `[n]`.
        """
        ...


class _Output:
    """Output of the replaced base model: the states; any other attribute is None."""

    def __init__(self, states: Tensor) -> None:
        self.last_hidden_state = states

    def __getitem__(self, place: int | slice) -> Any:
        return (self.last_hidden_state,)[place]

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _GivenStates(torch.nn.Module):
    """Replaces the base model, and returns the embeddings it is given as states."""

    def forward(self, *args: Any, inputs_embeds: Tensor, **kwargs: Any) -> _Output:
        return _Output(inputs_embeds)


class TokenHead:
    """Computes logits by the model's own code after its layers, including caps and scales.

    Args:
        model: A transformers model for causal language modelling.
    """

    def __init__(self, model: Any) -> None:
        # A shallow copy shares the weights; only its base model is replaced.
        self._head = copy.copy(model)
        self._head._modules = dict(model._modules)
        self._head._modules[model.base_model_prefix] = _GivenStates()
        self._n_rows = max(1, LOGIT_BYTES // (4 * model.config.get_text_config().vocab_size))

    def answers(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return the log-probability of the target token after each state, float32, shape `[n]`.

        Args:
            states: Last states, shape `[n, hidden_size]`.
            tokens: Token ids, shape `[n]`.
        """
        found = torch.empty(len(states), dtype=torch.float32, device=states.device)
        for begin in range(0, len(states), self._n_rows):
            rows = slice(begin, begin + self._n_rows)
            # One kernel; `logsumexp` would take four, each with a copy as wide as the vocabulary.
            losses = functional.cross_entropy(
                self.logits(states[rows]), tokens[rows], reduction="none"
            )
            found[rows] = -losses
        return found

    def logits(self, states: Tensor, weights: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits after each state, float32, shape `[n, n_vocabulary]`.

        Args:
            states: Last states, shape `[n, hidden_size]`.
            weights: Replacements of the head's weights by name; a subset of rows gives the
                logits of those tokens.
        """
        arguments = {"inputs_embeds": states[None], "use_cache": False}
        if weights is None:
            out = self._head(**arguments).logits[0]
        else:
            out = torch.func.functional_call(self._head, weights, (), arguments).logits[0]
        logits: Tensor = out.float()
        return logits


def layer_bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """Return the memory of a layer's activations per token, in bytes.

    Args:
        config: Text config of the model.
        dtype: Type of the states.
    """
    wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    # Queries, keys, values, attention output and MLP, with intermediate results.
    return int((10 * config.hidden_size + 4 * wide) * dtype.itemsize)
