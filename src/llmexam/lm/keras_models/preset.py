"""Convert a preset of KerasHub into a folder of Hugging Face; run by `lm.models.keras_preset`.

The class of a preset is looked up in a table, and never imported by the name in its file.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import LlmExamError, ModelError
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import ARCHITECTURES
from llmexam.lm.keras_models.weights.entries import linear
from llmexam.lm.keras_models.weights.files import WEIGHTS_FILE, write_tensors
from llmexam.lm.keras_models.weights.loading import tensors_of
from llmexam.lm.keras_models.weights.model_config import ModelConfig
from llmexam.lm.models.keras_preset import TOKENIZER_FOLDER, WEIGHTS
from llmexam.lm.models.loading import ModelFolder, load_tokenizer
from llmexam.storage.atomic import write_json

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How presets of a class are converted.

    Attributes:
        name: `model_type` in Hugging Face.
        arguments: Arguments of the backbone in the preset's config.
        config: Returns the config of Hugging Face; activations and epsilons are those of KerasHub.
        tokenizer: Class of the tokenizer in transformers.
        files: The tokenizer's files in the preset, with their names in Hugging Face.
    """

    name: str
    arguments: tuple[str, ...]
    config: Callable[[Values], dict[str, Any]]
    tokenizer: str
    files: Mapping[str, str]


_SIZES = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim", "dropout")
_USUAL = ("vocabulary_size", *_SIZES, "max_sequence_length")


def _config(values: Values, *, activation: str, epsilon: float) -> dict[str, Any]:
    return {
        "vocab_size": values.get("vocabulary_size", values.get("vocab_size")),
        "num_hidden_layers": values["num_layers"],
        "num_attention_heads": values["num_heads"],
        "hidden_size": values["hidden_dim"],
        "intermediate_size": values["intermediate_dim"],
        "max_position_embeddings": values["max_sequence_length"],
        "hidden_dropout_prob": values["dropout"],
        "attention_probs_dropout_prob": values["dropout"],
        "hidden_act": activation,
        "layer_norm_eps": epsilon,
    }


def _bert(values: Values) -> dict[str, Any]:
    types = {"type_vocab_size": values["num_segments"], "pad_token_id": 0}
    return _config(values, activation="gelu_pytorch_tanh", epsilon=1e-12) | types


def _electra(values: Values) -> dict[str, Any]:
    return _bert(values) | {"embedding_size": values["embedding_dim"]}


def _roberta(values: Values) -> dict[str, Any]:
    # Positions begin after the padding id.
    more = {"type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    more["max_position_embeddings"] = values["max_sequence_length"] + 2
    return _config(values, activation="gelu", epsilon=1e-5) | more


def _distilbert(values: Values) -> dict[str, Any]:
    return {
        "vocab_size": values["vocabulary_size"],
        "n_layers": values["num_layers"],
        "n_heads": values["num_heads"],
        "dim": values["hidden_dim"],
        "hidden_dim": values["intermediate_dim"],
        "max_position_embeddings": values["max_sequence_length"],
        "dropout": values["dropout"],
        "attention_dropout": values["dropout"],
        "activation": "gelu",
        "pad_token_id": 0,
    }


def _deberta(values: Values) -> dict[str, Any]:
    return _config(values, activation="gelu", epsilon=1e-7) | {
        "type_vocab_size": 0,
        "relative_attention": True,
        "max_relative_positions": -1,
        "position_buckets": values["bucket_size"],
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "pad_token_id": 0,
    }


_WORDS = {"vocabulary.txt": "vocab.txt"}
_KINDS = {
    "BertBackbone": _Kind("bert", (*_USUAL, "num_segments"), _bert, "BertTokenizer", _WORDS),
    "DistilBertBackbone": _Kind("distilbert", _USUAL, _distilbert, "BertTokenizer", _WORDS),
    "ElectraBackbone": _Kind(
        "electra",
        ("vocab_size", *_SIZES, "max_sequence_length", "embedding_dim", "num_segments"),
        _electra,
        "BertTokenizer",
        _WORDS,
    ),
    "RobertaBackbone": _Kind(
        "roberta",
        _USUAL,
        _roberta,
        "RobertaTokenizer",
        {"vocabulary.json": "vocab.json", "merges.txt": "merges.txt"},
    ),
    "XLMRobertaBackbone": _Kind(
        "xlm-roberta",
        _USUAL,
        _roberta,
        "XLMRobertaTokenizer",
        {"vocabulary.spm": "sentencepiece.bpe.model"},
    ),
    "DebertaV3Backbone": _Kind(
        "deberta-v2",
        (*_USUAL, "bucket_size"),
        _deberta,
        "DebertaV2Tokenizer",
        {"vocabulary.spm": "spm.model"},
    ),
}


def convert_preset(preset: Path, folder: Path) -> None:
    """Write a preset of KerasHub as a folder of Hugging Face.

    Args:
        preset: The folder of the preset.
        folder: Where to write; it is created.

    Raises:
        ModelError: Models of this class are not converted, or a file is missing or damaged.
        MissingDependencyError: Keras or KerasHub is not installed.
    """
    told = _read_json(preset / "config.json")
    kind = _KINDS.get(str(told.get("class_name")))
    if kind is None:
        raise ModelError(
            f"expected a preset of {', '.join(_KINDS)}, got one of '{told.get('class_name')}'",
            file=preset,
            hint="Give the folder of the same model in the format of Hugging Face",
        )
    values = told.get("config")
    missing = [one for one in kind.arguments if not isinstance(values, dict) or one not in values]
    if missing:
        raise ModelError(f"the config has no '{missing[0]}'", file=preset / "config.json")
    assert isinstance(values, dict)
    import_keras()
    import keras_hub

    family = ARCHITECTURES[kind.name]
    backbone = getattr(keras_hub.models, str(told["class_name"]))(
        **{one: values[one] for one in kind.arguments}
    )
    try:
        backbone.load_weights(str(preset / WEIGHTS))
    except (KeyError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ModelError(f"cannot be read: {reason}", file=preset / WEIGHTS) from error
    config = {
        "architectures": [f"{family.class_name}Model"],
        "model_type": kind.name,
        **kind.config(values),
    }
    folder.mkdir(parents=True)
    write_json(folder / "config.json", config)
    entries = family.body(backbone, ModelConfig(config, folder / "config.json"))
    if kind.name == "bert":
        entries += linear(backbone.pooled_dense, "pooler.dense")
    write_tensors(tensors_of(entries, ""), folder / WEIGHTS_FILE)
    _write_tokenizer(preset, folder, kind)


def _write_tokenizer(preset: Path, folder: Path, kind: _Kind) -> None:
    """Copy the tokenizer's files, and write them in one fast one."""
    config: dict[str, Any] = {"tokenizer_class": kind.tokenizer}
    for name, own in kind.files.items():
        path = preset / TOKENIZER_FOLDER / name
        if not path.is_file():
            raise ModelError("the preset has no tokenizer", file=path)
        shutil.copyfile(path, folder / own)
    if kind.tokenizer == "BertTokenizer":
        told = _read_json(preset / "tokenizer.json").get("config", {})
        config["do_lower_case"] = bool(told.get("lowercase"))
        config["strip_accents"] = bool(told.get("strip_accents"))
    write_json(folder / "tokenizer_config.json", config)
    source = ModelFolder(str(preset), folder, (folder / WEIGHTS_FILE,))
    load_tokenizer(source).save_pretrained(folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot be read: {error}", file=path) from error
    return found if isinstance(found, dict) else {}


def main() -> int:
    """Convert the preset that the command line names; an error is one line of JSON."""
    try:
        convert_preset(Path(sys.argv[1]), Path(sys.argv[2]))
    except LlmExamError as error:
        told = {"message": error.message, "hint": error.hint}
        sys.stderr.write(json.dumps(told) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
