"""Results of an audit: findings as text, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llmexam.errors import ExamError, plural
from llmexam.exam.question import Question

Rows = Sequence[tuple[int, Question]]
"""Questions with their rows in the file, which count from 1."""

SEVERITIES = ("error", "warning", "note")
"""From worst: makes scores wrong; may make them misleading; worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One finding of the data audit.

    Attributes:
        check: Short name of the check, such as "repeated options".
        severity: "error", "warning" or "note".
        message: A sentence.
        rows: The affected rows, counted from 1.
    """

    check: str
    severity: str
    message: str
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Overlap:
    """A question that also occurs elsewhere; the most similar occurrence, if there are several.

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
    """Number of questions whose right option has a given position.

    Attributes:
        letter: Letter of the position.
        n_answers: Questions whose right option has this position.
        share: That number divided by the number of answers, 0 to 1.
        expected: The share if each question's answer were uniformly distributed.
    """

    letter: str
    n_answers: int
    share: float
    expected: float


@dataclass(frozen=True)
class LengthLeak:
    """Scores of the baseline that chooses the longest option.

    Attributes:
        map_at_3: MAP@3 of ranking options by number of characters.
        chance_map_at_3: Expected MAP@3 of a random ranking.
        accuracy: Share of the questions whose longest option is right.
        chance_accuracy: Expected accuracy of a random choice.
    """

    map_at_3: float
    chance_map_at_3: float
    accuracy: float
    chance_accuracy: float


@dataclass(frozen=True)
class AuditResult:
    """Result of an audit.

    Attributes:
        source: The exam.
        format: Name of its format.
        n_questions: Valid questions.
        n_answers: How many of them have an answer.
        min_options: Smallest number of options of a question; 0 without questions.
        max_options: Largest number of options of a question.
        against: The files it was compared with.
        findings: Worst first; within a severity, in the order of the checks.
        overlaps: Questions that also occur elsewhere, by file and row.
        letters: Distribution of answers over positions; empty without answers.
        skew_p_value: P-value of a distribution this uneven; None without answers.
        length_leak: Scores of choosing the longest option; None without answers.
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

    @property
    def headings(self) -> tuple[str, ...]:
        """Lines about the exam as a whole: its size, and the distribution of answers."""
        sizes = sorted({self.min_options, self.max_options})
        size = (
            f"{self.source}: {self.n_questions:,} questions, {self.n_answers:,} with answers, "
            f"{' to '.join(map(str, sizes))} options, format '{self.format}'"
        )
        if not self.letters:
            return (size,)
        shares = "  ".join(f"{one.letter} {one.share:.1%}" for one in self.letters)
        return size, f"Answers by letter: {shares}"

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {**asdict(self), "is_clean": self.is_clean}


def invalid_rows(faults: Sequence[ExamError]) -> list[Finding]:
    """Return a finding for each field with errors of single rows."""
    by_field: dict[str, list[ExamError]] = {}
    for fault in faults:
        by_field.setdefault(fault.field or "", []).append(fault)
    return [
        Finding(
            "invalid rows",
            "error",
            f"{plural(len(found), 'invalid row')}{f' ({field})' if field else ''}; "
            f"row {found[0].row}: {found[0].message}",
            tuple(fault.row or 0 for fault in found),
        )
        for field, found in by_field.items()
    ]


def pairs_text(pairs: Sequence[tuple[int, int]], n_shown: int = 5) -> str:
    """Return pairs of rows as text.

    >>> pairs_text([(1, 7), (2, 9)], n_shown=1)
    'row 1 and row 7, and 1 more'
    """
    shown = "; ".join(f"row {a} and row {b}" for a, b in pairs[:n_shown])
    return shown + (f", and {len(pairs) - n_shown:,} more" if len(pairs) > n_shown else "")
