"""Pooling, dense layers and prefixes of a sentence-transformers model folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmexam.errors import ModelError
from llmexam.lm.models.code_free import read_modules
from llmexam.lm.models.loading import ModelFolder

if TYPE_CHECKING:
    from torch import Tensor

# The order in which sentence-transformers concatenates several modes.
_LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
POOLING_MODES = tuple(_LEGACY_MODES.values())
_PROMPTS_FILE = "config_sentence_transformers.json"
_ACTIVATIONS = {"Identity": "identity", "Tanh": "tanh"}


@dataclass(frozen=True, slots=True)
class DenseStep:
    """A linear layer after pooling.

    Attributes:
        folder: Its folder inside the model's.
        activation: `identity` or `tanh`.
    """

    folder: str
    activation: str


@dataclass(frozen=True, slots=True)
class SentenceConfig:
    """Settings around the encoder.

    Attributes:
        pooling: Pooling modes, concatenated in this order.
        dense: Linear layers after pooling.
        max_tokens: Texts are truncated to this many tokens, special ones included; None if
            the folder has no limit.
        lower_case: Whether texts are lower-cased before tokenization.
        prefixes: Prefix of texts by kind (`query`, `passage`); `""` is for texts without a
            kind.
    """

    pooling: tuple[str, ...] = ("mean",)
    dense: tuple[DenseStep, ...] = ()
    max_tokens: int | None = None
    lower_case: bool = False
    prefixes: tuple[tuple[str, str], ...] = ()


def read_sentence_config(folder: ModelFolder) -> SentenceConfig:
    """Return the sentence-transformers settings of a folder.

    A folder without `modules.json` is a plain encoder: mean pooling, its own length limit.

    Raises:
        ModelError: It has an unsupported module or pooling mode.
    """
    limits = _mapping(folder, "sentence_bert_config.json")
    pooling: tuple[str, ...] = ("mean",)
    dense: list[DenseStep] = []
    for written, place in read_modules(folder.path):
        kind = written.rpartition(".")[2]
        if kind == "Pooling":
            pooling = _pooling_modes(folder, place)
        elif kind == "Dense":
            dense.append(DenseStep(place, _activation(folder, place)))
        elif kind not in ("Transformer", "Normalize"):
            raise ModelError(
                f"module '{written}' is not supported",
                file=folder.path / "modules.json",
                hint="Supported: Transformer, Pooling, Dense, Normalize",
            )
    return SentenceConfig(
        pooling=pooling,
        dense=tuple(dense),
        max_tokens=_max_tokens(limits, folder),
        lower_case=bool(limits.get("do_lower_case", False)),
        prefixes=_prefixes(_mapping(folder, _PROMPTS_FILE), folder),
    )


def load_dense(
    folder: ModelFolder, config: SentenceConfig
) -> list[tuple[Tensor, Tensor | None, str]]:
    """Return weight, bias and activation of each linear layer, in order.

    Raises:
        ModelError: A layer has no safetensors weights.
    """
    steps = []
    for step in config.dense:
        from safetensors.torch import load_file

        file = folder.path / step.folder / "model.safetensors"
        if not file.is_file():
            raise ModelError("the dense layer has no safetensors weights", file=file)
        try:
            tensors = load_file(file)
            weight, bias = tensors["linear.weight"], tensors.get("linear.bias")
        except Exception as error:  # safetensors has exceptions of its own
            raise ModelError(f"the dense layer is damaged: {error}", file=file) from None
        steps.append(
            (
                weight.float(),
                None if bias is None else bias.float(),
                step.activation,
            )
        )
    return steps


def _pooling_modes(folder: ModelFolder, place: str) -> tuple[str, ...]:
    name = f"{place}/config.json"
    config = _mapping(folder, name)
    given = config.get("pooling_mode")
    if given is None:
        given = [mode for key, mode in _LEGACY_MODES.items() if config.get(key)] or ["mean"]
    modes = tuple(given) if isinstance(given, list | tuple) else (given,)
    unknown = [mode for mode in modes if mode not in POOLING_MODES]
    if unknown or not modes:
        raise ModelError(
            f"pooling mode '{unknown[0] if unknown else ''}' is not supported",
            file=folder.path / name,
            hint=f"Supported: {', '.join(POOLING_MODES)}",
        )
    if not config.get("include_prompt", True):
        raise ModelError(
            "the pooling excludes the prompt (include_prompt: false), which is not supported",
            file=folder.path / name,
        )
    return modes


def _activation(folder: ModelFolder, place: str) -> str:
    name = f"{place}/config.json"
    config = _mapping(folder, name)
    # tanh is the default of sentence-transformers.
    written = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    activation = _ACTIVATIONS.get(written.rpartition(".")[2])
    # sentence-transformers imports this dotted name.
    if activation is None or not written.startswith("torch.nn."):
        raise ModelError(
            f"activation '{written}' is not supported",
            file=folder.path / name,
            field="activation_function",
            hint=f"Supported activations of torch.nn: {', '.join(_ACTIVATIONS)}",
        )
    return activation


def _prefixes(config: Mapping[str, Any], folder: ModelFolder) -> tuple[tuple[str, str], ...]:
    given = config.get("prompts") or {}
    if not isinstance(given, Mapping):
        raise ModelError(
            f"expected a mapping, got {type(given).__name__}",
            file=folder.path / _PROMPTS_FILE,
            field="prompts",
        )
    prompts = {str(k): str(v) for k, v in given.items()}
    found = {
        "": prompts.get(str(config.get("default_prompt_name")), ""),
        "query": prompts.get("query", ""),
        "passage": prompts.get("passage", prompts.get("document", "")),
    }
    return tuple((kind, prefix) for kind, prefix in found.items() if prefix)


def _max_tokens(limits: Mapping[str, Any], folder: ModelFolder) -> int | None:
    found = limits.get("max_seq_length")
    if found is None or (isinstance(found, int) and not isinstance(found, bool) and found > 0):
        return found
    raise ModelError(
        f"expected a whole number above 0, got {found!r:.40}",
        file=folder.path / "sentence_bert_config.json",
        field="max_seq_length",
    )


def _mapping(folder: ModelFolder, name: str) -> Mapping[str, Any]:
    values = folder.read_json(name)
    if values is not None and not isinstance(values, Mapping):
        raise ModelError(
            f"expected a mapping, got {type(values).__name__}", file=folder.path / name
        )
    return values or {}
