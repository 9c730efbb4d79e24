"""A tiny reader in a plain Trainer, for the mechanics of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from torch.utils.data import Dataset

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.training.base.arguments import training_arguments
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.losses import choice_objective
from llmexam.training.base.optimiser import create_optimiser, freeze, set_dropout
from llmexam.training.settings import TrainingSettings

N_OPTIONS, N_TOKENS, N_WORDS = 5, 6, 40
HEAD = ("classifier",)


def tiny_model(seed: int = 0, *, dropout: float = 0.1) -> Any:
    """A two-layer BERT with a head for multiple choice, random but always the same."""
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=N_WORDS,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=N_TOKENS,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return transformers.BertForMultipleChoice(config)


class TinyRows(Dataset):  # type: ignore[type-arg]
    """Questions of random tokens; the right option holds token 1."""

    def __init__(self, n_questions: int, seed: int = 0) -> None:
        draw = torch.Generator().manual_seed(seed)
        shape = (n_questions, N_OPTIONS, N_TOKENS)
        self.ids = torch.randint(2, N_WORDS, shape, generator=draw)
        self.labels = torch.randint(0, N_OPTIONS, (n_questions,), generator=draw)
        self.ids[torch.arange(n_questions), self.labels, 0] = 1

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        ids = self.ids[index]
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "labels": self.labels[index],
        }

    @property
    def exam(self) -> Exam:
        options = tuple("abcde")
        return Exam(
            tuple(Question(str(i), "?", options, int(label)) for i, label in enumerate(self.labels))
        )


def tiny_trainer(
    model: Any, folder: Path, settings: TrainingSettings, n_questions: int = 16, **more: Any
) -> transformers.Trainer:
    freeze(model, settings)
    set_dropout(model, settings.dropout)
    return transformers.Trainer(
        model,
        training_arguments(settings, folder, remove_unused_columns=False),
        train_dataset=TinyRows(n_questions),
        compute_loss_func=choice_objective("softmax", settings.label_smoothing),
        optimizers=(create_optimiser(model, settings, HEAD), None),
        **more,
    )


def tiny_dev(model: Any, n_questions: int = 12) -> DevSet:
    rows = TinyRows(n_questions, seed=1)

    @torch.no_grad()
    def score() -> ScoreMatrix:
        model.eval()
        logits = model(input_ids=rows.ids).logits
        return ScoreMatrix.from_rows(rows.exam.ids, logits.float().numpy())

    return DevSet(rows.exam, score)


def settings(**values: Any) -> TrainingSettings:
    given = {
        "batch_size": 4,
        "n_epochs": 2,
        "learning_rate": 5e-3,
        "precision": "fp32",
        "device": "cpu",
        "log_every": 1,
        "warmup_ratio": 0.0,
        **values,
    }
    return TrainingSettings.parse(given, subject="test")


class Told:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []

    def start(self, name: str, settings: Any) -> None: ...

    def log(self, step: int, values: Any) -> None:
        self.points.append((step, dict(values)))

    def add_file(self, path: Path) -> None: ...

    def finish(self) -> None: ...
