"""A faster attention for DeBERTa-v3.

KerasHub repeats the relative embeddings for each sequence of a batch and projects all the copies.
Here they are projected once, as in transformers. The results are the same.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llmexam.lm.keras_models.backend import import_keras


def share_relative_embeddings(backbone: Any) -> None:
    """Let the sequences of a batch share the projected relative embeddings of a backbone.

    Args:
        backbone: A `DebertaV3Backbone`. Only its own layers change; their weights stay as they are.
    """
    keras = import_keras()
    if keras.backend.backend() == "tensorflow":
        # Its `einsum` does not broadcast.
        return
    # Keras would track an ordinary assignment as a new layer.
    embedding = backbone.relative_embeddings
    object.__setattr__(embedding, "__class__", _embedding(embedding.__class__))
    if keras.backend.backend() == "torch":
        for layer in backbone.transformer_layers:
            attention = layer._self_attention_layer
            object.__setattr__(attention, "__class__", _attention(attention.__class__))


@cache
def _embedding(base: Any) -> Any:
    ops = import_keras().ops

    class RelativeEmbedding(base):  # type: ignore[misc]
        """Relative embeddings of shape `[1, 2 * n_buckets, dim]`, which all sequences share."""

        def call(self, inputs: Any) -> Any:
            """Return the embeddings, whatever the inputs are."""
            embeddings = ops.convert_to_tensor(self.rel_embeddings)
            return self.layer_norm(ops.expand_dims(embeddings, 0))

    return RelativeEmbedding


@cache
def _attention(base: Any) -> Any:
    ops = import_keras().ops

    class DisentangledSelfAttention(base):  # type: ignore[misc]
        """Attention that looks up scores of positions by `torch.gather`."""

        def _compute_disentangled_attention(self, query: Any, key: Any, rel_embeddings: Any) -> Any:
            span = self.bucket_size
            # `[1, 1, n_tokens, n_tokens]`
            distances = self._get_rel_pos(query.shape[1])

            def scores(embeddings: Any, vectors: Any, positions: Any) -> Any:
                products = ops.einsum("ecd,abcd->acbe", embeddings[0], vectors)
                index = positions.clamp(0, 2 * span - 1).long()
                return products.gather(-1, index.expand(*products.shape[:3], index.shape[-1]))

            content = scores(self._key_dense(rel_embeddings), query, distances + span)
            position = scores(self._query_dense(rel_embeddings), key, span - distances)
            return (content + position.transpose(-1, -2)) * self.scale_factor

    return DisentangledSelfAttention
