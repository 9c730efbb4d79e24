"""What an audit says: findings in words, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llmexam.exam.question import Question

Rows = Sequence[tuple[int, Question]]
"""Questions with their rows in the file, which count from 1."""

SEVERITIES = ("error", "warning", "note")
"""From worst: makes scores wrong; may make them misleading; worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing the data audit found.

    Attributes:
        check: Short name of the check, such as "repeated options".
        severity: "error", "warning" or "note".
        message: A sentence.
        rows: The rows concerned, counted from 1.
    """

    check: str
    severity: str
    message: str
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Overlap:
    """A question that is somewhere else too; of several places, the one most like it.

    Attributes:
        row: Its row.
        id: Its id.
        file: The other file, or its own.
        other_row: The row there; the line in a plain text.
        kind: "same question" (prompt and options), "same prompt", "near duplicate" (similar
            prompt, and an option in common), "similar prompt" (with other options) or "quoted"
            (the prompt appears in a plain text).
        similarity: Jaccard similarity of the prompts' three-word shingles, 0 to 1.
    """

    row: int
    id: str
    file: str
    other_row: int
    kind: str
    similarity: float


@dataclass(frozen=True)
class LetterShare:
    """How often an option place is the right one.

    Attributes:
        letter: The place.
        n_answers: Questions whose answer stands there.
        share: That number by the number of answers, 0 to 1.
        expected: The share if answers were spread evenly over each question's options.
    """

    letter: str
    n_answers: int
    share: float
    expected: float


@dataclass(frozen=True)
class LengthLeak:
    """What choosing the longest option earns, without reading anything.

    Attributes:
        map_at_3: MAP@3 of the options ranked by number of characters.
        chance_map_at_3: What random ranking earns on average.
        accuracy: Share of the questions whose longest option is right.
        chance_accuracy: What random choice earns on average.
    """

    map_at_3: float
    chance_map_at_3: float
    accuracy: float
    chance_accuracy: float


@dataclass(frozen=True)
class AuditResult:
    """All that an audit found.

    Attributes:
        source: The exam.
        format: Name of its form.
        n_questions: Questions that could be read.
        n_answers: How many of them have an answer.
        min_options: Options of the question with the fewest; 0 without questions.
        max_options: Options of the question with the most.
        against: The files it was compared with.
        findings: Worst first; within a severity, in the order of the checks.
        overlaps: Questions that are elsewhere too, by file and row.
        letters: How answers are spread over places; empty without answers.
        skew_p_value: How likely a spread this uneven is by chance; None without answers.
        length_leak: None without answers.
        near_threshold: Jaccard similarity from which prompts count as near duplicates.
        seed: Seed of the simulation behind `skew_p_value` and of the MinHash permutations.
    """

    source: str
    format: str
    n_questions: int
    n_answers: int
    min_options: int
    max_options: int
    against: tuple[str, ...]
    findings: tuple[Finding, ...]
    overlaps: tuple[Overlap, ...]
    letters: tuple[LetterShare, ...]
    skew_p_value: float | None
    length_leak: LengthLeak | None
    near_threshold: float
    seed: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing worse than a note was found."""
        return all(finding.severity == "note" for finding in self.findings)

    def count(self, severity: str) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as values that JSON can hold."""
        return {**asdict(self), "is_clean": self.is_clean}


def plural(n: int, word: str, words: str | None = None) -> str:
    """Return a count with its noun.

    >>> plural(1, "question"), plural(2, "question")
    ('1 question', '2 questions')
    """
    return f"{n:,} {word if n == 1 else words or word + 's'}"


def pairs_text(pairs: Sequence[tuple[int, int]], n_shown: int = 5) -> str:
    """Return pairs of rows in words.

    >>> pairs_text([(1, 7), (2, 9)], n_shown=1)
    'row 1 and row 7, and 1 more'
    """
    shown = "; ".join(f"row {a} and row {b}" for a, b in pairs[:n_shown])
    return shown + (f", and {len(pairs) - n_shown:,} more" if len(pairs) > n_shown else "")
