"""Training questions as tokens: encoded once, assembled without padding for each pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.solvers.readers.encoding import EncodingSettings, encode_questions
from llmexam.training.base.batching import Draw
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.hard_negatives import hard_negatives
from llmexam.training.multiple_choice.curriculum import difficulties
from llmexam.training.multiple_choice.distillation import Teacher
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.multiple_choice.variation import Variation, vary
from llmexam.training.preflight import require_trainable, without_repeats

Tokens = tuple[NDArray[np.int32], NDArray[np.int8]]

# Questions encoded at a time: tokens as Python numbers take ten times the memory of an array.
_QUESTIONS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Sequences:
    """The options of all questions as concatenated tokens.

    Attributes:
        ids: Token ids, shape `[n_tokens]`.
        types: Types of the tokens, shape `[n_tokens]`.
        ends: Where each sequence ends in these, shape `[n_sequences + 1]`; it begins with 0.
        first: The first sequence of each question, shape `[n_questions + 1]`.
        n_cut: Tokens of the evidence that were left out, shape `[n_sequences]`.
        n_first: Tokens of the text that may be cut, before, shape `[n_sequences]`.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.int8]
    ends: NDArray[np.int64]
    first: NDArray[np.int64]
    n_cut: NDArray[np.int64]
    n_first: NDArray[np.int64]

    @property
    def n_options(self) -> NDArray[np.int64]:
        """Number of options of each question, shape `[n_questions]`."""
        return np.diff(self.first)

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """Tokens of each question, shape `[n_questions]`."""
        return np.diff(self.ends[self.first])

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether evidence was truncated for an option of the question, shape `[n_questions]`."""
        cuts = np.concatenate([[0], np.cumsum(self.n_cut > 0)])
        return np.diff(cuts[self.first]) > 0

    def tokens(self, sequence: int) -> Tokens:
        """Return ids and types of one sequence."""
        start, end = self.ends[sequence], self.ends[sequence + 1]
        return self.ids[start:end], self.types[start:end]


def encode(questions: Sequence[Question], settings: EncodingSettings, tokenizer: Any) -> Sequences:
    """Return the tokens of all options of all questions.

    Args:
        questions: The questions, with evidence.
        settings: How a question becomes tokens.
        tokenizer: A fast tokenizer of transformers.
    """
    ids, types, lengths, counts, cuts, firsts = [], [], [], [], [], []
    for start in range(0, len(questions), _QUESTIONS_AT_ONCE):
        part = encode_questions(questions[start : start + _QUESTIONS_AT_ONCE], settings, tokenizer)
        counts += [len(question.options) for question in part]
        pairs = [pair for question in part for pair in question.options]
        ids += [np.array(pair.ids, dtype=np.int32) for pair in pairs]
        types += [np.array(pair.types, dtype=np.int8) for pair in pairs]
        lengths += [len(pair.ids) for pair in pairs]
        cuts += [pair.n_cut for pair in pairs]
        firsts += [pair.n_first for pair in pairs]
    return Sequences(
        np.concatenate([np.zeros(0, np.int32), *ids]),
        np.concatenate([np.zeros(0, np.int8), *types]),
        _sums(lengths),
        _sums(counts),
        np.array(cuts, dtype=np.int64),
        np.array(firsts, dtype=np.int64),
    )


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


def _sums(counts: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
