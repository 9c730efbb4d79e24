"""Checks of model and device for int8, and its calibration with the model's tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input
from llmexam.lm.encoding.calibration import calibration_sequences, random_sequences
from llmexam.lm.encoding.int8_linear import require_int8
from llmexam.lm.encoding.packed_bert import PackedBert, can_pack
from llmexam.lm.encoding.prepared_bert import prepare_int8_bert

if TYPE_CHECKING:
    import torch

    from llmexam.lm.models.loading import ModelFolder

_MAX_TOKENS = 512


def require_cpu(device: torch.device) -> None:
    """Check that int8 can run on a device.

    Raises:
        ModelError: It is not a CPU, or the processor or this build of torch lacks int8.
    """
    if device.type != "cpu":
        raise ModelError(
            f"expected device cpu for precision int8, got '{device}'", hint="Use precision: auto"
        )
    require_int8()


def load_int8_bert(model: Any, tokenizer: Any, folder: ModelFolder) -> PackedBert:
    """Return the int8 forward pass of a model, calibrated on bundled texts.

    Args:
        model: A transformers encoder in fp32.
        tokenizer: Its tokenizer; without one, random tokens are the calibration texts.
        folder: Its folder, for error messages.

    Raises:
        ModelError: It is not a BERT that `PackedBert` supports.
    """
    if not can_pack(model.config):
        raise ModelError(
            f"the torch int8 backend supports BERT with GELU only, got '{model.config.model_type}'",
            file=folder.path,
            hint="Use precision: auto. A trained reader can be exported: llmexam export "
            f"{folder.name} --to onnx-int8 --out FOLDER",
        )
    longest = min(_MAX_TOKENS, longest_input(model.config) or _MAX_TOKENS)
    config = model.config
    sequences = (
        random_sequences(config.vocab_size, config.type_vocab_size, longest)
        if tokenizer is None
        else calibration_sequences(tokenizer, longest)
    )
    if config.type_vocab_size < 2:
        sequences = [(ids, [0] * len(ids)) for ids, _ in sequences]
    return prepare_int8_bert(model, sequences)
