"""Train a bi-encoder with sentence-transformers; the result is a folder of its making."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

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
from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.encoding.embedding import Embedder, load_embedder
from llmexam.lm.models.loading import ModelFolder, resolve_model
from llmexam.solvers.bi_encoder.encoding import closed_book_texts
from llmexam.solvers.bi_encoder.solver import BiEncoderSettings, BiEncoderSolver
from llmexam.tracking.tracker import Tracker
from llmexam.training.arguments import training_device
from llmexam.training.bi_encoder.rows import columns, contrasts
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings
from llmexam.training.checkpoint import finished_checkpoint
from llmexam.training.dev_metric import dev_values
from llmexam.training.finish import finish_training
from llmexam.training.hard_negatives import hard_negatives
from llmexam.training.loop import DevSet, run_training
from llmexam.training.lora import apply_lora, merge_lora
from llmexam.training.optimiser import create_optimiser, freeze, set_dropout
from llmexam.training.plain_states import PlainStates, library_arguments
from llmexam.training.protocol import Checkpoint, Estimate
from llmexam.training.states import is_first_process
from llmexam.training.undisturbed import undisturbed

FAMILY = "bi-encoder"


class _Trainer(PlainStates, SentenceTransformerTrainer):
    """The trainer of sentence-transformers, with small states."""


class BiEncoderTrainer:
    """Trains a bi-encoder on prompts, right options and wrong ones.

    The result loads as `model` of solver `bi-encoder` and of a dense index, and with
    `SentenceTransformer(folder)`.
    """

    settings_class = BiEncoderTrainingSettings

    def __init__(self, settings: BiEncoderTrainingSettings) -> None:
        self.settings = settings

    def fit(
        self,
        train: Exam,
        dev: Exam | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> Checkpoint:
        """Train, and leave the best weights in `folder`; see `Trainer.fit`."""
        if resume and (done := finished_checkpoint(folder)) is not None:
            return done
        settings = self.settings
        transformers.set_seed(settings.seed)
        base = resolve_model(settings.model)
        embedder = load_embedder(settings.model, precision="fp32", max_tokens=settings.max_tokens)
        rows, notes = make_rows(train, embedder, settings)
        model = load_model(base, embedder, settings)
        before = _grade(model, dev, embedder)
        apply_lora(model, settings, ())
        trainer = make_trainer(model, rows, settings, folder)
        told = None if dev is None else DevSet(dev, lambda: _score(model, dev))
        trained = run_training(trainer, folder, settings, tracker=tracker, dev=told, resume=resume)
        merge_lora(model)
        after = _grade(model, dev, embedder, trained.dev_scores)
        return finish_training(
            folder,
            trained,
            settings,
            lambda path: model.save_pretrained(str(path), create_model_card=False),
            source=base,
            told={
                "family": FAMILY,
                "encoding": {"max_tokens": embedder.max_tokens, "reads": settings.reads},
                "metrics": {"before": before, "after": after} if dev is not None else {},
            },
            card=card,
            notes=notes,
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return what training would take, from the data and a few timed steps."""
        from llmexam.training.bi_encoder.estimate import estimate

        return estimate(train, self.settings)


def make_trainer(
    model: SentenceTransformer, rows: Dataset, settings: BiEncoderTrainingSettings, folder: Path
) -> transformers.Trainer:
    """Return the trainer: sentence-transformers' loop and loss, our optimiser."""
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


def make_rows(
    train: Exam, embedder: Embedder, settings: BiEncoderTrainingSettings
) -> tuple[Dataset, tuple[str, ...]]:
    """Return the data set, and what a person should know of it.

    Raises:
        ExamError: No question can teach.
    """
    more = hard_negatives(train, settings.hard_negatives)
    found = contrasts(train.questions, embedder, settings, more)
    if not found:
        raise ExamError(
            "no question can be trained on",
            file=train.source or None,
            hint="Questions need answers" + (", and passages" * (settings.reads == "evidence")),
        )
    notes = []
    if len(found) < len(train):
        notes.append(
            f"{len(train) - len(found)} of {len(train)} training questions were left out: their "
            "prompt is negated, or 'all of the above' and its kin leave nothing to compare"
            + (", or they have no passages" if settings.reads == "evidence" else "")
        )
    return Dataset.from_dict(columns(found, settings)), tuple(notes)


def load_model(
    base: ModelFolder, embedder: Embedder, settings: BiEncoderTrainingSettings
) -> SentenceTransformer:
    """Return the model, reading as many tokens as the solver will."""
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
        # A pooler over the first token takes no part, and DDP waits for all that do.
        if ".pooler." in name:
            parameter.requires_grad_(False)
    freeze(model, settings)
    set_dropout(model, settings.dropout)
    return model


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


def _score(model: SentenceTransformer, exam: Exam) -> ScoreMatrix:
    """Return the scores that the solver gives with these weights: it reads them from a folder."""
    training = model.training
    plain = model
    if any(".base_layer." in name for name, _ in model.named_parameters()):
        # Adapters are no part of what a folder can hold.
        plain = copy.deepcopy(model)
        merge_lora(plain)
    with tempfile.TemporaryDirectory() as place:
        plain.save_pretrained(place, create_model_card=False)
        solver = BiEncoderSolver(BiEncoderSettings(model=place, precision="fp32"))
        found = solver.score(exam.questions)
    model.train(training)
    return found


def _grade(
    model: SentenceTransformer,
    dev: Exam | None,
    embedder: Embedder,
    scores: ScoreMatrix | None = None,
) -> dict[str, Any]:
    """Return the primary metric of the dev questions, and binary classification metrics."""
    if dev is None or not is_first_process():
        return {}
    with undisturbed():
        scores = scores or _score(model, dev)
        query, passage = (embedder.prefixes.get(kind, "") for kind in ("query", "passage"))
        texts = [closed_book_texts(question) for question in dev]
        evaluator = BinaryClassificationEvaluator(
            sentences1=[query + prompt for prompt, options in texts for _ in options],
            sentences2=[passage + option for _, options in texts for option in options],
            labels=[int(i == q.answer) for q in dev for i in range(len(q.options))],
            similarity_fn_names=["cosine"],
            write_csv=False,
        )
        found = evaluator(model)
    return {
        **dev_values(dev, scores),
        **{name: float(value) for name, value in found.items() if name.startswith("cosine_")},
    }
