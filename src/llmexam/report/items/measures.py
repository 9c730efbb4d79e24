"""The table of several exams side by side: one row per measure, one column per exam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from llmexam.evaluation.items import ItemAnalysis
from llmexam.evaluation.items.tells import Tell
from llmexam.report.formats import MISSING, count, fixed, p_value, percent
from llmexam.report.items.content import DUPLICATES, ExamItems, ItemReport

Write = Callable[[ExamItems], str]


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table.

    Attributes:
        label: What it shows.
        detail: Explanation for the page.
        values: One text per exam.
    """

    label: str
    detail: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasureGroup:
    """Rows that belong together."""

    title: str
    measures: tuple[Measure, ...]


def measure_groups(report: ItemReport) -> tuple[MeasureGroup, ...]:
    """Return all rows by group; rows that no exam has a value for are left out."""
    groups = []
    for title, rows in _GROUPS:
        measures = [
            Measure(label, detail, tuple(write(exam) for exam in report.exams))
            for label, detail, write in rows
        ]
        kept = tuple(one for one in measures if any(value != MISSING for value in one.values))
        if kept:
            groups.append(MeasureGroup(title, kept))
    return tuple(groups)


def share(part: int, whole: int) -> str:
    """Return a count and its share of a whole.

    >>> share(3, 12)
    '3 (25.0 %)'
    """
    return f"{count(part)} ({percent(part / whole, 1)})" if whole else count(part)


def tell_text(tell: Tell) -> str:
    """Return the accuracy of a tell with its interval and a mark where it is not at chance."""
    low, high = fixed(tell.accuracy.low, 3), fixed(tell.accuracy.high, 3)
    mark = "" if tell.is_at_chance else " *"
    return f"{fixed(tell.accuracy.value, 3)} ({low} to {high}){mark}"


def _options(exam: ExamItems) -> str:
    sizes = sorted({exam.audit.min_options, exam.audit.max_options})
    return " to ".join(map(str, sizes))


def _skew(exam: ExamItems) -> str:
    p = exam.audit.skew_p_value
    if p is None:
        return MISSING
    most = max(exam.audit.letters, key=lambda one: one.share - one.expected)
    return f"{most.letter} {percent(most.share, 1)}, p {p_value(p)}"


def _tell(name: str) -> Write:
    def write(exam: ExamItems) -> str:
        found = [tell for tell in exam.tells if tell.name == name]
        return tell_text(found[0]) if found else MISSING

    return write


def _chance(exam: ExamItems) -> str:
    return fixed(exam.tells[0].chance, 3) if exam.tells else MISSING


def _duplicates(kind: str) -> Write:
    def write(exam: ExamItems) -> str:
        return share(len(exam.duplicates.get(kind, ())), len(exam.exam))

    return write


def _flawed(exam: ExamItems) -> str:
    return MISSING if exam.n_flawed is None else share(exam.n_flawed, len(exam.exam))


def _of(write: Callable[[ItemAnalysis], str]) -> Write:
    return lambda exam: MISSING if exam.analysis is None else write(exam.analysis)


def _of_defined(write: Callable[[ItemAnalysis], str]) -> Write:
    """Return a dash where no question has a discrimination, as with two solvers."""
    return _of(lambda found: write(found) if len(found.defined) else MISSING)


def _mean(analysis: ItemAnalysis) -> str:
    return fixed(float(analysis.difficulty.mean()), 3)


def _discrimination(analysis: ItemAnalysis) -> str:
    defined = analysis.defined
    return fixed(float(np.mean(defined)), 3) if len(defined) else MISSING


def _suspects(reason: str) -> Callable[[ItemAnalysis], str]:
    return lambda found: share(sum(reason in one.reasons for one in found.suspects), found.n_items)


def _best(analysis: ItemAnalysis) -> str:
    best = max(analysis.raters, key=lambda rater: rater.accuracy)
    return f"{fixed(best.accuracy, 3)} ({best.name})"


_GROUPS: tuple[tuple[str, tuple[tuple[str, str, Write], ...]], ...] = (
    (
        "Questions",
        (
            ("questions", "", lambda exam: count(len(exam.exam))),
            ("with an answer", "", lambda exam: count(exam.audit.n_answers)),
            ("with passages", "", lambda exam: count(exam.n_with_passages)),
            ("options", "", _options),
        ),
    ),
    (
        "Option tells: accuracy without reading the question",
        (
            ("chance", "", _chance),
            ("longest option", "", _tell("longest")),
            ("shortest option", "", _tell("shortest")),
            ("first option", "", _tell("first")),
            ("most overused letter", "Its share of the keys, and the p-value of the skew.", _skew),
        ),
    ),
    (
        "Duplicates and flaws",
        (
            *((name, "", _duplicates(kind)) for kind, name in DUPLICATES.items()),
            ("with an item-writing flaw", "", _flawed),
        ),
    ),
    (
        "Answers of solvers",
        (
            ("questions answered", "", _of(lambda found: count(found.n_items))),
            (
                "solvers (independent)",
                "How many independent solvers they are worth.",
                _of(lambda found: f"{len(found.raters)} ({fixed(found.effective_raters, 1)})"),
            ),
            ("best solver", "Its accuracy.", _of(_best)),
            ("mean difficulty", "Share of the solvers that are right.", _of(_mean)),
            (
                "nobody right",
                "Questions that no solver answers.",
                _of(lambda found: share(int((found.difficulty == 0).sum()), found.n_items)),
            ),
            (
                "everybody right",
                "Questions that every solver answers.",
                _of(lambda found: share(int((found.difficulty == 1).sum()), found.n_items)),
            ),
            ("mean discrimination", "Corrected item-total correlation.", _of(_discrimination)),
            (
                "negative discrimination",
                "Of the questions with a defined discrimination.",
                _of_defined(lambda found: share(found.n_negative, len(found.defined))),
            ),
            (
                "negative, p ≤ 0.05",
                "One-sided permutation test, one question at a time.",
                _of_defined(_suspects("negative discrimination")),
            ),
            (
                "negative, adjusted",
                "After control of the false discovery rate at 5 %.",
                _of_defined(lambda found: share(found.n_significant, found.n_items)),
            ),
            (
                "strong solvers agree on another option",
                "All of them choose the same option, which is not the key.",
                _of(
                    lambda found: (
                        _suspects("agreement")(found)
                        if any(rater.is_strong for rater in found.raters)
                        else MISSING
                    )
                ),
            ),
            (
                "distractors nobody chooses",
                "Of all wrong options.",
                _of(lambda found: share(int(found.use.unchosen.sum()), found.use.n_distractors)),
            ),
            (
                "and with less than 5 % of the probability",
                "Mean over the solvers.",
                _of(lambda found: share(int(found.use.weak.sum()), found.use.n_distractors)),
            ),
        ),
    ),
)
