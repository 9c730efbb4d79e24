"""What scores groups of continuations: a model in memory, or one read layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from llmexam.lm.decoder.batches import Work
from llmexam.lm.decoder.requests import Group, LogProbs
from llmexam.lm.models.loading import ModelFolder


class GroupScorer(Protocol):
    """Scores groups of continuations with one model.

    Attributes:
        work: What went through the model so far.
        whole_exam: Whether a call costs about the same for many groups as for few.
    """

    work: Work
    whole_exam: bool

    @property
    def folder(self) -> ModelFolder | None:
        """Where the model is from; None for one made in memory."""
        ...

    @property
    def computes(self) -> str:
        """What decides its numbers beside the weights, such as `bfloat16`."""
        ...

    @property
    def longest(self) -> int | None:
        """Tokens the model reads at most; None where it sets no limit."""
        ...

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        ...

    def score(
        self, groups: Sequence[Group], *, progress: Callable[[int], None] | None = None
    ) -> list[list[LogProbs]]:
        """Return the log-probabilities of the asked-for tokens of each request of each group."""
        ...
