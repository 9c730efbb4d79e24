"""Report section: recall by letter, which shows position bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from llmexam.errors import plural
from llmexam.evaluation.results import LetterRecall
from llmexam.report.content import SolverResult
from llmexam.report.formats import count, fixed, percent
from llmexam.report.plots import MOST_WITH_NUMBERS, letter_bars
from llmexam.report.sections.section import ReportData, Section


@dataclass(frozen=True, slots=True)
class LetterCard:
    """Recall by option letter, and the effect of rotating the options."""

    name: str
    scale: str
    bars: Markup
    many: bool
    rotations: str


def letter_cards(data: ReportData) -> tuple[LetterCard, ...] | None:
    """Return recall per letter for each graded solver, the final result first."""
    content = data.choice
    results = [content.final, *(s for s in content.solvers if s.name != content.final.name)]
    graded = [
        (r, r.evaluation.choice.letters, r.evaluation.metric("accuracy").estimate.value)
        for r in results
        if r.evaluation and r.evaluation.choice and r.evaluation.choice.letters
    ]
    cards = tuple(
        LetterCard(
            result.name,
            _scale(letters, accuracy),
            letter_bars(letters, accuracy, result.name),
            len(letters) > MOST_WITH_NUMBERS,
            _rotations(result),
        )
        for result, letters, accuracy in graded
    )
    return cards or None


def _scale(letters: Sequence[LetterRecall], accuracy: float) -> str:
    line = f"accuracy {percent(accuracy)} (dashed line)"
    if len(letters) <= MOST_WITH_NUMBERS:
        return line
    return f"{line}; highest bar {percent(max(letter.recall or 0.0 for letter in letters))}"


def _rotations(result: SolverResult) -> str:
    position = result.position
    if position is None or not position.values:
        return ""
    return (
        f"With {plural(position.n_rotations, 'rotation')} of the options, the score "
        f"ranges from {fixed(min(position.values))} to {fixed(max(position.values))}; "
        f"the first choice changes in {count(position.n_changed)} of "
        f"{plural(position.n_questions, 'question')}."
    )


LETTERS = Section("letters", "Letters", letter_cards)
