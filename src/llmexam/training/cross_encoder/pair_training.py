"""One training of a cross-encoder on lists of pairs, whatever the pairs are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.cross_encoder import CrossEncoderTrainer as _LibraryTrainer
from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments, losses

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input, token_batches
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.lm.readers.reader import Reader, TokenBatch
from llmexam.training.arguments import training_device, training_precision
from llmexam.training.cross_encoder.lists import EncodedLists, columns
from llmexam.training.cross_encoder.pair_model import PairModel
from llmexam.training.cross_encoder.settings import PairTrainingSettings
from llmexam.training.optimiser import create_optimiser
from llmexam.training.plain_states import PlainStates, library_arguments
from llmexam.training.trained_reader import open_reader, prepare_reader

# Tokens of one pass when scoring: enough to keep all cores busy.
_BATCH_TOKENS = 2048


class PairTrainer(PlainStates, _LibraryTrainer):
    """The trainer of sentence-transformers, with small states."""


@dataclass(frozen=True, slots=True)
class Trainee:
    """What a training begins with.

    Attributes:
        source: The weights.
        tokenizer: Their tokenizer.
        reader: The model, with adapters if there are any.
        head_names: Names of the modules of the head.
        new_head: Whether the head was drawn.
    """

    source: ModelFolder
    tokenizer: Any
    reader: Reader
    head_names: tuple[str, ...]
    new_head: bool


def load_trainee(settings: PairTrainingSettings, max_tokens: int) -> Trainee:
    """Return what a training begins with; a head that was trained before is trained further.

    Raises:
        ModelError: The weights cannot be found or used, or read fewer tokens than asked for.
        SettingsError: There are not so many layers to freeze, or no such layers to adapt.
    """
    source = resolve_model(settings.model)
    reader, new_head = open_reader(source, settings, head=settings.head, task="classification")
    longest = longest_input(reader.config)
    if longest is not None and max_tokens > longest:
        raise ModelError(
            f"the model reads {longest} tokens, but encoding.max_tokens is {max_tokens}",
            file=source.path,
            hint=f"Set encoding.max_tokens to {longest} or less",
        )
    names = prepare_reader(reader, settings)
    return Trainee(source, load_tokenizer(source), reader, names, new_head)


def make_trainer(
    trainee: Trainee, lists: EncodedLists, settings: PairTrainingSettings, folder: Path
) -> PairTrainer:
    """Return the trainer: sentence-transformers' loop and loss, our sequences and optimiser."""
    model = PairModel(trainee.reader, lists.sequences, training_device(settings.device))
    return PairTrainer(
        model=model,
        args=library_arguments(
            CrossEncoderTrainingArguments,
            # The reader was told of it when it was made; the model around it cannot be.
            settings.model_copy(update={"gradient_checkpointing": False}),
            folder,
            batch_sampler=BatchSamplers.BATCH_SAMPLER,
        ),
        train_dataset=Dataset.from_dict(columns(lists, settings)),
        loss=_loss(model, lists, settings),
        optimizers=(create_optimiser(model, settings, trainee.head_names), None),  # type: ignore[arg-type]
    )


def _loss(model: PairModel, lists: EncodedLists, settings: PairTrainingSettings) -> torch.nn.Module:
    match settings.loss:
        case "binary":
            labels = [label for own in lists.lists for label in own.labels]
            balance = (len(labels) - sum(labels)) / max(1, sum(labels))
            weight = settings.positive_weight or balance
            return losses.BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(weight))
        # A list's pairs in one pass: without, the library takes as many pairs as lists.
        case "listnet":
            return losses.ListNetLoss(model, mini_batch_size=-1)
        case "lambda":
            return losses.LambdaLoss(model, mini_batch_size=-1)
        case "plistmle":
            return losses.PListMLELoss(model, mini_batch_size=-1)


class LiveScorer:
    """Scores sequences by the weights that are being trained.

    Args:
        reader: The model.
        lists: What is scored.
        settings: Where and in which precision.
    """

    def __init__(self, reader: Reader, lists: EncodedLists, settings: PairTrainingSettings) -> None:
        self._reader = reader
        self._lists = lists
        device = training_device(settings.device)
        self._device = torch.device(device)
        precision = training_precision(settings.precision, device)
        self._dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)

    @torch.no_grad()
    def score(self) -> list[NDArray[np.float32]]:
        """Return the scores of each list; the reader is in evaluation mode after."""
        self._reader.eval()
        sequences = self._lists.sequences
        lengths = np.array([len(one.ids) for one in sequences], dtype=np.int64)
        # Longest first: if memory is too small, it shows at once.
        order = np.argsort(-lengths, kind="stable")
        scores = np.zeros(len(sequences), dtype=np.float32)
        for chosen in token_batches(order, lengths, _BATCH_TOKENS, pads=self._reader.pads):
            batch = TokenBatch.of([sequences[i] for i in chosen]).to(self._device)
            with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
                logits = self._reader(batch.ids, batch.types, batch.lengths)
            scores[chosen] = logits[:, 0].float().cpu().numpy()
        return list(np.split(scores, self._lists.starts[1:]))
