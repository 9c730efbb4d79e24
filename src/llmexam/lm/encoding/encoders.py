"""Forward passes of an encoder over texts sorted by length.

`PackedBert` runs BERT over the tokens of many texts laid end to end: the linear layers see
`[n_tokens, dim]` with not one padding token, and attention runs once for each length. Rows of
the linear layers do not depend on one another, so neither do the texts. `PaddedEncoder` runs
any other encoder of transformers on a padded batch. See docs/design/embedding.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812

from llmexam.errors import ModelError
from llmexam.lm.encoding.int8_linear import GELU_LOW, Int8Linear
from llmexam.lm.encoding.linear import Linear, make_linear

if TYPE_CHECKING:
    from torch import Tensor

# Up to this many tokens, two batched products are faster than the fused kernel (measured).
_PLAIN_ATTENTION_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Hidden:
    """Token vectors of texts of one length, or padded to one.

    Attributes:
        last: Output of the last layer, shape `[n_texts, n_tokens, dim]`.
        inner: Output of the layer asked for, same shape.
        mask: 1 for tokens, 0 for padding on the right, shape `[n_texts, n_tokens]`; None where
            no token is padding.
    """

    last: Tensor
    inner: Tensor
    mask: Tensor | None


class Encoder(Protocol):
    """Token ids to token vectors.

    Attributes:
        dim: Length of a token vector.
        pads: Whether texts of one batch are padded to the longest.
    """

    dim: int
    pads: bool

    def __call__(self, batch: Sequence[Sequence[int]], inner: int = 0) -> Iterator[Hidden]:
        """Yield the vectors of the batch in parts.

        Args:
            batch: Token ids of the texts; texts of equal length must be neighbours. Their order
                is kept; together the parts hold all texts.
            inner: Which layer to give as `Hidden.inner`, counted back from the last.

        Raises:
            ModelError: The model has no such layer.
        """
        ...


class PackedBert:
    """BERT without padding.

    Args:
        model: A transformers `BertModel` for which `can_pack` holds; it can be freed after.
        dtype: Type to compute in.
        device: Where to compute.
        int8: Multiply by the weights in int8, all else in fp32; see `require_int8`.
    """

    pads = False

    def __init__(
        self, model: Any, dtype: torch.dtype, device: torch.device, *, int8: bool = False
    ) -> None:
        def moved(*tensors: Tensor) -> list[Tensor]:
            return [t.detach().to(device, dtype).contiguous() for t in tensors]

        self.device = device
        self.dim = int(model.config.hidden_size)
        self.n_heads = int(model.config.num_attention_heads)
        self._eps = float(model.config.layer_norm_eps)
        parts = model.embeddings
        types = parts.token_type_embeddings.weight
        (self._words, self._positions, self._types, self._norm_w, self._norm_b) = moved(
            parts.word_embeddings.weight,
            # Most tokens are of type 0, so its vector joins the positions once.
            parts.position_embeddings.weight + types[0],
            types - types[0],
            parts.LayerNorm.weight,
            parts.LayerNorm.bias,
        )
        self._layers = [
            _Layer(moved(*_layer_weights(layer)), int8=int8) for layer in model.encoder.layer
        ]
        # The last layer may be asked for first tokens alone, which need no queries of the others.
        w_qkv, b_qkv, *_ = moved(*_layer_weights(model.encoder.layer[-1]))
        make = Int8Linear if int8 else make_linear
        self._last_q: Linear = make(w_qkv[: self.dim], b_qkv[: self.dim])
        self._last_kv: Linear = make(w_qkv[self.dim :], b_qkv[self.dim :])

    def __call__(self, batch: Sequence[Sequence[int]], inner: int = 0) -> Iterator[Hidden]:
        """Yield one part for each length in the batch, without a mask."""
        _check_layer(inner, len(self._layers))
        runs = _runs(len(ids) for ids in batch)
        hidden = self._embed(batch, runs)
        tapped = hidden
        for place, layer in enumerate(self._layers, 1):
            hidden = self._layer(hidden, runs, layer)
            if place == len(self._layers) - inner:
                tapped = hidden
        start = 0
        for n_tokens, n_texts in runs:
            end = start + n_tokens * n_texts
            shape = (n_texts, n_tokens, self.dim)
            yield Hidden(hidden[start:end].view(shape), tapped[start:end].view(shape), None)
            start = end

    def read(
        self,
        batch: Sequence[Sequence[int]],
        types: Sequence[Sequence[int]],
        *,
        first_only: bool = False,
    ) -> Tensor:
        """Return the vectors of all tokens, texts end to end, shape `[n_tokens, dim]`.

        Args:
            batch: Token ids of the texts; texts of equal length should be neighbours.
            types: Token types of the texts.
            first_only: Return the first token of each text alone, shape `[n_texts, dim]`; the
                last layer is then computed for these only.
        """
        runs = _runs(len(ids) for ids in batch)
        hidden = self._embed(batch, runs, types)
        for layer in self._layers[:-1]:
            hidden = self._layer(hidden, runs, layer)
        return self._layer(hidden, runs, self._layers[-1], first_only=first_only)

    def _embed(
        self,
        batch: Sequence[Sequence[int]],
        runs: list[tuple[int, int]],
        types: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        ids = torch.tensor(list(chain.from_iterable(batch)), device=self.device)
        places = torch.cat([torch.arange(n, device=self.device).repeat(c) for n, c in runs])
        hidden = F.embedding(ids, self._words).add_(F.embedding(places, self._positions))
        if types is not None:
            kinds = torch.tensor(list(chain.from_iterable(types)), device=self.device)
            hidden = hidden.add_(F.embedding(kinds, self._types))
        return F.layer_norm(hidden, (self.dim,), self._norm_w, self._norm_b, self._eps)

    def _layer(
        self,
        hidden: Tensor,
        runs: list[tuple[int, int]],
        layer: _Layer,
        *,
        first_only: bool = False,
    ) -> Tensor:
        shape = (self.dim,)
        if first_only:
            kv = self._last_kv(hidden)
            hidden = hidden[_firsts(runs, self.device)]
            mixed = self._attend_first(self._last_q(hidden), kv, runs)
        else:
            mixed = self._attend(layer.qkv(hidden), runs)
        hidden = layer.out.add(mixed, hidden)
        hidden = F.layer_norm(hidden, shape, *layer.norm_1, self._eps)
        out = layer.down.add(layer.up.gelu(hidden), hidden)
        return F.layer_norm(out, shape, *layer.norm_2, self._eps)

    def _attend_first(self, q: Tensor, kv: Tensor, runs: list[tuple[int, int]]) -> Tensor:
        """Return what each text's first token attends to; q `[n_texts, dim]`, same shape."""
        width = self.dim // self.n_heads
        out = torch.empty_like(q)
        start = first = 0
        for n_tokens, n_texts in runs:
            end, last = start + n_tokens * n_texts, first + n_texts
            split = kv[start:end].view(n_texts, n_tokens, 2, self.n_heads, width)
            k, v = (split[:, :, i].transpose(1, 2) for i in range(2))
            asking = q[first:last].view(n_texts, self.n_heads, 1, width)
            weights = torch.matmul(asking, k.transpose(-1, -2)).softmax(-1)
            out[first:last] = torch.matmul(weights, v).view(n_texts, self.dim)
            start, first = end, last
        return out

    def _attend(self, qkv: Tensor, runs: list[tuple[int, int]]) -> Tensor:
        """Return attention within each text; qkv `[n_tokens, 3 * dim]` -> `[n_tokens, dim]`."""
        width = self.dim // self.n_heads
        out = torch.empty(len(qkv), self.dim, dtype=qkv.dtype, device=qkv.device)
        start = 0
        for n_tokens, n_texts in runs:
            end = start + n_tokens * n_texts
            split = qkv[start:end].view(n_texts, n_tokens, 3, self.n_heads, width)
            q, k, v = (split[:, :, i].transpose(1, 2) for i in range(3))
            # The queries are scaled already: see `_layer_weights`.
            if n_tokens <= _PLAIN_ATTENTION_TOKENS:
                mixed = torch.matmul(torch.matmul(q, k.transpose(-1, -2)).softmax(-1), v)
            else:
                mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
            out[start:end].view(n_texts, n_tokens, self.n_heads, width).copy_(mixed.transpose(1, 2))
            start = end
        return out


class PaddedEncoder:
    """Any encoder of transformers, texts of a batch padded to the longest.

    Args:
        model: A transformers model whose output has `last_hidden_state`.
        pad_id: Token id to pad with.
        device: Where to compute.
    """

    pads = True

    def __init__(self, model: Any, pad_id: int, device: torch.device) -> None:
        # Of an encoder-decoder such as T5 only the encoder makes embeddings.
        whole = model.get_encoder() if model.config.is_encoder_decoder else model
        self._model = whole.to(device)
        self.device = device
        self.dim = int(model.config.hidden_size)
        self._n_layers = int(model.config.num_hidden_layers)
        self._pad_id = pad_id

    def __call__(self, batch: Sequence[Sequence[int]], inner: int = 0) -> Iterator[Hidden]:
        """Yield the whole batch in one part, with its mask."""
        _check_layer(inner, self._n_layers)
        longest = max(len(ids) for ids in batch)
        ids = torch.full((len(batch), longest), self._pad_id)
        mask = torch.zeros(len(batch), longest, dtype=torch.long)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        mask = mask.to(self.device)
        out = self._model(
            input_ids=ids.to(self.device), attention_mask=mask, output_hidden_states=inner > 0
        )
        tapped = out.hidden_states[-1 - inner] if inner else out.last_hidden_state
        yield Hidden(out.last_hidden_state, tapped, mask)


def can_pack(config: Any) -> bool:
    """Return whether `PackedBert` computes what this model does."""
    return bool(
        config.model_type == "bert"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
        and not getattr(config, "is_decoder", False)
    )


def _runs(lengths: Iterable[int]) -> list[tuple[int, int]]:
    """Return neighbours of equal length: tokens of one, and how many."""
    return [(n, len(list(group))) for n, group in groupby(lengths)]


def _firsts(runs: list[tuple[int, int]], device: torch.device) -> Tensor:
    lengths = [n_tokens for n_tokens, n_texts in runs for _ in range(n_texts)]
    return torch.tensor(list(accumulate(lengths[:-1], initial=0)), device=device)


def _check_layer(inner: int, n_layers: int) -> None:
    if not 0 <= inner < n_layers:
        raise ModelError(
            f"layer {inner} from the last is asked for, but the model has {n_layers}",
            hint=f"Choose 0 to {n_layers - 1}",
        )


class _Layer:
    """A layer of BERT, ready to be computed."""

    def __init__(self, weights: list[Tensor], *, int8: bool) -> None:
        make = Int8Linear if int8 else make_linear
        w_qkv, b_qkv, w_out, b_out, g1, b1, w_up, b_up, w_down, b_down, g2, b2 = weights
        self.qkv: Linear = make(w_qkv, b_qkv)
        self.out: Linear = make(w_out, b_out)
        self.norm_1 = (g1, b1)
        self.up: Linear = make(w_up, b_up)
        self.down: Linear = (
            Int8Linear(w_down, b_down, low=GELU_LOW) if int8 else make_linear(w_down, b_down)
        )
        self.norm_2 = (g2, b2)


def _layer_weights(layer: Any) -> list[Tensor]:
    """Return the weights of a BERT layer, the three projections as one.

    The scale of the attention scores is moved into the queries' projection, which saves a pass.
    """
    own, after = layer.attention.self, layer.attention.output
    scale = own.attention_head_size**-0.5
    return [
        torch.cat([own.query.weight * scale, own.key.weight, own.value.weight]),
        torch.cat([own.query.bias * scale, own.key.bias, own.value.bias]),
        after.dense.weight,
        after.dense.bias,
        after.LayerNorm.weight,
        after.LayerNorm.bias,
        layer.intermediate.dense.weight,
        layer.intermediate.dense.bias,
        layer.output.dense.weight,
        layer.output.dense.bias,
        layer.output.LayerNorm.weight,
        layer.output.LayerNorm.bias,
    ]
