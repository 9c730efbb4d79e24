"""Formulas for the GPU memory of fine-tuning, without loading the model.

Weights, gradients and optimiser states follow ZeRO (Rajbhandari et al. 2020, arXiv 1910.02054,
section 3.1): with 16-bit weights a trained parameter has 2 bytes of weight, 2 of gradient and 12
of AdamW (a 32-bit copy and two moments); stage 1 shards the states over the processes, stage 2
also the gradients. Without DeepSpeed weights, gradients and both moments have 4 bytes each.
Activations are counted as in Korthikanti et al. 2022 (arXiv 2205.05198, section 4), with the
widths of gated layers and without attention scores, which fused kernels do not keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from llmexam.errors import ModelError
from llmexam.lm.decoder import (
    HEAD_NAME,
    auto_class,
    has_binary_head,
    require_binary_head,
)
from llmexam.lm.models.loading import ModelFolder
from llmexam.training.decoders.settings import DecoderTrainingSettings

# Bytes per parameter.
_NF4 = 0.5 + 0.127 / 8  # double quantisation: QLoRA (arXiv 2305.14314), section 3
_INT8 = 1.0
# With overlap, buckets take 4.5 times their size in 16-bit numbers, for reducing and for
# gathering: the documentation of transformers, "DeepSpeed", ZeRO-2.
_OVERLAP = 4.5


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions that a model's memory depends on.

    Attributes:
        n_weights: Parameters; tied ones count once.
        n_linear: Parameters of linear layers without the head, which are adapted or quantised.
        sides: Sum of inputs and outputs over the adapted ones: parameters of LoRA with rank 1.
        n_layers: Number of layers.
        hidden: Hidden size.
        key_value: Width of keys, and of values.
        inner: Intermediate size of the MLP.
        vocabulary: Vocabulary size; 1 for a binary head.
        head: Parameters of a binary head, which is trained in addition to adapters; else 0.
    """

    n_weights: int
    n_linear: int
    sides: int
    n_layers: int
    hidden: int
    key_value: int
    inner: int
    vocabulary: int
    head: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one GPU in bytes, by use."""

    weights: float
    gradients: float
    optimiser: float
    activations: float
    logits: float
    buckets: float

    @property
    def total(self) -> float:
        """The sum, in bytes, without the overhead of driver and allocator."""
        held = self.weights + self.gradients + self.optimiser + self.buckets
        return held + self.activations + self.logits


def model_shape(
    folder: ModelFolder,
    *,
    binary_head: bool = False,
    targets: Sequence[str] | Literal["all-linear"] = "all-linear",
) -> Shape:
    """Return the dimensions of a model from its config, without loading weights.

    Args:
        folder: The model.
        binary_head: Whether it is trained with a binary head instead of the language-model head.
        targets: Names of the linear layers that get adapters.

    Raises:
        ModelError: It is not a causal language model that transformers supports.
    """
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(
            str(folder.path), trust_remote_code=False, local_files_only=True
        )
        if binary_head and not has_binary_head(folder):
            config.num_labels = 1
        from_config = auto_class(binary_head=binary_head).from_config
        with torch.device("meta"):
            model = from_config(config, trust_remote_code=False)
    except Exception as error:  # hostile values in a config lead to any exception
        text = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(f"expected a decoder model: {text}", file=folder.path) from error
    if binary_head:
        require_binary_head(model, folder)
    text_config = config.get_text_config()
    head = model.get_submodule(HEAD_NAME) if binary_head else model.get_output_embeddings()
    linear = {
        name: module.weight.shape
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and module is not head
    }
    adapted = [
        shape
        for name, shape in linear.items()
        if targets == "all-linear" or name in targets or name.split(".")[-1] in targets
    ]
    n_heads = text_config.num_attention_heads
    n_kv = getattr(text_config, "num_key_value_heads", None) or n_heads
    dim = getattr(text_config, "head_dim", None) or text_config.hidden_size // n_heads
    return Shape(
        n_weights=sum(p.numel() for p in model.parameters()),
        n_linear=sum(a * b for a, b in linear.values()),
        sides=sum(a + b for a, b in adapted),
        n_layers=text_config.num_hidden_layers,
        hidden=text_config.hidden_size,
        key_value=n_kv * dim,
        inner=_inner(text_config),
        vocabulary=1 if binary_head else text_config.vocab_size,
        head=sum(p.numel() for p in head.parameters()) if binary_head else 0,
    )


def n_trained(shape: Shape, settings: DecoderTrainingSettings) -> int:
    """Return the number of trained parameters: all, or adapters plus a binary head."""
    if settings.lora is None:
        return shape.n_weights
    return settings.lora.r * shape.sides + shape.head


def memory(
    shape: Shape,
    settings: DecoderTrainingSettings,
    *,
    n_tokens: int,
    n_logits: int,
    n_processes: int = 1,
    zero: dict[str, Any] | None = None,
    half: bool = True,
) -> Memory:
    """Return the peak memory of one GPU during a step.

    Args:
        shape: Dimensions of the model.
        settings: Training settings.
        n_tokens: Tokens of the largest pass, with padding.
        n_logits: Number of states of that pass with logits.
        n_processes: Number of GPUs.
        zero: `zero_optimization` of the DeepSpeed settings; None without DeepSpeed.
        half: Whether the precision has 16 bits.
    """
    trained = n_trained(shape, settings)
    stage = int(zero.get("stage", 0)) if zero is not None else 0
    size = 2 if half else 4
    frozen = settings.lora is not None
    weights: float
    if zero is None:
        weights = (size if frozen else 4) * shape.n_weights + (4 * trained if frozen else 0)
        gradients, optimiser = 4.0 * trained, 8.0 * trained
    else:
        weights = size * shape.n_weights + (size * trained if frozen else 0)
        # With 32 bits the optimiser's copy is needed as well: the shard that a process owns.
        gradients, optimiser = float(size * trained), 12.0 * trained
    if settings.quantise is not None:
        each = _NF4 if settings.quantise == "nf4" else _INT8
        rest = 4 * (shape.n_weights - shape.n_linear)
        weights = each * shape.n_linear + rest + 4 * trained
    return Memory(
        weights=weights,
        gradients=gradients / (n_processes if stage >= 2 else 1),
        optimiser=optimiser / (n_processes if stage >= 1 else 1),
        activations=_activations(shape, settings, n_tokens, size),
        # The logits, their 32-bit copy for the softmax, and their gradient.
        logits=float(n_logits * shape.vocabulary * (size + 8)),
        buckets=_buckets(zero, trained, size) if n_processes > 1 or stage >= 1 else 0.0,
    )


def _activations(
    shape: Shape, settings: DecoderTrainingSettings, n_tokens: int, size: int
) -> float:
    """Return the bytes of activations stored for the backward pass.

    Per token and layer: the states before both norms, the inputs of q, k and v, of o, of the
    gated layers and of the last one, q, k, v, both gated outputs and their activation.
    """
    layer = size * (8 * shape.hidden + 2 * shape.key_value + 4 * shape.inner)
    if settings.gradient_checkpointing:
        # Gradient checkpointing: the states between layers, and one recomputed layer.
        return float(n_tokens * (shape.n_layers * size * shape.hidden + layer))
    return float(n_tokens * shape.n_layers * layer)


def _buckets(zero: dict[str, Any] | None, trained: int, size: int) -> float:
    if zero is None:
        # DistributedDataParallel copies gradients into buckets of the same total size.
        return 4.0 * trained
    total = 0.0
    for name in ("reduce_bucket_size", "allgather_bucket_size"):
        own = min(int(float(zero.get(name, 5e8))), trained)
        total += size * own * (_OVERLAP if zero.get("overlap_comm") else 1)
    return total


def _inner(config: Any) -> int:
    for name in ("intermediate_size", "ffn_dim", "n_inner"):
        if (found := getattr(config, name, None)) is not None:
            return int(found)
    return 4 * int(config.hidden_size)
