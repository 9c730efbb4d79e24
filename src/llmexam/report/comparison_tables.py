"""Terminal tables of paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from llmexam.errors import plural
from llmexam.evaluation.results import Comparison, ComparisonFamily, Flip, FullComparison
from llmexam.exam.letters import letter_of
from llmexam.report.grade_tables import cells
from llmexam.report.statistics import adjusted_note, cluster_notes, equivalence_notes
from llmexam.report.terminal_parts import plain_text


def family_summary(result: ComparisonFamily) -> list[RenderableType]:
    """Return the terminal output for one paired comparison in full, or for several as a table."""
    first = result.comparisons[0]
    if len(result.comparisons) == 1:
        return comparison_summary(first)
    table = Table(first.metric.label, "value", "difference", "interval", "p", "Holm", "BH")
    table.add_row(plain_text(first.name_a), f"{first.a.value:.4f}", end_section=True)
    for one in result.comparisons:
        adjusted = one.adjusted
        corrected = (adjusted.holm, adjusted.benjamini_hochberg) if adjusted else ()
        table.add_row(
            plain_text(one.name_b),
            f"{one.b.value:.4f}",
            *cells(one.difference, sign="+"),
            *(f"{p:.2g}" for p in (one.p_value, *corrected)),
        )
    notes = [
        f"Differences of {first.name_a} to each other result on {plural(first.n_items, first.noun)}"
        f", with {first.level:.1%} intervals and p values of paired permutation tests.",
        adjusted_note(result.comparisons),
    ]
    for one in result.comparisons:
        notes += equivalence_notes(one, one.noun)
    # The design effect is one of each difference; the clusters are the same.
    notes += cluster_notes(first.clusters, first.noun)
    return [table, *(plain_text(note) for note in notes)]


def comparison_summary(result: FullComparison) -> list[RenderableType]:
    """Return the terminal output for a paired comparison."""
    table = Table("", result.metric.label, f"{result.level:.1%} interval")
    table.add_row(plain_text(result.name_a), *cells(result.a))
    table.add_row(plain_text(result.name_b), *cells(result.b), end_section=True)
    table.add_row("difference", *cells(result.difference))
    how = "all sign flips" if result.p_value_exact else f"{result.n_resamples} sign flips"
    return [
        table,
        Text(f"p value {result.p_value:.4g} (paired permutation test, {how})"),
        plain_text(
            f"Of {plural(result.n_items, result.noun)}, {result.name_a} is better on "
            f"{result.n_better} and {result.name_b} on {result.n_worse}; they are equal on "
            f"{result.n_ties}"
        ),
        Text(
            "Minimum detectable difference with these pairs: "
            f"{result.minimum_detectable_difference:.4f}{_correlation(result)}"
        ),
        *(plain_text(note) for note in equivalence_notes(result, result.noun)),
        *(plain_text(note) for note in cluster_notes(result.clusters, result.noun)),
        *([_by_metric(result.others)] if result.others else []),
    ]


def flip_list(result: FullComparison, limit: int) -> list[RenderableType]:
    """Return the questions that only one of two results answers right, for the terminal.

    Args:
        result: The comparison.
        limit: How many to show of each side.
    """
    parts: list[RenderableType] = []
    sides = (("a", result.name_a, result.name_b), ("b", result.name_b, result.name_a))
    for side, right, wrong in sides:
        flips = [flip for flip in result.flips if flip.right == side]
        more = f", the first {limit} shown" if len(flips) > limit else ""
        parts.append(
            plain_text(f"Right in {right}, wrong in {wrong}: {len(flips)}{more}", style="bold")
        )
        for flip in flips[:limit]:
            parts += _flip_lines(flip, result)
    return parts


def _flip_lines(flip: Flip, result: FullComparison) -> list[RenderableType]:
    lines = [f"{flip.id}  {_excerpt(flip.prompt)}"]
    lines += [
        f"  {letter_of(place)}{'*' if letter_of(place) in flip.answer.split() else ' '} "
        f"{_excerpt(option)}"
        for place, option in enumerate(flip.options)
    ]
    lines += [
        f"  {name}: {ranking or 'no answer'}"
        for name, ranking in ((result.name_a, flip.ranking_a), (result.name_b, flip.ranking_b))
    ]
    if flip.evidence_a == flip.evidence_b:
        lines += [f"  evidence: {_excerpt(text)}" for text in flip.evidence_a[:1]]
    else:
        both = ((result.name_a, flip.evidence_a), (result.name_b, flip.evidence_b))
        lines += [
            f"  evidence of {name}: {_excerpt(passages[0]) if passages else 'none'}"
            for name, passages in both
        ]
    return [plain_text(line) for line in lines]


def _excerpt(text: str, length: int = 100) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= length else joined[: length - 3].rstrip() + "..."


def _by_metric(comparisons: Sequence[Comparison]) -> Table:
    """Return the differences by several metrics, with wins, ties and losses of the first."""
    table = Table("other metrics", "difference", "interval", "p value", "better, equal, worse")
    for one in comparisons:
        counts = f"{one.n_better}, {one.n_ties}, {one.n_worse}"
        shown = cells(one.difference, sign="+")
        table.add_row(plain_text(one.metric.label), *shown, f"{one.p_value:.4g}", counts)
    return table


def _correlation(result: Comparison) -> str:
    """Return the correlation that pairing made use of, in brackets."""
    if result.correlation is None:
        return ""
    return f" (measured correlation {result.correlation:.2f})"
