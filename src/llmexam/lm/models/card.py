"""The model card `llmexam.json` of a trained model: family, encoding, training data and results.

It is stored beside the weights, so that loading the folder gives the encoding of the training, or
an error that says why not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from pydantic import Field
from pydantic_core import from_json

from llmexam.errors import ModelError, SettingsError, UntrainedModelError
from llmexam.settings.base import Settings
from llmexam.storage.atomic import write_text

CARD_FILE = "llmexam.json"
_AGAIN = "Train the model again, or restore the file"
# Maximum length of a file name in common file systems, in bytes.
_LONGEST_NAME = 255
Told = TypeVar("Told", bound=Settings)


class EvidenceOrigin(Settings):
    """Retrieval settings of the passages that a model was trained on.

    The corpus is left out on purpose: an exam may use another one. The settings must agree, because
    a model trained on four short passages does not generalise to ten long ones.
    """

    source: str = Field(description="`none`, `given` with the questions, or `retrieved`")
    kinds: tuple[str, ...] = Field((), description="kinds of index: sparse, dense")
    model: str = Field("", description="weights hash of the dense index's bi-encoder")
    chunking: dict[str, Any] = Field({}, description="how documents were split into passages")
    query_form: str = Field("", description="query formulation")
    k: int = Field(0, ge=0, description="passages per question (top-k)")
    reranker: str = Field("", description="weights hash of the reranker, if one was used")
    depth: int = Field(0, ge=0, description="reranking depth")


class ExportOrigin(Settings):
    """Origin of an exported model, and its runtime."""

    backend: str = Field(description="target runtime: onnx-int8 or openvino")
    source: str = Field(description="weights hash of the source model")
    task: str = Field(description="type of head: `multiple-choice` or `classification`")
    n_outputs: int = Field(1, ge=1, description="number of logits per sequence")
    pad_id: int = Field(0, ge=0, description="token id to pad with")
    max_tokens: int | None = Field(None, description="longest sequence, in tokens")
    files: dict[str, str] = Field({}, description="SHA-256 of each exported file")


class ModelCard(Settings):
    """Content of a model card."""

    family: str = Field(description="the solver that the model is for: `multiple-choice`, ...")
    base_model: str = Field(description="the model that training started from")
    base_weights_hash: str = Field(description="SHA-256 of those weights")
    head: str = Field(
        "native",
        description="`native`: the head of the model class; `mean`: a layer over the mean of the "
        "token embeddings; `last`: a layer over the last token of a decoder",
    )
    encoding: dict[str, Any] = Field({}, description="how a question is turned into tokens")
    evidence: EvidenceOrigin = EvidenceOrigin(source="none")
    training: dict[str, Any] = Field({}, description="all settings of the training run")
    data: dict[str, str] = Field(
        {}, description="content hash of each exam used for training or model selection"
    )
    metrics: dict[str, Any] = Field(
        {}, description="results: before training, after training, dev questions"
    )
    versions: dict[str, str] = Field({}, description="versions of the packages used")
    command: str = Field("", description="command of the training run")
    export: ExportOrigin | None = Field(
        None, description="where the model was exported from, if it was"
    )


def read_card(folder: str | Path) -> ModelCard | None:
    """Return the card of a model's folder, or None without one.

    Raises:
        ModelError: The card is damaged, or from another version of llmexam.
    """
    path = Path(folder) / CARD_FILE
    if not path.is_file():
        return None
    try:
        values = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        text = str(error).splitlines()[0]
        raise ModelError(f"cannot read the model card: {text}", file=path, hint=_AGAIN) from None
    if not isinstance(values, dict):
        raise ModelError("expected a mapping in the model card", file=path, hint=_AGAIN)
    return read_card_values(ModelCard, values, folder)


def read_card_values(
    kind: type[Told], values: Mapping[str, Any], folder: str | Path, *, field: str = ""
) -> Told:
    """Return values of a card, validated as settings.

    Args:
        kind: The class of the settings.
        values: Values in the card.
        folder: The model folder.
        field: Field of the card with these values; empty for the whole card.

    Raises:
        ModelError: A value is invalid; the error names the card.
    """
    try:
        return kind.parse(values, subject="the model card")
    except SettingsError as error:
        raise ModelError(
            error.message,
            file=Path(folder) / CARD_FILE,
            field=".".join(part for part in (field, error.field) if part) or None,
            hint=error.hint or _AGAIN,
        ) from None


def file_beside(folder: str | Path, name: str, *, field: str) -> Path:
    """Return a file in a model's folder that its card names.

    Args:
        folder: The model folder.
        name: File name in the card.
        field: Field of the card.

    Raises:
        ModelError: It is not a file inside the folder; links to outside are refused.
    """
    place = Path(folder)
    path = place / name
    # A card is untrusted and must not make us read other files of the user.
    inside = is_file_name(name) and path.is_file() and path.resolve().parent == place.resolve()
    if not inside:
        raise ModelError(
            f"names '{name}', which is not a file in the model folder",
            file=place / CARD_FILE,
            field=field,
            hint=_AGAIN,
        )
    return path


def is_file_name(name: str) -> bool:
    """Return whether a text is a file name without folders, on any system."""
    kinds = (PurePosixPath, PureWindowsPath)
    short = 0 < len(name.encode()) <= _LONGEST_NAME
    return short and name != ".." and all(kind(name).name == name for kind in kinds)


def write_card(folder: str | Path, card: ModelCard) -> None:
    """Write the card into a model's folder atomically."""
    write_text(Path(folder) / CARD_FILE, card.model_dump_json(indent=2) + "\n")


def inside_training(folder: Path) -> str | None:
    """Return a hint if a folder is a training folder that contains the model."""
    inside = folder / "model"
    if not (inside / CARD_FILE).is_file() and not (inside / "config.json").is_file():
        return None
    return f"This is the output folder of a training run; its model is in '{inside}'"


def require_family(folder: str | Path, card: ModelCard | None, family: str) -> ModelCard:
    """Return the card after checking its family.

    Raises:
        UntrainedModelError: There is no card, or the model was trained for another solver.
    """
    if card is None:
        raise UntrainedModelError(
            f"the model has no {CARD_FILE}, so it was not trained for solver '{family}'",
            file=folder,
            field="model",
            hint=inside_training(Path(folder)) or "Train one: llmexam train recipe.yaml",
        )
    if card.family != family:
        raise UntrainedModelError(
            f"expected a model trained for solver '{family}', got one for '{card.family}'",
            file=folder,
            field="model",
            hint=f"Use solver '{card.family}'",
        )
    return card
