"""The model that is trained: the reader of some weights, frozen and adapted as the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.lm.readers.reader import Reader
from llmexam.training.multiple_choice.objective import ChoiceModel
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.trained_reader import open_reader, prepare_reader


@dataclass(frozen=True, slots=True)
class Trainee:
    """What a training begins with.

    Attributes:
        source: The weights.
        tokenizer: Their tokenizer.
        reader: The reader, with adapters if there are any.
        model: The reader as the Trainer sees it.
        head_names: Names of the modules of the head.
        new_head: Whether the head was drawn, so that it must be trained.
    """

    source: ModelFolder
    tokenizer: Any
    reader: Reader
    model: ChoiceModel
    head_names: tuple[str, ...]
    new_head: bool


def load_trainee(settings: MultipleChoiceTrainingSettings) -> Trainee:
    """Return what a training begins with; a head that was trained before is trained further.

    Raises:
        ModelError: The weights cannot be found or used, or read fewer tokens than asked for.
        SettingsError: There are not so many layers to freeze, or no such layers to adapt.
    """
    source = resolve_model(settings.model)
    tokenizer = load_tokenizer(source)
    reader, new_head = open_reader(source, settings, head=settings.head, task="multiple-choice")
    _check_length(source, reader, settings.encoding.max_tokens)
    names = prepare_reader(reader, settings)
    return Trainee(source, tokenizer, reader, ChoiceModel(reader), names, new_head)


def _check_length(source: ModelFolder, reader: Reader, max_tokens: int) -> None:
    longest = longest_input(reader.config)
    if longest is not None and max_tokens > longest:
        raise ModelError(
            f"the model reads {longest} tokens, but encoding.max_tokens is {max_tokens}",
            file=source.path,
            hint=f"Set encoding.max_tokens to {longest} or less",
        )
