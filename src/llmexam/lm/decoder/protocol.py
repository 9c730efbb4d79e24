"""Interface of scorers of continuations, for models in memory and streamed models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from llmexam.lm.decoder.batches import Work
from llmexam.lm.decoder.requests import Group, LogProbs
from llmexam.lm.models.loading import ModelFolder


class GroupScorer(Protocol):
    """Scores groups of continuations with one model.

    Attributes:
        work: Tokens and passes computed so far.
        whole_exam: Whether all groups should be scored in one call.
    """

    work: Work
    whole_exam: bool

    @property
    def folder(self) -> ModelFolder | None:
        """Folder of the model; None for one created in memory."""
        ...

    @property
    def computes(self) -> str:
        """Arithmetic that results depend on, such as `bfloat16`."""
        ...

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        ...

    @property
    def tokenizer(self) -> Any:
        """Tokenizer of the model."""
        ...

    def score(
        self, groups: Sequence[Group], *, progress: Callable[[int], None] | None = None
    ) -> list[list[LogProbs]]:
        """Return the log-probabilities of the target tokens of each request, by group."""
        ...
