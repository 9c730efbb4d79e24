"""Model, loss and Trainer of sentence-transformers."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.sentence_transformer import losses

from llmexam.lm.encoding.embedding import Embedder
from llmexam.lm.models.loading import ModelFolder
from llmexam.training.base.arguments import training_device
from llmexam.training.base.library_trainer import SmallCheckpoints, library_arguments
from llmexam.training.base.optimiser import create_optimiser, freeze, set_dropout
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings


class _Trainer(SmallCheckpoints, SentenceTransformerTrainer):
    """The trainer of sentence-transformers, with small checkpoints."""


def load_model(
    base: ModelFolder, embedder: Embedder, settings: BiEncoderTrainingSettings
) -> SentenceTransformer:
    """Return the model, with the context length that the solver uses."""
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = SentenceTransformer(
        str(base.path),
        device=training_device(settings.device),
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"dtype": torch.float32, "use_safetensors": True},
    )
    model.max_seq_length = embedder.max_tokens
    for name, parameter in model.named_parameters():
        # The pooler over the first token is unused, and DDP would wait for its gradient.
        if ".pooler." in name:
            parameter.requires_grad_(False)
    freeze(model, settings)
    set_dropout(model, settings.dropout)
    return model


def make_trainer(
    model: SentenceTransformer, rows: Dataset, settings: BiEncoderTrainingSettings, folder: Path
) -> transformers.Trainer:
    """Return a Trainer with sentence-transformers' loop and loss and our optimiser."""
    distinct = settings.over_lists and settings.distinct_texts
    return _Trainer(
        model=model,
        args=library_arguments(
            SentenceTransformerTrainingArguments,
            settings,
            folder,
            batch_sampler=BatchSamplers.NO_DUPLICATES if distinct else BatchSamplers.BATCH_SAMPLER,
        ),
        train_dataset=rows,
        loss=_loss(model, settings),
        optimizers=(create_optimiser(model, settings, ()), None),  # type: ignore[arg-type]
    )


def _loss(model: SentenceTransformer, settings: BiEncoderTrainingSettings) -> torch.nn.Module:
    match settings.loss:
        case "multiple-negatives":
            return losses.MultipleNegativesRankingLoss(model, scale=settings.scale)
        case "cached-multiple-negatives":
            return losses.CachedMultipleNegativesRankingLoss(
                model, scale=settings.scale, mini_batch_size=settings.mini_batch_size
            )
        case "contrastive":
            return losses.ContrastiveLoss(model, margin=settings.margin)
        case "cosent":
            return losses.CoSENTLoss(model, scale=settings.scale)
        case "cosine":
            return losses.CosineSimilarityLoss(model)
