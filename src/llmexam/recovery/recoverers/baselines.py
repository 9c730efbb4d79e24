"""Baselines: a copy of the original text, and one constant prompt."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.recoverer import Progress, Recoverer, Recovery, no_progress
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.base import Settings


class Copy(Recoverer):
    """Answers with the original text."""

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return the original texts."""
        return [Recovery(row.original) for row in items]


class ConstantSettings(Settings):
    """Settings of `constant`."""

    text: str = Field(COMMON[0], min_length=1, description="the prompt given for every row")


class Constant(Recoverer):
    """Answers every row with the same prompt."""

    settings_class = ConstantSettings

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return the prompt for each row."""
        return [Recovery(self.settings.text)] * len(items)
