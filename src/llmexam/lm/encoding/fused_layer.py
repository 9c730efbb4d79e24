"""A BERT layer for training in fp32 on a CPU, over the weights of the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from llmexam.lm.encoding.gradients import add_norm, attention, drop, feed_forward, linear

if TYPE_CHECKING:
    from torch import Tensor

    from llmexam.lm.encoding.spans import Spans

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_PLAIN = (nn.Linear, nn.LayerNorm)


class FusedLayer:
    """A layer with gradients that computes all tokens of a pass.

    The weights stay those of the modules, so optimizers and `save_pretrained` work unchanged.

    Args:
        layer: A `BertLayer` that satisfies `can_fuse`.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __call__(self, hidden: Tensor, spans: Spans) -> Tensor:
        """Return the layer's output, `[n_tokens, dim]`."""
        own = self._layer.attention.self
        parts = (own.query, own.key, own.value)
        # Transposed, which oneDNN reads faster.
        weight = torch.cat([p.weight.t() for p in parts], dim=1).t()
        qkv = linear(hidden, weight, torch.cat([p.bias for p in parts]))
        mixed = attention(qkv, spans.runs, own.num_attention_heads, _rate(own.dropout))
        return self.finish(mixed, hidden)

    def first(self, asking: Tensor, hidden: Tensor, spans: Spans) -> Tensor:
        """Return the layer's output for the first token of each sequence, `[n_sequences, dim]`.

        With one query per sequence, `q (W h)` is cheaper as `(q W) h`, and `W` applied to the
        weighted mean of the tokens is cheaper than the mean of `W h`. So no key or value is
        computed for any token.

        Args:
            asking: Vectors of the first tokens, shape `[n_sequences, dim]`.
            hidden: Vectors of all tokens, shape `[n_tokens, dim]`.
            spans: The sequences.
        """
        own = self._layer.attention.self
        heads = (own.num_attention_heads, own.attention_head_size)
        queries = linear(asking, own.query.weight, own.query.bias).view(-1, *heads)
        queries = queries * own.attention_head_size**-0.5
        seeking = torch.einsum("nhw,hwd->nhd", queries, own.key.weight.view(*heads, -1))
        shifts = (queries * own.key.bias.view(heads)).sum(-1, keepdim=True)
        counts = [count for _, count in spans.runs]
        sizes = [n_tokens * count for n_tokens, count in spans.runs]
        sums, totals = [], []
        for count, own_seeking, shift, rows in zip(
            counts,
            torch.split(seeking, counts),
            torch.split(shifts, counts),
            torch.split(hidden, sizes),
            strict=True,
        ):
            tokens = rows.view(count, -1, rows.shape[1])
            weights = (own_seeking @ tokens.transpose(1, 2) + shift).softmax(-1)
            weights = drop(weights, _rate(own.dropout))
            sums.append(weights @ tokens)
            # Not 1 after dropout.
            totals.append(weights.sum(-1, keepdim=True))
        mixed = torch.einsum("nhd,hwd->nhw", torch.cat(sums), own.value.weight.view(*heads, -1))
        mixed = mixed + torch.cat(totals) * own.value.bias.view(heads)
        return self.finish(mixed.flatten(1), asking)

    def finish(self, mixed: Tensor, asking: Tensor) -> Tensor:
        """Return the layer's output from the attention output, both `[n_queries, dim]`."""
        after, up, down = self._layer.attention.output, self._layer.intermediate, self._layer.output
        middle = _add_norm(after, linear(mixed, after.dense.weight, after.dense.bias), asking)
        change = feed_forward(
            middle, up.dense.weight, up.dense.bias, down.dense.weight, down.dense.bias
        )
        return _add_norm(down, change, middle)


def can_fuse(layer: Any, hidden: Tensor) -> bool:
    """Return whether `FusedLayer` computes what the modules of a layer do.

    It does not with adapters, hooks or quantized weights, nor in other number types.

    Args:
        layer: A `BertLayer`.
        hidden: The vectors of the tokens.
    """
    if hidden.device.type != "cpu" or hidden.dtype != torch.float32:
        return False
    if torch.is_autocast_enabled("cpu"):
        return False
    own, after, up, down = (
        layer.attention.self,
        layer.attention.output,
        layer.intermediate,
        layer.output,
    )
    computing = (own.query, own.key, own.value, after.dense, up.dense, down.dense)
    return all(map(_is_plain, (*computing, after.LayerNorm, down.LayerNorm))) and not any(
        getattr(module, name, None) for module in layer.modules() for name in _HOOKS
    )


def _is_plain(module: Any) -> bool:
    """Return whether a module has fp32 weights and bias, and no changed forward pass."""
    if type(module) not in _PLAIN:
        return False
    return all(
        type(p) is nn.Parameter and p.dtype == torch.float32 for p in module.parameters()
    ) and (module.bias is not None and module.weight is not None)


def _add_norm(part: Any, change: Tensor, residual: Tensor) -> Tensor:
    norm = part.LayerNorm
    return add_norm(change, residual, norm.weight, norm.bias, norm.eps, _rate(part.dropout))


def _rate(dropout: nn.Dropout) -> float:
    return dropout.p if dropout.training else 0.0
