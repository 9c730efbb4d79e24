"""Views of what each solver gave: the table, and how it treats the places of the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from llmexam.evaluation.alignment import align_scores
from llmexam.evaluation.results import Estimate, LetterRecall
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.formats import MISSING, capital, count, fixed, interval, percent, plural, signed
from llmexam.report.plots import (
    MOST_WITH_NUMBERS,
    Axis,
    axis_labels,
    axis_over,
    letter_bars,
    strip,
    told,
)

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True)
class SolverRow:
    """What one solver or baseline gave. `kind` is "final", "solver" or "baseline"."""

    name: str
    kind: str
    score: str = ""
    interval: str = ""
    strip: Markup = _NOTHING
    secondary: str = MISSING
    secondary_interval: str = ""
    weight: str = MISSING
    gain: str = MISSING
    gain_interval: str = ""
    agreement: str = MISSING
    spread: str = MISSING
    truncated: str = MISSING


@dataclass(frozen=True, slots=True)
class SolverTable:
    """All solvers, the final result first, and which columns have something to say."""

    metric: str
    secondary: str
    rows: tuple[SolverRow, ...]
    axis: Markup
    graded: bool
    weighted: bool
    gained: bool
    rotated: bool
    several: bool


@dataclass(frozen=True, slots=True)
class LetterCard:
    """Recall for each place among the options, and what rotations changed."""

    name: str
    scale: str
    bars: Markup
    many: bool
    rotations: str


def solver_table(content: ReportContent) -> SolverTable:
    """Return the table of solvers: the final result, the members, the baselines."""
    final = content.final
    results = [final, *(s for s in content.solvers if s.name != final.name)]
    graded = [r.evaluation for r in results if r.evaluation is not None]
    baselines = final.evaluation.primary.references if final.evaluation else {}
    scores = [e.primary.estimate for e in graded]
    ends = [v for score in scores for v in (score.low, score.high, score.value)]
    axis = axis_over([*ends, *baselines.values()], floor=0.0)
    reference = final.evaluation.primary.estimate.value if final.evaluation else None
    firsts = align_scores(content.exam, final.scores).ranking[:, :1]
    rows = []
    for result in results:
        theirs = align_scores(content.exam, result.scores).ranking[:, :1]
        agreement = percent(float((theirs == firsts).mean())) if len(content.exam) else MISSING
        rows.append(_solver_row(result, result is final, axis, reference, agreement))
    rows.extend(_baseline_rows(baselines, axis, reference))
    return SolverTable(
        metric=graded[0].primary.label if graded else "",
        secondary=capital(graded[0].metrics[1].label) if graded and graded[0].metrics[1:] else "",
        rows=tuple(rows),
        axis=axis_labels(axis),
        graded=bool(graded),
        weighted=any(r.weight is not None for r in results),
        gained=any(r.gain is not None for r in results),
        rotated=any(r.position is not None for r in results),
        several=len(results) > 1,
    )


def _solver_row(
    result: SolverResult, is_final: bool, axis: Axis, reference: float | None, agreement: str
) -> SolverRow:
    cut, evaluation = int(result.scores.truncated.sum()), result.evaluation
    row = SolverRow(
        name=result.name,
        kind="final" if is_final else "solver",
        weight=MISSING if result.weight is None else fixed(result.weight, 3),
        gain=signed(result.gain.difference.value) if result.gain else MISSING,
        gain_interval=interval(result.gain.difference, with_sign=True) if result.gain else "",
        agreement=MISSING if is_final else agreement,
        spread=fixed(result.position.spread if result.position else None),
        truncated=count(max(cut, evaluation.n_truncated if evaluation else 0)),
    )
    if evaluation is None:
        return row
    score = evaluation.primary.estimate
    if len(evaluation.metrics) > 1:
        second = evaluation.metrics[1].estimate
        row = replace(row, secondary=fixed(second.value), secondary_interval=interval(second))
    return replace(
        row,
        score=fixed(score.value),
        interval=interval(score),
        strip=strip(axis, score, told(score, evaluation.level), reference=reference, kind=row.kind),
    )


def _baseline_rows(
    baselines: Mapping[str, float], axis: Axis, reference: float | None
) -> list[SolverRow]:
    rows = []
    for name, value in baselines.items():
        alone = Estimate(value=value, low=value, high=value)
        drawing = strip(
            axis, alone, f"{fixed(value)}, baseline", reference=reference, kind="baseline"
        )
        rows.append(SolverRow(name, "baseline", fixed(value), "", drawing))
    return rows


def letter_cards(content: ReportContent) -> tuple[LetterCard, ...]:
    """Return recall per letter for each graded solver, the final result first."""
    results = [content.final, *(s for s in content.solvers if s.name != content.final.name)]
    graded = [
        (r, r.evaluation.choice.letters, r.evaluation.metric("accuracy").estimate.value)
        for r in results
        if r.evaluation and r.evaluation.choice and r.evaluation.choice.letters
    ]
    return tuple(
        LetterCard(
            result.name,
            _scale(letters, accuracy),
            letter_bars(letters, accuracy, result.name),
            len(letters) > MOST_WITH_NUMBERS,
            _rotations(result),
        )
        for result, letters, accuracy in graded
    )


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
        f"Under {plural(position.n_rotations, 'rotation')} of the options the score runs from "
        f"{fixed(min(position.values))} to {fixed(max(position.values))}; the first choice "
        f"changes on {count(position.n_changed)} of {plural(position.n_questions, 'question')}."
    )
