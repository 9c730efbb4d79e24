"""What the page of questions shows: charts, suspect keys and sample questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from llmexam.evaluation.items import ItemAnalysis
from llmexam.evaluation.items.suspects import SuspectKey
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.exam.quotes import quote_pieces
from llmexam.report.formats import clip, fixed, percent
from llmexam.report.histogram import histogram
from llmexam.report.items.content import ExamItems
from llmexam.report.plots import Axis, bar

_DIFFICULTY = Axis(0.0, 1.0, 0.5)
_DISCRIMINATION = Axis(-1.0, 1.0, 0.5)
_PASSAGE = 6_000
_PROMPT = 3_000


@dataclass(frozen=True, slots=True)
class Chart:
    """A histogram with its numbers as a table."""

    title: str
    note: str
    drawing: Markup
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OptionView:
    """An option: its text, and how many solvers choose it."""

    letter: str
    text: str
    is_answer: bool
    is_other: bool
    share: str
    bar: Markup | None


@dataclass(frozen=True, slots=True)
class ItemView:
    """A question with its options and passages.

    Attributes:
        row: Row in the exam.
        id: Its id.
        prompt: The question text.
        tags: Short remarks on it.
        note: A line of numbers.
        options: The options.
        passages: Title and pieces of text of each passage; a piece is a text and whether it is the
            quote that supports the answer.
    """

    row: int
    id: str
    prompt: str
    tags: tuple[str, ...]
    note: str
    options: tuple[OptionView, ...]
    passages: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


def charts_of(analysis: ItemAnalysis) -> tuple[Chart, ...]:
    """Return the distributions of difficulty and discrimination."""
    found = [
        _chart(
            "Difficulty",
            "share of the solvers that are right; 1 is easy",
            analysis.difficulty.tolist(),
            _DIFFICULTY,
            10,
        )
    ]
    if len(analysis.defined):
        found.append(
            _chart(
                "Discrimination",
                "corrected item-total correlation; below 0, better solvers are right less often",
                analysis.defined.tolist(),
                _DISCRIMINATION,
                5,
            )
        )
    return tuple(found)


def suspect_view(exam: ExamItems, suspect: SuspectKey) -> ItemView:
    """Return a question whose key is suspect."""
    note = (
        f"{suspect.n_right} of {suspect.n_raters} solvers choose the key, {suspect.n_other} option "
        f"{letter_of(suspect.other)}; discrimination {fixed(suspect.discrimination, 2)}, "
        f"p {fixed(suspect.p_value, 3)}; mean probability of {letter_of(suspect.other)} among the "
        f"strong solvers {fixed(suspect.mass, 2)}"
    )
    question = exam.exam[suspect.row - 1]
    return _item(exam, question, suspect.row, tags=suspect.reasons, note=note, other=suspect.other)


def sample_views(exam: ExamItems, n: int) -> tuple[ItemView, ...]:
    """Return evenly spaced questions of an exam."""
    size = len(exam.exam)
    n = min(n, size)
    places = [round(i * (size - 1) / max(n - 1, 1)) for i in range(n)]
    return tuple(_sample(exam, place + 1) for place in dict.fromkeys(places))


def _sample(exam: ExamItems, row: int) -> ItemView:
    question = exam.exam[row - 1]
    place = _place(exam, row)
    note = ""
    if place is not None and exam.analysis is not None:
        low, high = exam.analysis.difficulty_interval(place)
        note = (
            f"difficulty {fixed(float(exam.analysis.difficulty[place]), 2)} "
            f"({fixed(low, 2)} to {fixed(high, 2)}), discrimination "
            f"{fixed(float(exam.analysis.discrimination[place]), 2)}"
        )
    flaws = tuple(rule for rule, rows in (exam.flaws or {}).items() if row in rows)
    kinds = tuple(kind for kind, rows in exam.duplicates.items() if row in rows)
    return _item(exam, question, row, tags=(*flaws, *kinds), note=note)


def _item(
    exam: ExamItems,
    question: Question,
    row: int,
    *,
    tags: Sequence[str],
    note: str,
    other: int | None = None,
) -> ItemView:
    place = _place(exam, row)
    use = exam.analysis.use if exam.analysis is not None and place is not None else None
    options = []
    for i, text in enumerate(question.options):
        share, drawn = "", None
        if use is not None and place is not None:
            value, mass = float(use.shares[place, i]), float(use.mass[place, i])
            share = percent(value)
            drawn = bar(
                value, f"chosen by {percent(value)} of the solvers, probability {percent(mass)}"
            )
        options.append(
            OptionView(letter_of(i), text, i in question.right_options, i == other, share, drawn)
        )
    quote = question.metadata.get("quote", "")
    return ItemView(
        row=row,
        id=question.id,
        prompt=clip(question.prompt, _PROMPT),
        tags=tuple(tags),
        note=note,
        options=tuple(options),
        passages=tuple(
            (passage.title, quote_pieces(clip(passage.text, _PASSAGE), quote))
            for passage in question.passages[:3]
        ),
    )


def _place(exam: ExamItems, row: int) -> int | None:
    rows = exam.analysis.responses.rows if exam.analysis is not None else ()
    return rows.index(row) if row in rows else None


def _chart(title: str, note: str, values: Sequence[float], axis: Axis, per_step: int) -> Chart:
    edges = np.linspace(axis.low, axis.high, 9)
    counts, _ = np.histogram(values, edges)
    rows = tuple(
        (f"{fixed(float(low), 2)} to {fixed(float(high), 2)}", f"{int(n):,}")
        for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    mean = float(np.mean(values))
    spread = [float(value) for value in np.quantile(values, (0.25, 0.5, 0.75))]
    label = (
        f"{title} of {len(values):,} questions: mean {fixed(mean, 2)}, quartiles "
        f"{fixed(spread[0], 2)}, {fixed(spread[1], 2)} and {fixed(spread[2], 2)}"
    )
    return Chart(
        title, f"{note}. {label}.", histogram(values, axis, label, per_step=per_step), rows
    )
