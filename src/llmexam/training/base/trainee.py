"""The model at the start of a training: weights, head and trained parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.lm.readers.heads import MEAN_HEAD_FILE, HeadKind, Task
from llmexam.lm.readers.reader import Reader, load_reader
from llmexam.training.base.lora import apply_lora
from llmexam.training.base.optimiser import freeze
from llmexam.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Trainee:
    """The model at the start of a training.

    Attributes:
        source: The initial weights.
        tokenizer: The tokenizer.
        reader: The model, with adapters if there are any.
        head_names: Names of the modules of the head.
        new_head: Whether the head is newly initialised.
    """

    source: ModelFolder
    tokenizer: Any
    reader: Reader
    head_names: tuple[str, ...]
    new_head: bool


def load_encoder(
    model: str, settings: TrainingSettings, *, head: HeadKind, task: Task, max_tokens: int
) -> Trainee:
    """Load the model to train, with its trained head if it has one.

    Args:
        model: 'bundled', a local folder, or a Hugging Face name.
        settings: Freezing, adapters, dropout, and the seed of a new head.
        head: Type of the head.
        task: Task of the model's own head.
        max_tokens: Maximum length of sequences.

    Raises:
        ModelError: The weights are missing or unusable, or have a shorter context length.
        SettingsError: There are too few layers to freeze, or no such layers to adapt.
    """
    source = resolve_model(model)
    reader, new_head = _open_reader(source, settings, head, task)
    longest = longest_input(reader.config)
    if longest is not None and max_tokens > longest:
        raise ModelError(
            f"expected encoding.max_tokens of at most {longest}, the model's limit, "
            f"got {max_tokens}",
            file=source.path,
            hint=f"Set encoding.max_tokens to {longest} or less",
        )
    names = _prepare_reader(reader, settings)
    return Trainee(source, load_tokenizer(source), reader, names, new_head)


def _open_reader(
    source: ModelFolder, settings: TrainingSettings, head: HeadKind, task: Task
) -> tuple[Reader, bool]:
    """Return the reader of weights, and whether its head is newly initialised."""

    def load(new_head: bool) -> Reader:
        return load_reader(
            source,
            head=head,
            task=task,
            dropout=settings.dropout,
            new_head=new_head,
            seed=settings.seed,
        )

    if head == "mean":
        new_head = not (source.path / MEAN_HEAD_FILE).is_file()
        return load(new_head), new_head
    try:
        reader = load(False)
    except ModelError:
        # No head, or one of another shape; damaged weights raise again below.
        return load(True), True
    return (reader, False) if reader.n_outputs == 1 else (load(True), True)


def _prepare_reader(reader: Reader, settings: TrainingSettings) -> tuple[str, ...]:
    """Freeze and adapt a reader by its settings; return the module names of its head."""
    names: tuple[str, ...] = ("head",)
    if reader.head is None:
        body = reader.model.base_model_prefix
        names = (*(name for name, _ in reader.model.named_children() if name != body), "pooler")
    freeze(reader, settings)
    apply_lora(reader, settings, names)
    if settings.gradient_checkpointing:
        reader.gradient_checkpointing_enable()
    return names
