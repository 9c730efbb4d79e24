"""Rewrites as rows of a training."""

from __future__ import annotations

from llmexam.training.keras_decoders.data import AnswerRow
from llmexam.training.rewrites.examples import Examples


class RewriteRows:
    """The rows of examples; see `AnswerRows`.

    Args:
        examples: The examples.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self.n_tokens = examples.n_tokens
        self.n_targets = examples.n_targets

    def __len__(self) -> int:
        return len(self._examples)

    def draw(self, row: int, epoch: int = 0) -> AnswerRow:
        """Return a row, which is the same in each epoch."""
        example = self._examples[row]
        return AnswerRow.of(example.ids, example.start)
