"""Training questions, assembled without padding for each pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.training.base.batching import Draw
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.hard_negatives import hard_negatives
from llmexam.training.multiple_choice.curriculum import difficulties
from llmexam.training.multiple_choice.distillation import Teacher
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.option_sequences import Tokens, encode
from llmexam.training.preflight import require_trainable, without_repeats
from llmexam.training.variation import Variation, vary


class ChoiceData:
    """The training questions; assembles the inputs of each pass.

    Attributes:
        questions: The questions; more wrong options stand behind their own.
        answers: Indices of the right options, shape `[n_questions]`.
        read: Their options as tokens.
        bare: The same without evidence; None where evidence is never left out.
        teacher: Soft labels; None without distillation.
        difficulty: Difficulties for a curriculum, shape `[n_questions]`; None without one.
    """

    def __init__(
        self, exam: Exam, settings: MultipleChoiceTrainingSettings, tokenizer: Any
    ) -> None:
        require_trainable(exam)
        used = without_repeats(exam) if settings.drop_repeats else exam
        more = hard_negatives(used, settings.hard_negatives)
        self.questions = [_with_options(q, own) for q, own in zip(used, more, strict=True)]
        self.answers = used.answers
        self.read = encode(self.questions, settings.encoding, tokenizer)
        self.bare = None
        if settings.evidence_dropout and any(q.passages for q in self.questions):
            blind = [q.with_passages(()) for q in self.questions]
            self.bare = encode(blind, settings.encoding, tokenizer)
        self.teacher = None
        if settings.distillation is not None:
            self.teacher = Teacher(self.questions, settings.distillation)
        self.difficulty = None
        if settings.curriculum is not None:
            self.difficulty = difficulties(self.questions, settings.curriculum, self.read.n_tokens)
        self._settings = settings

    def __len__(self) -> int:
        return len(self.questions)

    def collate(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """Return the model inputs of one pass, with `labels`, shape `[n_questions]`."""
        tokens: list[Tokens] = []
        orders, labels = [], []
        for draw in draws:
            how, sequences = self._vary(draw)
            tokens += sequences
            orders.append(how.order)
            labels.append(how.answer if draw.counts else NO_LABEL)
        inputs = pack(tokens, [len(order) for order in orders])
        if self.teacher is not None:
            soft = self.teacher.labels([draw.row for draw in draws], orders)
            inputs["soft_labels"] = torch.from_numpy(soft)
        return inputs | {"labels": torch.tensor(labels)}

    def _vary(self, draw: Draw) -> tuple[Variation, list[Tokens]]:
        n_options = int(self.read.n_options[draw.row])
        how = vary(
            n_options, int(self.answers[draw.row]), self._settings, epoch=draw.epoch, row=draw.row
        )
        source = self.read if how.with_evidence or self.bare is None else self.bare
        start = int(source.first[draw.row])
        return how, [source.tokens(start + int(option)) for option in how.order]


def pack(tokens: Sequence[Tokens], n_options: Sequence[int]) -> dict[str, Any]:
    """Return the concatenated options of questions, as input of `ChoiceModel`.

    They are sorted by length, because attention runs once per run of equal lengths.

    Args:
        tokens: Ids and types of each option, question after question.
        n_options: Options of each question.
    """
    width = max(n_options)
    cells = [row * width + place for row, n in enumerate(n_options) for place in range(n)]
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i][0]))
    ids = np.concatenate([tokens[i][0] for i in order])
    types = np.concatenate([tokens[i][1] for i in order])
    return {
        "ids": torch.from_numpy(ids.astype(np.int64)),
        "types": torch.from_numpy(types.astype(np.int64)),
        "lengths": [len(tokens[i][0]) for i in order],
        "cells": torch.tensor([cells[i] for i in order]),
        "shape": (len(n_options), width),
    }


def _with_options(question: Question, more: Sequence[str]) -> Question:
    return replace(question, options=(*question.options, *more)) if more else question
