"""The mean prompt: one text with the highest mean score over known prompts, found by search."""

from __future__ import annotations

from collections.abc import Sequence

from llmexam.recovery.embeddings import EmbedderSettings
from llmexam.recovery.phrase_search import SearchResult, SearchSettings, search_mean_prompt
from llmexam.recovery.recoverer import Progress, Recoverer, Recovery, no_progress
from llmexam.recovery.rewrites import RewriteExam


class MeanPromptSettings(SearchSettings, EmbedderSettings):
    """Settings of `mean-prompt`."""


class MeanPrompt(Recoverer):
    """Answers every row with the text that scores best on average over the training prompts.

    Attributes:
        result: What the search found; None before `fit`.
    """

    settings_class = MeanPromptSettings
    is_fitted = True
    extra = "encoders"
    package = "torch"
    result: SearchResult | None = None

    @property
    def weights_hash(self) -> str:
        """Hash of the embedder."""
        found: str = self.settings.vectors.embedder.weights_hash
        return found

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Search for the text on the prompts of the training rows."""
        settings = self.settings
        self.result = search_mean_prompt(train.prompts, settings.vectors, settings, progress)

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return the text for each row."""
        if self.result is None:
            raise RuntimeError("fit must be called before recover")
        return [Recovery(self.result.text, confidence=self.result.score)] * len(items)
