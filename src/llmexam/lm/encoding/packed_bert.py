"""Padding-free BERT over concatenated sequences, for training and scoring.

Linear layers get `[n_tokens, dim]` without padding; attention runs once per run of equal lengths.
Rows of a linear layer are independent, so sequences are, too.

The pass uses one of two kinds of layers. `ModuleLayer` calls the modules of the transformers
model, with gradients, so optimizers, adapters and `save_pretrained` work unchanged; in fp32 on a
CPU, `FusedLayer` computes the same from the same weights. `PreparedLayer` (module `prepared_bert`)
has copies of the weights in the fastest layout for scoring.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.checkpoint import checkpoint

from llmexam.lm.encoding.fused_layer import FusedLayer, can_fuse
from llmexam.lm.encoding.gradients import drop
from llmexam.lm.encoding.spans import Spans

if TYPE_CHECKING:
    from torch import Tensor

# Up to this length, two batched products are faster than the fused kernel in bf16 with gradients
# (measured).
_PLAIN_BF16_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Attention:
    """Attention settings of a layer.

    Attributes:
        scale: Factor of the scores; 1 / sqrt(head width) if None.
        dropout: Dropout rate of the attention weights.
        plain_tokens: Sequences up to this length use two batched products and a softmax; longer
            ones use torch's fused kernel.
    """

    scale: float | None = None
    dropout: float = 0.0
    plain_tokens: int = 0


class Layer(Protocol):
    """Interface of a BERT layer."""

    def attention(self, queries: Tensor, *, first_only: bool) -> Attention:
        """Return the attention settings of this pass."""
        ...

    def project(self, asking: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries `[n_queries, n_heads, width]`, and keys and values of all tokens.

        Args:
            asking: Vectors of the query tokens: `hidden` itself, or the first tokens.
            hidden: Vectors of all tokens, shape `[n_tokens, dim]`.
        """
        ...

    def finish(self, mixed: Tensor, asking: Tensor) -> Tensor:
        """Return the layer's output from the attention output, both `[n_queries, dim]`."""
        ...


Embed = Callable[["Tensor", "Tensor | None", Spans], "Tensor"]


class PackedBert:
    """The forward pass.

    Args:
        embed: Maps ids, types and spans to vectors, shape `[n_tokens, dim]`.
        layers: The layers.
        dim: Dimension of a token vector.
    """

    def __init__(self, embed: Embed, layers: Sequence[Layer], dim: int) -> None:
        self.dim = dim
        self.layers = layers
        self._embed = embed

    @classmethod
    def of_modules(cls, model: Any) -> PackedBert:
        """Return the pass over the modules of a `BertModel` that satisfies `can_pack`."""
        layers = [ModuleLayer(layer) for layer in model.encoder.layer]
        return cls(_ModuleEmbedding(model.embeddings), layers, int(model.config.hidden_size))

    def __call__(
        self,
        ids: Tensor,
        types: Tensor | None,
        lengths: Sequence[int],
        *,
        first_only: bool = False,
        save_memory: bool = False,
    ) -> Tensor:
        """Return the vectors of all tokens, shape `[n_tokens, dim]`.

        Args:
            ids: Token ids of all sequences, concatenated, shape `[n_tokens]`.
            types: Token types, same shape; all 0 if None.
            lengths: Tokens of each sequence; those of equal length should be neighbours.
            first_only: Return only the first token of each sequence, `[n_sequences, dim]`; the
                last layer is then computed for these only.
            save_memory: Gradient checkpointing: recompute layers in the backward pass.
        """
        spans = Spans(lengths, ids.device)
        outputs = self.outputs(ids, types, spans, first_only=first_only, save_memory=save_memory)
        return deque(outputs, maxlen=1).pop()

    def outputs(
        self,
        ids: Tensor,
        types: Tensor | None,
        spans: Spans,
        *,
        first_only: bool = False,
        save_memory: bool = False,
    ) -> Iterator[Tensor]:
        """Yield the output of each layer in turn; see `__call__`."""
        hidden = self._embed(ids, types, spans)
        for place, layer in enumerate(self.layers, 1):
            first = first_only and place == len(self.layers)
            if save_memory and torch.is_grad_enabled():
                # use_reentrant=False works with frozen embeddings and is required by DDP.
                hidden = checkpoint(_layer, layer, hidden, spans, first, use_reentrant=False)
            else:
                hidden = _layer(layer, hidden, spans, first)
            yield hidden


def can_pack(config: Any) -> bool:
    """Return whether `PackedBert` supports this model."""
    return bool(
        config.model_type == "bert"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
        and not getattr(config, "is_decoder", False)
    )


class ModuleLayer:
    """A layer that calls the modules of transformers.

    Args:
        layer: A `BertLayer`.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        own = layer.attention.self
        self._heads = (own.num_attention_heads, own.attention_head_size)

    def fused(self, hidden: Tensor) -> FusedLayer | None:
        """Return the fused layer over the same modules; None where it does not apply."""
        return FusedLayer(self._layer) if can_fuse(self._layer, hidden) else None

    def attention(self, queries: Tensor, *, first_only: bool) -> Attention:
        """Return the attention settings of this pass."""
        dropout = self._layer.attention.self.dropout
        return Attention(
            dropout=dropout.p if dropout.training else 0.0,
            # Under autocast the queries are bf16, but the hidden vectors are not.
            plain_tokens=_PLAIN_BF16_TOKENS if queries.dtype == torch.bfloat16 else 0,
        )

    def project(self, asking: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values."""
        own = self._layer.attention.self
        q, k, v = (
            projected.unflatten(-1, self._heads)
            for projected in (own.query(asking), own.key(hidden), own.value(hidden))
        )
        return q, k, v

    def finish(self, mixed: Tensor, asking: Tensor) -> Tensor:
        """Return the layer's output."""
        after, up, down = self._layer.attention.output, self._layer.intermediate, self._layer.output
        asking = after.LayerNorm(_drop(after.dropout, after.dense(mixed)) + asking)
        inner = up.intermediate_act_fn(up.dense(asking))
        return down.LayerNorm(_drop(down.dropout, down.dense(inner)) + asking)  # type: ignore[no-any-return]


class _ModuleEmbedding:
    def __init__(self, parts: Any) -> None:
        self._parts = parts

    def __call__(self, ids: Tensor, types: Tensor | None, spans: Spans) -> Tensor:
        parts = self._parts
        hidden = (
            parts.word_embeddings(ids)
            + parts.token_type_embeddings(torch.zeros_like(ids) if types is None else types)
            + parts.position_embeddings(spans.positions())
        )
        return _drop(parts.dropout, parts.LayerNorm(hidden))


def _layer(layer: Layer, hidden: Tensor, spans: Spans, first_only: bool) -> Tensor:
    fused = layer.fused(hidden) if isinstance(layer, ModuleLayer) else None
    if fused is not None and not first_only:
        return fused(hidden, spans)
    asking = hidden[spans.firsts] if first_only else hidden
    if fused is not None:
        return fused.first(asking, hidden, spans)
    q, k, v = layer.project(asking, hidden)
    attend = _attend_padded if hidden.is_cuda else _attend_runs
    mixed = attend(q, k, v, spans, layer.attention(q, first_only=first_only))
    return layer.finish(mixed.flatten(1), asking)


def _attend_runs(q: Tensor, k: Tensor, v: Tensor, spans: Spans, how: Attention) -> Tensor:
    """Return attention within each sequence, `[n_queries, n_heads, width]`."""
    shape = q.shape[1:]
    scale = shape[-1] ** -0.5 if how.scale is None else how.scale
    # Either one query per sequence, or one per token.
    single = len(q) != len(k)
    parts = []
    # Not slices: the gradient of each slice is as large as the whole tensor.
    sizes = [n_tokens * n_texts for n_tokens, n_texts in spans.runs]
    q_parts = torch.split(q, [n for _, n in spans.runs] if single else sizes)
    for (n_tokens, n_texts), *rows in zip(
        spans.runs, q_parts, torch.split(k, sizes), torch.split(v, sizes), strict=True
    ):
        own, keys, values = (part.view(n_texts, -1, *shape).transpose(1, 2) for part in rows)
        if n_tokens <= how.plain_tokens:
            scaled = own if scale == 1 else own * scale
            weights = (scaled @ keys.transpose(-1, -2)).softmax(-1)
            weights = F.dropout(weights, how.dropout) if how.dropout else weights
            mixed = weights.to(values.dtype) @ values
        else:
            mixed = F.scaled_dot_product_attention(
                own, keys, values, dropout_p=how.dropout, scale=how.scale
            )
        parts.append(mixed.transpose(1, 2).reshape(-1, *shape))
    return torch.cat(parts)


def _attend_padded(q: Tensor, k: Tensor, v: Tensor, spans: Spans, how: Attention) -> Tensor:
    """Return the same by one padded call, because many small kernels are slow on a GPU."""
    n_texts, longest = len(spans.lengths), max(spans.lengths)
    places = spans.places(longest)
    mask = torch.zeros(n_texts * longest, dtype=torch.bool, device=q.device)
    mask[places] = True
    mask = mask.view(n_texts, 1, 1, longest)

    def spread(packed: Tensor) -> Tensor:
        wide = packed.new_zeros(n_texts * longest, *packed.shape[1:]).index_copy(0, places, packed)
        return wide.view(n_texts, longest, *packed.shape[1:]).transpose(1, 2)

    single = len(q) != len(k)
    own = q.unsqueeze(2) if single else spread(q)
    mixed = F.scaled_dot_product_attention(
        own, spread(k), spread(v), attn_mask=mask, dropout_p=how.dropout, scale=how.scale
    ).transpose(1, 2)
    return mixed.squeeze(1) if single else mixed.flatten(0, 1)[places]


def _drop(module: nn.Module, hidden: Tensor) -> Tensor:
    """Return the vectors after dropout, unchanged without dropout."""
    if not module.training or not getattr(module, "p", 1.0):
        return hidden
    if type(module) is nn.Dropout and hidden.device.type == "cpu":
        return drop(hidden, module.p)
    dropped: Tensor = module(hidden)
    return dropped
