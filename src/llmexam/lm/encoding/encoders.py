"""Token vectors from token ids: padding-free BERT, other encoders by transformers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch

from llmexam.errors import ModelError
from llmexam.lm.encoding.packed_bert import PackedBert
from llmexam.lm.encoding.spans import Spans

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Hidden:
    """Token vectors of texts of equal length, or padded to one length.

    Attributes:
        last: Output of the last layer, shape `[n_texts, n_tokens, dim]`.
        inner: Output of the requested layer, same shape.
        mask: 1 for tokens, 0 for padding on the right, shape `[n_texts, n_tokens]`; None
            without padding.
    """

    last: Tensor
    inner: Tensor
    mask: Tensor | None


class PackedEncoder:
    """Runs a BERT without padding.

    Args:
        bert: Its forward pass.
        device: The device.
    """

    pads = False

    def __init__(self, bert: PackedBert, device: torch.device) -> None:
        self.dim = bert.dim
        self._bert = bert
        self._device = device

    def __call__(self, batch: Sequence[Sequence[int]], inner: int = 0) -> Iterator[Hidden]:
        """Yield the vectors of the batch, one part per length, without a mask.

        Args:
            batch: Token ids of the texts; texts of equal length must be neighbours. Their order
                is kept; together the parts hold all texts.
            inner: The layer of `Hidden.inner`, counted back from the last.

        Raises:
            ModelError: The model has no such layer.
        """
        _check_layer(inner, len(self._bert.layers))
        ids = torch.tensor(list(chain.from_iterable(batch)), device=self._device)
        spans = Spans([len(tokens) for tokens in batch], self._device)
        # Only the outputs from the requested layer to the last are kept.
        outputs = deque(self._bert.outputs(ids, None, spans), maxlen=inner + 1)
        start = 0
        for n_tokens, n_texts in spans.runs:
            end = start + n_tokens * n_texts
            shape = (n_texts, n_tokens, self.dim)
            last, tapped = (outputs[i][start:end].view(shape) for i in (-1, 0))
            yield Hidden(last, tapped, None)
            start = end


class PaddedEncoder:
    """Runs any encoder of transformers, with batches padded to the longest text.

    Args:
        model: A transformers model whose output has `last_hidden_state`.
        pad_id: Token id to pad with.
        device: The device.
    """

    pads = True

    def __init__(self, model: Any, pad_id: int, device: torch.device) -> None:
        # Embeddings use only the encoder of an encoder-decoder such as T5.
        whole = model.get_encoder() if model.config.is_encoder_decoder else model
        self._model = whole.to(device)
        self.device = device
        self.dim = int(model.config.hidden_size)
        self._n_layers = int(model.config.num_hidden_layers)
        self._pad_id = pad_id

    def __call__(self, batch: Sequence[Sequence[int]], inner: int = 0) -> Iterator[Hidden]:
        """Yield the whole batch in one part, with its mask; see `PackedEncoder`."""
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


Encoder = PackedEncoder | PaddedEncoder


def _check_layer(inner: int, n_layers: int) -> None:
    if not 0 <= inner < n_layers:
        raise ModelError(
            f"expected a layer of 0 to {n_layers - 1} from the last, got {inner}",
            hint=f"The model has {n_layers} layers",
        )
