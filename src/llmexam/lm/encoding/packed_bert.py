"""BERT over sequences laid end to end, without padding: one forward pass for training and scoring.

Linear layers see `[n_tokens, dim]` with not one padding token; attention runs once for each run of
equal lengths. Rows of the linear layers do not depend on one another, so neither do sequences.

The pass runs over two kinds of layers. `ModuleLayer` calls the modules of the transformers model
itself, with gradients, so optimizers, adapters in place of a linear layer, and `save_pretrained`
need to know nothing of it. `PreparedLayer` (module `prepared_bert`) has copies of the weights in
the layout that scores fastest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from torch import Tensor, nn

# Up to this many tokens, two batched products are faster in bf16 than the fused kernel, with
# gradients (measured).
_PLAIN_BF16_TOKENS = 256


class Spans:
    """Where sequences lie that are laid end to end.

    Attributes:
        lengths: Tokens of each sequence.
        runs: Neighbours of equal length: tokens of one, and how many.
        firsts: Place of each first token, shape `[n_sequences]`.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.lengths = list(lengths)
        self.runs = [(n, len(list(group))) for n, group in groupby(self.lengths)]
        starts = accumulate(self.lengths[:-1], initial=0)
        self.firsts = torch.tensor(list(starts), device=device)

    def positions(self) -> Tensor:
        """Return each token's place within its own sequence, shape `[n_tokens]`."""
        device = self.firsts.device
        return torch.cat([torch.arange(n, device=device).repeat(c) for n, c in self.runs])

    def places(self, width: int) -> Tensor:
        """Return each token's place in a matrix of `width` places a sequence, flattened."""
        device = self.firsts.device
        return torch.cat(
            [torch.arange(n, device=device) + i * width for i, n in enumerate(self.lengths)]
        )


@dataclass(frozen=True, slots=True)
class Attention:
    """How a layer attends.

    Attributes:
        scale: What scores are multiplied by; one over the root of a head's width where None.
        dropout: Share of the weights that is dropped.
        plain_tokens: Sequences of up to this many tokens take two batched products and a softmax;
            longer ones take torch's fused kernel.
    """

    scale: float | None = None
    dropout: float = 0.0
    plain_tokens: int = 0


class Layer(Protocol):
    """A layer of BERT."""

    def attention(self, queries: Tensor, *, first_only: bool) -> Attention:
        """Return how it attends in this pass."""
        ...

    def project(self, asking: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries `[n_asking, n_heads, width]`, and keys and values of all tokens.

        Args:
            asking: Vectors of the tokens that attend: `hidden` itself, or the first tokens.
            hidden: Vectors of all tokens, shape `[n_tokens, dim]`.
        """
        ...

    def finish(self, mixed: Tensor, asking: Tensor) -> Tensor:
        """Return the layer's output from what attention gave, both `[n_asking, dim]`."""
        ...


Embed = Callable[["Tensor", "Tensor | None", Spans], "Tensor"]


class PackedBert:
    """The forward pass.

    Args:
        embed: Ids, types and spans to vectors, shape `[n_tokens, dim]`.
        layers: The layers.
        dim: Length of a token's vector.
    """

    def __init__(self, embed: Embed, layers: Sequence[Layer], dim: int) -> None:
        self.dim = dim
        self.layers = layers
        self._embed = embed

    @classmethod
    def of_modules(cls, model: Any) -> PackedBert:
        """Return the pass over the live modules of a `BertModel` for which `can_pack` holds."""
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
            ids: Token ids of all sequences, end to end, shape `[n_tokens]`.
            types: Token types, same shape; all 0 where None.
            lengths: Tokens of each sequence; those of equal length should be neighbours.
            first_only: Return the first token of each sequence alone, `[n_sequences, dim]`; the
                last layer is then computed for these only.
            save_memory: Compute each layer again in the backward pass instead of keeping it.
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
                # use_reentrant=False: frozen embeddings need no gradient, and DDP allows no other.
                hidden = checkpoint(_layer, layer, hidden, spans, first, use_reentrant=False)
            else:
                hidden = _layer(layer, hidden, spans, first)
            yield hidden


def can_pack(config: Any) -> bool:
    """Return whether `PackedBert` computes what this model does."""
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

    def attention(self, queries: Tensor, *, first_only: bool) -> Attention:
        """Return how it attends."""
        drop = self._layer.attention.self.dropout
        return Attention(
            dropout=drop.p if drop.training else 0.0,
            # Under autocast the queries are bf16, though the vectors they come from are not.
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
    asking = hidden[spans.firsts] if first_only else hidden
    q, k, v = layer.project(asking, hidden)
    attend = _attend_padded if hidden.is_cuda else _attend_runs
    mixed = attend(q, k, v, spans, layer.attention(q, first_only=first_only))
    return layer.finish(mixed.flatten(1), asking)


def _attend_runs(q: Tensor, k: Tensor, v: Tensor, spans: Spans, how: Attention) -> Tensor:
    """Return attention within each sequence, `[n_queries, n_heads, width]`."""
    shape = q.shape[1:]
    scale = shape[-1] ** -0.5 if how.scale is None else how.scale
    # One query a sequence, or one a token.
    single = len(q) != len(k)
    parts = []
    start = first = 0
    for n_tokens, n_texts in spans.runs:
        n_asked = 1 if single else n_tokens
        end, last = start + n_tokens * n_texts, first + n_asked * n_texts
        own = q[first:last].view(n_texts, n_asked, *shape).transpose(1, 2)
        keys = k[start:end].view(n_texts, n_tokens, *shape).transpose(1, 2)
        values = v[start:end].view(n_texts, n_tokens, *shape).transpose(1, 2)
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
        start, first = end, last
    return torch.cat(parts)


def _attend_padded(q: Tensor, k: Tensor, v: Tensor, spans: Spans, how: Attention) -> Tensor:
    """Return what `_attend_runs` does, by one padded call: a GPU waits long for many small ones."""
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
    """Return the vectors after dropout, untouched where there is none."""
    if not module.training or not getattr(module, "p", 1.0):
        return hidden
    dropped: Tensor = module(hidden)
    return dropped
