"""Check `meaning`: distractors are neither far from the right option in meaning nor equal to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from llmexam.authoring.item import AuthoredItem
from llmexam.evidence.encoder import Encoder
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef


class MeaningSettings(Settings):
    """Settings of check `meaning`."""

    model: ModelRef = Field(
        "bundled", description="bi-encoder: 'bundled', a local folder, or a Hugging Face name"
    )
    min_cosine: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="smallest cosine similarity of a distractor and the right option",
    )
    max_cosine: float = Field(0.95, ge=-1, le=1, description="largest such similarity")


class MeaningCheck:
    """Rejects questions with a distractor of unrelated or of the same meaning.

    It suits terms and short phrases. Statements that differ in one word have a cosine near 1, even
    if they contradict each other. Needs the extra `encoders`.
    """

    name = "meaning"
    rejects = True

    def __init__(self, settings: MeaningSettings | None = None) -> None:
        self.settings = settings or MeaningSettings()
        self._encoder: Encoder | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the model."""
        return {"settings": self.settings, "_encoder": None}

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        texts = sorted({option for item in items for option in item.question.options})
        if not texts:
            return []
        vectors = self._load().encode(texts)
        at = {text: row for row, text in enumerate(texts)}
        reasons: list[str | None] = []
        for item in items:
            rows = [at[option] for option in item.question.options]
            reasons.append(self._judge(item, vectors[rows]))
        return reasons

    def _judge(self, item: AuthoredItem, vectors: Any) -> str | None:
        answer = item.question.answer
        if answer is None:
            return None
        cosines = vectors @ vectors[answer]
        for index, (option, cosine) in enumerate(zip(item.question.options, cosines, strict=True)):
            if index == answer:
                continue
            if cosine < self.settings.min_cosine:
                return f"'{option}' is unrelated to the right option (cosine {cosine:.2f})"
            if cosine > self.settings.max_cosine:
                return f"'{option}' means the same as the right option (cosine {cosine:.2f})"
        return None

    def _load(self) -> Encoder:
        if self._encoder is None:
            self._encoder = load_embedder(self.settings.model)
        return self._encoder
