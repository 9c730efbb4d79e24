"""Training of a cross-encoder on lists of pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.cross_encoder import CrossEncoderTrainer as _LibraryTrainer
from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments, losses

from llmexam.lm.encoding.batching import token_batches
from llmexam.lm.readers.reader import Reader, TokenBatch
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.dev_set import DevItems
from llmexam.training.base.family import Prepared
from llmexam.training.base.library_trainer import SmallCheckpoints, library_arguments
from llmexam.training.base.lora import merge_lora
from llmexam.training.base.optimiser import create_optimiser
from llmexam.training.base.trainee import Trainee, load_encoder
from llmexam.training.pairs.lists import EncodedLists, columns
from llmexam.training.pairs.model import PairModel
from llmexam.training.pairs.settings import PairTrainingSettings

# Tokens of one pass when scoring: enough for all cores.
_BATCH_TOKENS = 2048


class PairTrainer(SmallCheckpoints, _LibraryTrainer):
    """The trainer of sentence-transformers, with small checkpoints."""


def load_trainee(settings: PairTrainingSettings, max_tokens: int) -> Trainee:
    """Return the model at the start of training; see `load_encoder`."""
    return load_encoder(
        settings.model,
        settings,
        head=settings.head,
        task="classification",
        max_tokens=max_tokens,
    )


def prepare(
    lists: EncodedLists,
    trainee: Trainee,
    settings: PairTrainingSettings,
    folder: Path,
    *,
    card: Mapping[str, Any],
    dev: DevItems | None = None,
    measure: Callable[[], dict[str, float]] = dict,
) -> Prepared:
    """Return model, data and loss for training on lists of pairs.

    Args:
        lists: What to train on.
        trainee: What training begins with.
        settings: How to train.
        folder: The folder of the training.
        card: Fields of the card that the family knows.
        dev: What to grade while training, to choose the best step.
        measure: Measures the present weights; called before and after.
    """
    notes: tuple[str, ...] = ()
    if lists.n_truncated:
        notes = (
            f"text of {lists.n_truncated} of {len(lists.lists)} training questions "
            f"was truncated ({lists.share_cut:.0%} of their tokens)",
        )
    return Prepared(
        make_trainer(trainee, lists, settings, folder),
        trainee.source,
        card={"head": settings.head, **card},
        save=trainee.reader.save,
        dev=dev,
        merge=lambda: merge_lora(trainee.reader),
        measure=measure,
        tokenizer=trainee.tokenizer,
        notes=notes,
    )


def make_trainer(
    trainee: Trainee, lists: EncodedLists, settings: PairTrainingSettings, folder: Path
) -> PairTrainer:
    """Return the trainer: sentence-transformers' loop and loss, our sequences and optimiser."""
    model = PairModel(trainee.reader, lists.sequences, training_device(settings.device))
    return PairTrainer(
        model=model,
        args=library_arguments(
            CrossEncoderTrainingArguments,
            # Gradient checkpointing was enabled on the reader; its wrapper does not support it.
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
        # All pairs of a list in one pass; by default the library limits pairs to the batch size.
        case "listnet":
            return losses.ListNetLoss(model, mini_batch_size=-1)
        case "lambda":
            return losses.LambdaLoss(model, mini_batch_size=-1)
        case "plistmle":
            return losses.PListMLELoss(model, mini_batch_size=-1)


class LiveScorer:
    """Scores sequences under the current weights.

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
        """Return the scores of each list; leaves the reader in evaluation mode."""
        self._reader.eval()
        sequences = self._lists.sequences
        lengths = np.array([len(one.ids) for one in sequences], dtype=np.int64)
        # Longest first, so that a lack of memory shows at once.
        order = np.argsort(-lengths, kind="stable")
        scores = np.zeros(len(sequences), dtype=np.float32)
        for chosen in token_batches(order, lengths, _BATCH_TOKENS, pads=self._reader.pads):
            batch = TokenBatch.of([sequences[i] for i in chosen]).to(self._device)
            with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
                logits = self._reader(batch.ids, batch.types, batch.lengths)
            scores[chosen] = logits[:, 0].float().cpu().numpy()
        return list(np.split(scores, self._lists.starts[1:]))
