"""Step `length`: drop documents that are too short, too long, or contain too few letters."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from llmexam.collecting.cleaning.step import Cleaner, Outcome, Part, Step
from llmexam.collecting.document import Document


class LengthStep(Step):
    """Drops documents by their number of words or characters, or by the share of letters."""

    min_words: int = Field(default=5, ge=0, description="fewest words, separated by spaces")
    max_words: int | None = Field(default=None, ge=1, description="most words")
    min_characters: int = Field(default=0, ge=0, description="fewest characters")
    max_characters: int | None = Field(default=None, ge=1, description="most characters")
    min_letters: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="smallest share of letters among the non-blank characters, such as 0.5",
    )
    max_digits: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="largest share of digits among the non-blank characters, such as 0.3",
    )

    @model_validator(mode="after")
    def _require_order(self) -> Self:
        for unit in ("words", "characters"):
            fewest, most = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if most is not None and most < fewest:
                raise ValueError(f"expected max_{unit} of at least min_{unit}, got {most}")
        return self

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner."""
        return _LengthCleaner(self)


class _LengthCleaner:
    def __init__(self, step: LengthStep) -> None:
        self._step = step

    def clean(self, document: Document, row: int) -> Outcome:
        return Outcome(document.text, dropped=self._reason(document.text))

    def _reason(self, text: str) -> str:
        step = self._step
        n_words = len(text.split())
        n_solid = 0
        checks_shares = step.min_letters > 0 or step.max_digits < 1
        if checks_shares:
            solid = "".join(text.split())
            n_solid = len(solid)
        if n_words < step.min_words:
            return "too few words"
        if step.max_words is not None and n_words > step.max_words:
            return "too many words"
        if len(text) < step.min_characters:
            return "too few characters"
        if step.max_characters is not None and len(text) > step.max_characters:
            return "too many characters"
        if not checks_shares or not n_solid:
            return ""
        if sum(map(str.isalpha, solid)) < step.min_letters * n_solid:
            return "too few letters"
        if sum(map(str.isdigit, solid)) > step.max_digits * n_solid:
            return "too many digits"
        return ""
