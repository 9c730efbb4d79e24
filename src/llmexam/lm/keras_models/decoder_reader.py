"""Keras readers over decoders: one logit per sequence, from the vector of its last token.

A reader is loaded from and saved to a folder of transformers' class for sequence classification
with one label, such as `Qwen2ForSequenceClassification`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from llmexam.errors import ModelError
from llmexam.lm.keras_models.causal import KerasDecoder, is_keras_decoder, load_keras_decoder
from llmexam.lm.keras_models.causal_export import export_decoder
from llmexam.lm.keras_models.causal_ports import tensor_files
from llmexam.lm.keras_models.heads import last_head
from llmexam.lm.models.loading import ModelFolder

HEAD_TENSOR = "score.weight"
_SPREAD = 0.02
# By `model_type`; transformers has one for each type that is loaded.
_CLASSES = {
    "gemma": "Gemma",
    "gemma2": "Gemma2",
    "gemma3_text": "Gemma3Text",
    "gpt2": "GPT2",
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
}


@dataclass
class KerasDecoderReader:
    """A decoder with a linear layer over the last token.

    Attributes:
        decoder: The decoder; its output layer is not used.
        head: The layer.
        new_head: Whether the head was newly initialised.
        pad_id: Token id to pad with.
    """

    decoder: KerasDecoder
    head: Any
    new_head: bool
    pad_id: int
    head_kind: Literal["last"] = "last"

    @property
    def backbone(self) -> Any:
        """The decoder without its output layer."""
        return self.decoder.backbone

    @property
    def core(self) -> Any:
        """The same as `backbone`."""
        return self.decoder.backbone

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the backbone takes."""
        return tuple(self.backbone.input)

    @property
    def max_tokens(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return self.decoder.longest


def load_decoder_reader(
    folder: ModelFolder,
    *,
    new_head: bool | None = None,
    dropout: float | None = None,
    seed: int = 0,
    dtype: str | None = None,
    pad_ids: Iterable[int | None] = (),
) -> KerasDecoderReader:
    """Load a decoder with a head over its last token.

    Args:
        folder: A folder with a causal language model or a sequence classifier with one label.
        new_head: Whether to initialise a new head, or to use the folder's trained one. None uses
            the trained one if there is one.
        dropout: Dropout probability; None keeps the model's own.
        seed: Seed of a new head.
        dtype: Name of a dtype policy of Keras for the decoder.
        pad_ids: Token ids to pad with, the first that is not None; after them those of the config.

    Raises:
        ModelError: KerasHub cannot represent the model, its files are damaged, or it has no
            trained head and `new_head` is False.
        MissingDependencyError: Keras or KerasHub is not installed.
    """
    config = folder.read_json("config.json") or {}
    decoder = load_keras_decoder(
        folder,
        dtype=dtype or "float32",  # type: ignore[arg-type]
        dropout=dropout,
        spare=(HEAD_TENSOR,),
    )
    _freeze_output_layer(decoder)
    head = last_head(int(decoder.backbone.hidden_dim))
    names = tensor_files(folder)
    if new_head is None:
        new_head = HEAD_TENSOR not in names
    if new_head:
        spread = float(config.get("initializer_range") or _SPREAD)
        draw = np.random.default_rng(seed).normal(0.0, spread, tuple(head.score.kernel.shape))
        head.score.kernel.assign(draw.astype(np.float32))
    else:
        head.score.kernel.assign(_read_head(folder, names, tuple(head.score.kernel.shape)))
    ends = config.get("eos_token_id")
    candidates = (
        *pad_ids,
        config.get("pad_token_id"),
        *(ends if isinstance(ends, list) else [ends]),
    )
    pad_id = next((int(one) for one in candidates if one is not None), 0)
    return KerasDecoderReader(decoder, head, new_head, pad_id)


def save_decoder_reader(reader: KerasDecoderReader, folder: Path) -> None:
    """Write a sequence classifier of transformers, with adapters merged.

    The folder also has the output layer of the decoder, where the base model stores one, so that
    it can be loaded as a causal language model again.

    Raises:
        ModelError: A trained weight cannot be written back.
    """
    from keras import ops

    source = reader.decoder.source
    config = dict(source.read_json("config.json") or {})
    config |= {
        "architectures": [f"{_CLASSES[str(config['model_type'])]}ForSequenceClassification"],
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        "pad_token_id": reader.pad_id,
    }
    kernel = np.asarray(ops.convert_to_numpy(reader.head.score.kernel), dtype=np.float32)
    export_decoder(
        reader.decoder,
        folder,
        extra={HEAD_TENSOR: np.ascontiguousarray(kernel.T)},
        config=config,
    )


def require_head_kind(folder: ModelFolder, head: str) -> None:
    """Check that a head fits the model: `last` needs a decoder, the others an encoder.

    Raises:
        ModelError: It does not.
    """
    is_decoder = is_keras_decoder(folder)
    if is_decoder != (head == "last"):
        kind = (folder.read_json("config.json") or {}).get("model_type")
        expected = "last" if is_decoder else "mean or native"
        raise ModelError(
            f"expected head: {expected} for a model of type '{kind}', got '{head}'",
            file=folder.path,
            field="head",
            hint=f"Set `head: {expected.split()[0]}`",
        )


def _freeze_output_layer(decoder: KerasDecoder) -> None:
    """Freeze an output layer of its own, which gets no gradient."""
    embedding = decoder.backbone.token_embedding
    if not getattr(embedding, "tie_weights", True):
        embedding.reverse_embeddings.trainable = False


def _read_head(folder: ModelFolder, names: dict[str, str], shape: tuple[int, ...]) -> Any:
    from safetensors import safe_open

    if HEAD_TENSOR not in names:
        raise ModelError(
            f"the folder has no {HEAD_TENSOR}, so its head was not trained",
            file=folder.path,
            hint="Train a model on these weights first",
        )
    # By torch, because NumPy has no bfloat16.
    with safe_open(folder.path / names[HEAD_TENSOR], framework="pt") as file:
        found = file.get_tensor(HEAD_TENSOR).float().numpy().T
    if found.shape != shape:
        raise ModelError(
            f"expected {HEAD_TENSOR} of shape {shape[::-1]}, got {found.shape[::-1]}",
            file=folder.path / names[HEAD_TENSOR],
            hint="A reader has one label",
        )
    return found
