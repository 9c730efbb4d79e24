"""Step `language`: keep documents in the wanted languages, identified by py3langid."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Any

from pydantic import Field

from llmexam.collecting.cleaning.step import Cleaner, Outcome, Part, Step
from llmexam.collecting.document import Document
from llmexam.errors import MissingDependencyError, SettingsError, nearest
from llmexam.settings.base import OneOrMany

# From the beginning of a word on: text without spaces is read once.
_ADDRESS = re.compile(r"(?<!\S)\S*(?:://|www\.)\S*")
_WORD = re.compile(r"[^\W\d_]{3,}")


class LanguageStep(Step):
    """Drops documents whose wanted languages are improbable in sum.

    Texts of few letters, such as formulas and lists of names, are kept, because the identification
    is not reliable for them.
    """

    packages = ("py3langid",)

    keep: OneOrMany[str] = Field(default=("en",), description="ISO 639-1 codes of the languages")
    min_confidence: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="smallest probability of the wanted languages in sum; texts in other languages "
        "are far below 0.001, lists of names and formulas often between 0.1 and 0.5",
    )
    min_letters: int = Field(
        default=50,
        ge=0,
        description="texts with fewer letters in words of three letters or more are kept without "
        "identification",
    )

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner."""
        return _LanguageCleaner(self)

    def check(self) -> None:
        """Check that py3langid is installed and knows the languages."""
        known = {language for language, _ in _identifier().rank("text")}
        for language in self.keep:
            if language not in known:
                raise SettingsError(
                    f"unknown language '{language}'", field="keep", hint=nearest(language, known)
                )


class _LanguageCleaner:
    def __init__(self, step: LanguageStep) -> None:
        self._step = step
        self._keep = frozenset(step.keep)
        self._identifier = _identifier()

    def clean(self, document: Document, row: int) -> Outcome:
        text = document.text
        if sum(map(len, _WORD.findall(_ADDRESS.sub(" ", text)))) < self._step.min_letters:
            return Outcome(text)
        best, probability = self._identifier.classify(text)
        if best in self._keep and probability >= self._step.min_confidence:
            return Outcome(text)
        wanted = sum(p for language, p in self._identifier.rank(text) if language in self._keep)
        if wanted >= self._step.min_confidence:
            return Outcome(text)
        return Outcome(text, dropped=f"language {best}", detail=f"{best} {probability:.2f}")


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Return the language identifier; loading it takes a moment, so each process has one."""
    try:
        module = import_module("py3langid.langid")
    except ImportError:
        raise MissingDependencyError("identifying languages", "py3langid", "collect") from None
    return module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)
