"""Questions as rows of a training, and as rows that score all answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmexam.lm.decoder import Continuation
from llmexam.training.keras_decoders.data import AnswerRow
from llmexam.training.prompts.examples import Examples


class LetterRows:
    """The training questions, each with its right answer; see `AnswerRows`.

    Args:
        examples: The examples.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self.n_tokens = examples.n_tokens
        self.n_targets = examples.n_targets

    def __len__(self) -> int:
        return len(self._examples)

    def draw(self, row: int, epoch: int) -> AnswerRow:
        """Return a question with its options in the order of an epoch."""
        (part,) = self._examples.draw(row, epoch).parts
        return AnswerRow.of(part.request.tokens, part.request.start)


def scored_rows(requests: Sequence[Continuation]) -> tuple[list[AnswerRow], list[list[int]]]:
    """Return rows that give the loss of each target of some requests, and where they are.

    Requests that differ in their last token only, as letters after one prompt do, share a row,
    because the states before that token are the same.

    Args:
        requests: Prompts with the answers to score.

    Returns:
        The rows, and for each of them the requests of its targets, one number per target.
    """
    rows: dict[tuple[int, ...], int] = {}
    found: list[tuple[list[int], list[int], list[int]]] = []
    for number, request in enumerate(requests):
        read = request.tokens[:-1]
        place = rows.setdefault(read, len(found))
        if place == len(found):
            found.append(([], [], []))
        at, targets, owners = found[place]
        at += range(request.start - 1, len(request.tokens) - 1)
        targets += request.targets
        owners += [number] * len(request.targets)
    made = [
        AnswerRow(*(np.array(one, dtype=np.int64) for one in (read, at, targets)))
        for read, (at, targets, _) in zip(rows, found, strict=True)
    ]
    return made, [owners for _, _, owners in found]
