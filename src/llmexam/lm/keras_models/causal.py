"""Load decoders of Hugging Face folders as KerasHub's causal language models.

Text becomes token ids by the tokenizer of the folder, as for our torch decoders, so KerasHub's
tokenizers and their files are not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.keras_models.backend import Backend, import_keras
from llmexam.lm.keras_models.causal_ports import Port, port_weights
from llmexam.lm.models.loading import ModelFolder

DtypePolicy = Literal["float32", "bfloat16", "mixed_bfloat16", "mixed_float16"]

_TORCH_FAMILIES = "Train it with family `recoverer` or `causal-lm`, which use torch"
_GELU = ("gelu_pytorch_tanh", "gelu_new", "gelu")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of model that KerasHub loads.

    Attributes:
        task: Name of the class in `keras_hub.models`.
        assumed: Values of the config that KerasHub does not read, with those it assumes; a key
            that the config lacks has its usual value.
        passed: Arguments of the backbone that KerasHub does not take from the config, with
          their keys in it.
    """

    task: str
    assumed: Mapping[str, tuple[Any, ...]]
    passed: Mapping[str, str] = field(default_factory=dict)


_EPSILON = {"layer_norm_epsilon": "rms_norm_eps"}
_GEMMA = {
    # The backbone passes another one to the last norm only.
    "rms_norm_eps": (1e-6,),
    "rope_theta": (10_000.0,),
    "hidden_activation": (*_GELU, None),
    "attention_bias": (False,),
}
_QWEN = {"hidden_act": ("silu",), "use_sliding_window": (False,)}
_KINDS = {
    "gemma": _Kind("GemmaCausalLM", _GEMMA),
    "gemma2": _Kind("GemmaCausalLM", _GEMMA),
    "gemma3_text": _Kind(
        "Gemma3CausalLM",
        {
            "hidden_activation": _GELU,
            "attention_bias": (False,),
            "use_bidirectional_attention": (False, None),
            "full_attention.rope_theta": (1_000_000.0,),
            "sliding_attention.rope_theta": (10_000.0,),
        },
    ),
    "gpt2": _Kind(
        "GPT2CausalLM",
        {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "layer_norm_epsilon": (1e-5,),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
        },
    ),
    "llama": _Kind("Llama3CausalLM", {"hidden_act": ("silu",)}, _EPSILON),
    "mistral": _Kind("MistralCausalLM", {"hidden_act": ("silu",), "tie_word_embeddings": (False,)}),
    "qwen2": _Kind("QwenCausalLM", _QWEN),
    "qwen3": _Kind("Qwen3CausalLM", _QWEN),
}
CAUSAL_TYPES = tuple(_KINDS)
"""Values of `model_type` in the config of models that can be loaded."""


@dataclass(frozen=True, slots=True)
class KerasDecoder:
    """A causal language model in Keras.

    Attributes:
        source: The Hugging Face folder.
        task: The task model of KerasHub, without preprocessor: token ids to logits.
        ports: Where each weight is.
    """

    source: ModelFolder
    task: Any
    ports: tuple[Port, ...]

    @property
    def backbone(self) -> Any:
        """The model without its head: token ids to hidden states."""
        return self.task.backbone

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return longest_input(self.source)

    def logits(self, rows: list[list[int]], *, pad_id: int = 0) -> list[NDArray[np.float32]]:
        """Return the logits of all tokens of each row, of shape `[n_tokens, n_vocabulary]`.

        Args:
            rows: Token ids.
            pad_id: Token id to pad with.
        """
        from keras import ops

        inputs = padded(rows, max(map(len, rows)), pad_id=pad_id)
        outputs = self.task(inputs, training=False)
        values = ops.convert_to_numpy(ops.cast(outputs, "float32"))
        return [values[i, : len(row)] for i, row in enumerate(rows)]


def padded(rows: list[list[int]], width: int, *, pad_id: int = 0) -> dict[str, NDArray[np.int32]]:
    """Return rows as inputs of a model, padded at the end.

    Args:
        rows: Token ids.
        width: Number of tokens to pad to.
        pad_id: Token id to pad with.
    """
    ids = np.full((len(rows), width), pad_id, dtype=np.int32)
    real = np.zeros((len(rows), width), dtype=np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        real[i, : len(row)] = 1
    return {"token_ids": ids, "padding_mask": real}


def load_keras_decoder(
    source: ModelFolder,
    *,
    backend: Backend | Literal["auto"] = "auto",
    dtype: DtypePolicy = "float32",
    dropout: float | None = None,
    spare: tuple[str, ...] = (),
) -> KerasDecoder:
    """Load a decoder.

    Args:
        source: A Hugging Face folder of a type in `CAUSAL_TYPES`.
        backend: Backend of Keras.
        dtype: Dtype policy of Keras: `bfloat16` also rounds the weights, the mixed policies only
            the arithmetic.
        dropout: Dropout probability; None keeps the model's own.
        spare: Names of tensors that the decoder does not need, such as those of a head.

    Raises:
        MissingDependencyError: Keras, KerasHub or the backend is not installed.
        SettingsError: Keras runs on another backend already.
        ModelError: KerasHub cannot load the model, or would compute something else.
    """
    config = source.read_json("config.json") or {}
    kind = _require_kind(source, config)
    import_keras(backend)
    import keras_hub
    from keras_hub.src.utils.preset_utils import get_preset_loader

    loader: Any = get_preset_loader(str(source.path))
    more: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
    more |= {name: config[key] for name, key in kind.passed.items() if key in config}
    try:
        backbone = loader.load_backbone(
            loader.check_backbone_class(), load_weights=False, dtype=dtype, **more
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(
            f"KerasHub cannot load the model: {reason}", file=source.path, hint=_TORCH_FAMILIES
        ) from error
    ports = port_weights(source, loader, backbone, spare)
    task = getattr(keras_hub.models, kind.task)(backbone=backbone, preprocessor=None)
    return KerasDecoder(source, task, ports)


def longest_input(source: ModelFolder) -> int | None:
    """Return the context length in tokens of a model's config; None without a limit."""
    config = source.read_json("config.json") or {}
    found = config.get("max_position_embeddings") or config.get("n_positions")
    return int(found) if found else None


def is_keras_decoder(source: ModelFolder) -> bool:
    """Return whether the config of a model has one of `CAUSAL_TYPES`."""
    return (source.read_json("config.json") or {}).get("model_type") in CAUSAL_TYPES


def require_keras_decoder(source: ModelFolder) -> None:
    """Check from its config that a model can be loaded, without importing Keras.

    Raises:
        ModelError: It cannot.
    """
    _require_kind(source, source.read_json("config.json") or {})


def _require_kind(source: ModelFolder, config: Mapping[str, Any]) -> _Kind:
    name = str(config.get("model_type"))
    kind = _KINDS.get(name)
    if kind is None:
        raise ModelError(
            f"expected a model of type {', '.join(CAUSAL_TYPES)}, got '{name}'",
            file=source.path / "config.json",
            field="model_type",
            hint=_TORCH_FAMILIES,
        )
    rope = dict(config.get("rope_parameters") or {})
    flat = {**config, **rope}
    flat |= {
        f"{part}.{key}": value
        for part, values in rope.items()
        if isinstance(values, dict)
        for key, value in values.items()
    }
    checks: dict[str, Callable[[], bool]] = {
        key: lambda key=key, values=values: flat[key] in values  # type: ignore[misc]
        for key, values in kind.assumed.items()
        if key in flat
    }
    if name == "gemma3_text" and config.get("layer_types"):
        checks["layer_types"] = lambda: _alternates(config["layer_types"])
    if name == "gpt2" and config.get("n_inner") is not None:
        checks["n_inner"] = lambda: config["n_inner"] == 4 * config["n_embd"]
    if name == "llama" and config.get("head_dim") is not None:
        width = config["hidden_size"] // config["num_attention_heads"]
        checks["head_dim"] = lambda: config["head_dim"] == width
    if name != "gemma3_text":
        scaling = config.get("rope_scaling") or rope
        # Older configurations name it `type`.
        rope_type = scaling.get("rope_type", scaling.get("type", "default"))
        checks["rope_type"] = lambda: rope_type == "default"
    for key, is_known in checks.items():
        if not is_known():
            raise ModelError(
                f"KerasHub's model of type '{name}' does not support the value of this field",
                file=source.path / "config.json",
                field=key,
                hint=_TORCH_FAMILIES,
            )
    return kind


def _alternates(layer_types: list[str]) -> bool:
    """Return whether every sixth layer, and no other, attends to all tokens."""
    return all(
        found == ("full_attention" if i % 6 == 5 else "sliding_attention")
        for i, found in enumerate(layer_types)
    )
