"""Language models asked as they are: without examples, or with examples from training rows."""

from __future__ import annotations

from collections.abc import Sequence

from llmexam.recovery.examples import ExamplePool, ExampleSettings
from llmexam.recovery.prompting import Example
from llmexam.recovery.recoverer import Progress, no_progress
from llmexam.recovery.recoverers.language_model import (
    LanguageModelRecoverer,
    LanguageModelSettings,
)
from llmexam.recovery.rewrites import RewriteExam


class ZeroShotLm(LanguageModelRecoverer):
    """Asks a language model without examples."""

    def shots(self, part: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return no examples."""
        return [()] * len(part)


class FewShotSettings(LanguageModelSettings, ExampleSettings):
    """Settings of `few-shot-lm`."""


class FewShotLm(LanguageModelRecoverer):
    """Asks a language model with examples from training rows, each with another prompt."""

    settings_class = FewShotSettings
    is_fitted = True

    @property
    def _uses_embedder(self) -> bool:
        return super()._uses_embedder or self.settings.shots == "nearest"

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Choose the examples, or embed what they are chosen by.

        Raises:
            ExamError: A prompt is not known, or there are too few distinct prompts.
        """
        settings = self.settings
        self._pool = ExamplePool(train, settings, embedder=settings.embedder, seed=settings.seed)

    def shots(self, part: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return the examples of each row."""
        return self._pool.choose(part)
