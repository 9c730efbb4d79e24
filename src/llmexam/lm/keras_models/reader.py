"""Keras readers: an encoder of KerasHub with a head that gives one logit per sequence.

A reader is loaded from and saved to a folder of Hugging Face, in the format of
`llmexam.lm.readers`: `native` is the head of transformers for multiple choice, `mean` is
`head.safetensors`, a linear layer over the mean token vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llmexam.errors import ModelError
from llmexam.lm.keras_models.activations import activation_of
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.fused_layers import use_fused_layers
from llmexam.lm.keras_models.heads import draw_linear, mean_head, native_head
from llmexam.lm.keras_models.weights.architecture import Architecture
from llmexam.lm.keras_models.weights.bert import Bert
from llmexam.lm.keras_models.weights.deberta import Deberta
from llmexam.lm.keras_models.weights.distilbert import DistilBert
from llmexam.lm.keras_models.weights.electra import Electra
from llmexam.lm.keras_models.weights.entries import Entry, linear
from llmexam.lm.keras_models.weights.files import (
    WEIGHTS_FILE,
    TensorFiles,
    open_weights,
    write_tensors,
)
from llmexam.lm.keras_models.weights.layers import Rates
from llmexam.lm.keras_models.weights.loading import has_all, read_entries, tensors_of
from llmexam.lm.keras_models.weights.model_config import ModelConfig, read_model_config
from llmexam.lm.keras_models.weights.roberta import Roberta, XlmRoberta
from llmexam.lm.models.code_free import read_json
from llmexam.lm.readers.heads import MEAN_HEAD_FILE, HeadKind
from llmexam.storage.atomic import write_json

if TYPE_CHECKING:
    from llmexam.lm.models.loading import ModelFolder

ARCHITECTURES: dict[str, Architecture] = {
    "bert": Bert(),
    "deberta-v2": Deberta(),
    "distilbert": DistilBert(),
    "electra": Electra(),
    "roberta": Roberta(),
    "xlm-roberta": XlmRoberta(),
}
_UNTRAINED = "Train a model on these weights first, or set new_head"


@dataclass
class KerasReader:
    """An encoder with a head.

    Attributes:
        backbone: The encoder of KerasHub; returns token vectors,
            `[n_sequences, n_tokens, dim]`.
        head: A layer, called as `head(vectors, padding_mask)`; returns logits in float32,
            `[n_sequences, 1]`.
        architecture: `model_type` of the configuration.
        config: Content of the folder's `config.json`.
        head_kind: `mean` or `native`.
        new_head: Whether the head was newly initialised.
        facts: The configuration with the defaults of its architecture.
        core: The model that `backbone` is a part of, with the layers by their names.
    """

    backbone: Any
    head: Any
    architecture: str
    config: dict[str, Any]
    head_kind: HeadKind
    new_head: bool
    facts: ModelConfig
    core: Any

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the backbone takes."""
        return tuple(self.backbone.input)

    @property
    def layers(self) -> list[Any]:
        """The encoder's layers, from the first to the last, for example to freeze some."""
        return list(self.core.transformer_layers)

    @property
    def max_tokens(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return ARCHITECTURES[self.architecture].max_tokens(self.facts)

    @property
    def pad_id(self) -> int:
        """Token id to pad with."""
        return int(self.facts.number("pad_token_id"))


def load_keras_reader(
    folder: ModelFolder,
    *,
    head: HeadKind,
    new_head: bool | None = None,
    dropout: float | None = None,
    seed: int = 0,
    dtype: str | None = None,
) -> KerasReader:
    """Load the reader of a folder; Keras is imported with its default backend if it is not yet.

    Args:
        folder: Weights and configuration.
        head: `native` or `mean`; see `llmexam.lm.readers.heads`.
        new_head: Whether to initialise a new head, or to use the folder's trained one. None uses
            the trained one if there is one.
        dropout: Rate of every dropout of the model; None for its own.
        seed: Seed of a new head.
        dtype: Name of a dtype policy of Keras, such as `mixed_bfloat16`, for the encoder.

    Raises:
        ModelError: KerasHub cannot represent the model, its files are damaged, or it has no
            trained head and `new_head` is False.
        MissingDependencyError: Keras or KerasHub is not installed.
    """
    import_keras()
    facts = read_model_config(folder)
    name, family = _family(facts)
    rates = family.rates(facts) if dropout is None else Rates(dropout, dropout)
    with open_weights(folder) as files:
        core = family.build(facts, rates, dtype)
        use_fused_layers(core)
        used = read_entries(family.body(core, facts), files, family.prefix)
        _refuse_rest(files, used, family)
        if head == "mean":
            layer, is_new = _load_mean_head(folder, facts, new_head, seed)
        else:
            layer, is_new = _load_native_head(family, facts, files, new_head, dropout, seed)
    config = read_json(folder.path / "config.json")
    return KerasReader(_vectors_only(core), layer, name, config, head, is_new, facts, core)


def save_keras_reader(reader: KerasReader, folder: Path) -> None:
    """Write weights (safetensors) and configuration in the format of transformers.

    The tokenizer is not written. Adapters of LoRA are merged. Files are written one by one, so
    write to a new folder and rename it when it is complete.

    Raises:
        ModelError: The weights are quantized.
    """
    _refuse_quantized(reader)
    folder.mkdir(parents=True, exist_ok=True)
    family = ARCHITECTURES[reader.architecture]
    entries = family.body(reader.core, reader.facts)
    config = {**reader.config, "dtype": "float32"}
    config.pop("torch_dtype", None)
    if reader.head_kind == "mean":
        config["architectures"] = [f"{family.class_name}Model"]
        prefix = ""
        head = tensors_of(_mean_entries(reader.head), "")
        write_tensors(head, folder / MEAN_HEAD_FILE)
    else:
        config["architectures"] = [f"{family.class_name}ForMultipleChoice"]
        prefix = family.prefix
        entries += family.head_entries(reader.head, reader.facts)
    write_tensors(tensors_of(entries, prefix), folder / WEIGHTS_FILE)
    write_json(folder / "config.json", config)


def _family(facts: ModelConfig) -> tuple[str, Architecture]:
    name = facts.values.get("model_type")
    if name not in ARCHITECTURES:
        raise ModelError(
            f"expected a model of type {', '.join(ARCHITECTURES)}, got '{name}'",
            file=facts.file,
            field="model_type",
            hint="Use the torch solver multiple-choice for this model",
        )
    return name, ARCHITECTURES[name]


def _refuse_rest(files: TensorFiles, used: set[str], family: Architecture) -> None:
    """Check that the encoder has no weights which were not read, so that it is the same model."""
    for name in sorted(files.names - used):
        own = name.removeprefix(f"{family.prefix}.")
        if own.startswith(family.roots) and not own.endswith(family.unused):
            raise ModelError(
                f"KerasHub's {family.class_name} has no weights for tensor '{name}'",
                file=files.path(name),
                hint="Use the torch solver multiple-choice for this model",
            )


def _refuse_quantized(reader: KerasReader) -> None:
    for model in (reader.core, reader.head):
        for layer in model._flatten_layers():
            if layer.quantization_mode is not None:
                raise ModelError(
                    f"expected weights in floating point, but layer '{layer.name}' has "
                    f"{layer.quantization_mode}",
                    hint="Save the model before it is quantized",
                )


def _vectors_only(core: Any) -> Any:
    """Return the model without its pooler, whose weights would get no gradient."""
    from keras_hub.models import Backbone

    output = core.output["sequence_output"] if isinstance(core.output, dict) else core.output
    backbone = Backbone(inputs=core.input, outputs=output, name="backbone")
    backbone.token_embedding = core.token_embedding
    return backbone


def _load_mean_head(
    folder: ModelFolder, facts: ModelConfig, new_head: bool | None, seed: int
) -> tuple[Any, bool]:
    layer = mean_head(facts.integer("hidden_size"))
    path = folder.path / MEAN_HEAD_FILE
    if new_head is True or (new_head is None and not path.is_file()):
        draw_linear(layer.output_dense, np.random.default_rng(seed))
        return layer, True
    if not path.is_file():
        raise ModelError(
            f"the folder has no {MEAN_HEAD_FILE}, so its head was not trained",
            file=folder.path,
            hint=_UNTRAINED,
        )
    with TensorFiles([path]) as files:
        read_entries(_mean_entries(layer), files, "")
    return layer, False


def _load_native_head(
    family: Architecture,
    facts: ModelConfig,
    files: TensorFiles,
    new_head: bool | None,
    dropout: float | None,
    seed: int,
) -> tuple[Any, bool]:
    plan = family.head(facts)
    before, after = (plan.before, plan.after) if dropout is None else (dropout, dropout)
    activation: Callable[[Any], Any] | str = plan.activation
    if plan.activation_key:
        # No name means no activation in transformers.
        named = facts.values.get(plan.activation_key)
        activation = activation_of(facts, plan.activation_key) if named else "linear"
    layer = native_head(
        facts.integer("hidden_size"), activation=activation, before=before, after=after
    )
    entries = family.head_entries(layer, facts)
    if new_head is None:
        new_head = not has_all(entries, files, family.prefix)
    if not new_head:
        read_entries(entries, files, family.prefix, missing=_UNTRAINED)
        return layer, False
    generator = np.random.default_rng(seed)
    spread = facts.number("initializer_range") or 0.02
    # A pooler belongs to the encoder in transformers: it is new only if the folder lacks it.
    pooler = [entry for entry in entries if entry.in_body]
    if pooler and has_all(pooler, files, family.prefix):
        read_entries(pooler, files, family.prefix)
    else:
        draw_linear(layer.dense, generator, spread)
    draw_linear(layer.output_dense, generator, spread)
    return layer, True


def _mean_entries(layer: Any) -> list[Entry]:
    return linear(layer.output_dense, "", in_body=False)
