"""Step `boilerplate`: remove lines that rules recognise, or that many documents repeat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import Field, field_validator

from llmexam.collecting.cleaning.boilerplate_rules import COMPILED, INLINE_CREDIT, RULES
from llmexam.collecting.cleaning.counting import Keys, frequent_keys
from llmexam.collecting.cleaning.step import Arrays, Cleaner, CorpusStep, Observed, Outcome, Part
from llmexam.collecting.document import Document
from llmexam.errors import nearest
from llmexam.evidence.seen import hash_texts
from llmexam.exam.normalise import normalise
from llmexam.settings.base import OneOrMany

_REPEATED = "repeated.npy"


class BoilerplateStep(CorpusStep):
    """Removes lines. A document of which no line is left is dropped.

    Rules: `navigation`, `cookies`, `copyright`, `exercises`, `captions`, `credits`, `contents` and
    `empty`.
    """

    rules: OneOrMany[str] = Field(
        default=tuple(RULES), description=f"rules to use, of {', '.join(RULES)}"
    )
    patterns: dict[str, str] = Field(
        default_factory=dict,
        description="further rules: a name and a regular expression for a whole line",
    )
    repeated_in: int = Field(
        default=10,
        ge=0,
        description="remove lines that at least this many documents contain, case and punctuation "
        "ignored; 0 keeps repeated lines",
    )
    repeated_min_words: int = Field(
        default=3, ge=1, description="lines with fewer words may be repeated, such as headings"
    )

    @field_validator("rules")
    @classmethod
    def _require_known_rules(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for name in rules:
            if name not in RULES:
                raise ValueError(f"unknown rule '{name}'. {nearest(name, RULES)}")
        return rules

    @field_validator("patterns")
    @classmethod
    def _require_patterns(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{name}' is no valid regular expression: {error}") from None
        return patterns

    @field_validator("repeated_in")
    @classmethod
    def _require_more_than_one(cls, value: int) -> int:
        if value == 1:
            raise ValueError("expected 0 or at least 2 documents, got 1")
        return value

    def needs_corpus(self) -> bool:
        """Return whether repeated lines are removed."""
        return self.repeated_in > 0

    def observe(self, texts: Sequence[str]) -> Arrays:
        """Return the keys of the lines of all texts; a line counts once in each text."""
        keys = [hash_texts(sorted(self._line_keys(text))) for text in texts]
        return {"lines": np.concatenate([np.zeros(0, dtype=np.uint64), *keys])}

    def decide(self, observed: Observed, decisions: Path) -> None:
        """Write the keys of the repeated lines, sorted."""

        def load(part: int) -> Keys:
            return cast(Keys, observed.load(part, "lines"))

        sizes = [len(load(part)) for part in range(len(observed.n_documents))]
        np.save(decisions / _REPEATED, frequent_keys(load, sizes, self.repeated_in))

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner of a part."""
        repeated = np.zeros(0, dtype=np.uint64)
        if part.decisions is not None:
            repeated = np.load(part.decisions / _REPEATED)
        return _BoilerplateCleaner(self, frozenset(repeated.tolist()))

    def _line_keys(self, text: str) -> set[str]:
        lines = (normalise(line) for line in text.split("\n"))
        return {line for line in lines if line.count(" ") + 1 >= self.repeated_min_words}


class _BoilerplateCleaner:
    def __init__(self, step: BoilerplateStep, repeated: frozenset[int]) -> None:
        self._rules = {name: COMPILED[name] for name in step.rules}
        self._rules |= {name: re.compile(pattern) for name, pattern in step.patterns.items()}
        self._min_words = step.repeated_min_words
        self._repeated = repeated

    def clean(self, document: Document, row: int) -> Outcome:
        lines = document.text.split("\n")
        removed: Counter[str] = Counter()
        kept = []
        for line in lines:
            reason = self._reason(line)
            if reason:
                removed[reason] += 1
                continue
            if "credits" in self._rules and "redit" in line:
                line, n_credits = INLINE_CREDIT.subn("", line)
                removed["credits"] += n_credits
            kept.append(line)
        removed = +removed
        if not removed:
            return Outcome(document.text)
        text = "\n".join(kept).strip()
        if not text:
            return Outcome(document.text, dropped=f"only {removed.most_common(1)[0][0]}")
        return Outcome(text, changes=removed)

    def _reason(self, line: str) -> str:
        stripped = line.strip()
        if not stripped:
            return ""
        for name, pattern in self._rules.items():
            if pattern.match(stripped):
                return name
        if self._repeated:
            words = normalise(stripped)
            is_long = words.count(" ") + 1 >= self._min_words
            if is_long and int(hash_texts([words])[0]) in self._repeated:
                return "repeated lines"
        return ""
