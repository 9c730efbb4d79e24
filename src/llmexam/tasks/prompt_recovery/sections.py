"""Report sections of prompt recovery: all metrics, and the rows with what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.resources import files
from re import findall

import numpy as np
from numpy.typing import NDArray
from rich.console import Group

from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.wording import clean_prompt
from llmexam.report.formats import MISSING, fixed, interval
from llmexam.report.sections.section import MOST_IN_FULL, SHOWN_OF_LONG, ReportData, Section
from llmexam.report.terminal_parts import plain_text

Floats = NDArray[np.float64]

# Longer texts are shown as they are: comparing them word by word takes too long.
_MOST_WORDS = 1200
_N_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of the final recoverer."""

    label: str
    value: str
    ends: str
    chance: str
    baselines: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class MetricsView:
    """All metrics; `baselines` names the columns, `notes` say what embedders truncated."""

    baselines: tuple[str, ...]
    rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]


def metrics_view(data: ReportData) -> MetricsView | None:
    """Return all metrics of the final recoverer beside chance and baselines."""
    evaluation = data.content.final.evaluation
    if evaluation is None:
        return None
    names = tuple(evaluation.primary.baselines)
    return MetricsView(
        names,
        tuple(
            MetricRow(
                metric.label,
                fixed(metric.estimate.value),
                interval(metric.estimate),
                MISSING if metric.chance is None else fixed(metric.chance),
                tuple(fixed(metric.baselines[name]) for name in names),
                metric.explanation,
            )
            for metric in evaluation.metrics
        ),
        evaluation.diagnostics.notes if evaluation.diagnostics else (),
    )


def _metrics_summary(view: MetricsView) -> Group | None:
    """Return what the terminal shows beside the score card: the notes."""
    return Group(*map(plain_text, view.notes)) if view.notes else None


Segments = tuple[tuple[str, bool], ...]
"""Parts of a text, and whether the other text lacks them."""


@dataclass(frozen=True, slots=True)
class RewriteView:
    """One row: both texts, the prompt that was recovered, the true one, and how it was graded."""

    row: int
    id: str
    original: Segments
    rewritten: Segments
    predicted: str
    truth: str | None
    score: str
    verdict: str
    removed: tuple[str, ...]
    share_removed: str
    candidates: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RewritesView:
    """The rows that are shown, how many were gamed, and a note on which rows these are."""

    rows: tuple[RewriteView, ...]
    n_gamed: int
    note: str


def rewrites_view(data: ReportData) -> RewritesView | None:
    """Return the rows with what changed and what was recovered."""
    exam, final = data.content.exam, data.content.final
    if not isinstance(exam, RewriteExam):
        return None
    texts: Sequence[str] = getattr(final, "texts", ())
    recoveries: Sequence[Recovery] = getattr(final, "recoveries", ())
    scores: Floats | None = getattr(final, "scores", None)
    shown = _shown(len(exam), scores)
    cleaned = [
        clean_prompt(text, context=f"{row.original} {row.rewritten}")
        for text, row in zip(texts, exam, strict=True)
    ]
    rows = []
    for number in shown:
        row, recovery = exam[number], recoveries[number] if recoveries else None
        before, after = compared(row.original, row.rewritten)
        score = float("nan") if scores is None else float(scores[number])
        rows.append(
            RewriteView(
                row=number + 1,
                id=row.id,
                original=before,
                rewritten=after,
                predicted=texts[number],
                truth=row.prompt,
                score="" if scores is None else fixed(score),
                verdict=_verdict(row, score),
                removed=cleaned[number].removed,
                share_removed=f"{cleaned[number].share:.0%}",
                candidates=_candidates(recovery),
                others=tuple(
                    (other.name, getattr(other, "texts", ())[number])
                    for other in data.content.solvers
                    if other.name != final.name
                ),
            )
        )
    n_gamed = sum(bool(one.removed) for one in cleaned)
    note = (
        f"All {len(exam):,} rows."
        if len(shown) == len(exam)
        else (
            f"{len(shown):,} of {len(exam):,} rows: the best, the worst, and some between."
            if scores is not None
            else f"The first {len(shown):,} of {len(exam):,} rows."
        )
    )
    return RewritesView(tuple(rows), n_gamed, note)


def compared(a: str, b: str) -> tuple[Segments, Segments]:
    """Return both texts in parts, and whether the words of a part are only in this text.

    >>> compared("the red cat", "the blue cat")[1]
    (('the ', False), ('blue ', True), ('cat', False))
    """
    first, second = findall(r"\S+\s*|\s+", a), findall(r"\S+\s*|\s+", b)
    if max(len(first), len(second)) > _MOST_WORDS:
        return ((a, False),), ((b, False),)
    matcher = SequenceMatcher(
        None, [word.strip() for word in first], [word.strip() for word in second], autojunk=False
    )
    before: list[tuple[str, bool]] = []
    after: list[tuple[str, bool]] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if i < j:
            before.append(("".join(first[i:j]), kind != "equal"))
        if k < m:
            after.append(("".join(second[k:m]), kind != "equal"))
    return tuple(before), tuple(after)


def _shown(n: int, scores: Floats | None) -> list[int]:
    if n <= MOST_IN_FULL:
        return list(range(n))
    if scores is None:
        return list(range(SHOWN_OF_LONG))
    order = np.argsort(-scores, kind="stable")
    third = SHOWN_OF_LONG // 3
    between = order[np.linspace(third, n - third - 1, SHOWN_OF_LONG - 2 * third).astype(int)]
    return sorted({int(i) for i in (*order[:third], *between, *order[-third:])})


def _verdict(row: Rewrite, score: float) -> str:
    if row.prompt is None or np.isnan(score):
        return "unknown"
    return "right" if score >= 0.5 else "wrong"


def _candidates(recovery: Recovery | None) -> tuple[tuple[str, str], ...]:
    if recovery is None:
        return ()
    return tuple((one.text, f"{one.score:.3f}") for one in recovery.candidates[:_N_CANDIDATES])


def _template(name: str) -> str:
    return (files("llmexam.tasks.prompt_recovery") / name).read_text(encoding="utf-8")


METRICS = Section(
    "metrics", "Metrics", metrics_view, _metrics_summary, template=_template("metrics.html")
)
REWRITES = Section("rewrites", "Rows", rewrites_view, template=_template("rewrites.html"))
