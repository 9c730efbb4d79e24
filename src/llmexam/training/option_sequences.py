"""Options of questions as tokens: encoded once, and concatenated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.solvers.readers.encoding import EncodingSettings, encode_questions

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


def reading_notes(read: Sequences, n_given: int) -> tuple[str, ...]:
    """Return what a person should know of the training questions: truncation and duplicates.

    Args:
        read: The questions that are trained on.
        n_given: Number of questions with their duplicates.
    """
    notes = []
    n_questions = len(read.n_options)
    if (n_cut := int(read.truncated.sum())) > 0:
        share = read.n_cut.sum() / max(1, read.n_first.sum())
        notes.append(
            f"evidence of {n_cut} of {n_questions} training questions was truncated "
            f"({share:.0%} of its tokens)"
        )
    if n_questions < n_given:
        notes.append(f"{n_given - n_questions} duplicate training questions were skipped")
    return tuple(notes)


def _sums(counts: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
