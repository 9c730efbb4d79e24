"""Sentences about clusters, correlation, equivalence and adjusted p values."""

from __future__ import annotations

from collections.abc import Sequence

from llmexam.errors import plural
from llmexam.evaluation.estimates import FEW_CLUSTERS
from llmexam.evaluation.results import ClusterInfo, Comparison, MetricResult
from llmexam.report.formats import count, fixed, interval, percent


def cluster_notes(info: ClusterInfo | None, noun: str) -> list[str]:
    """Return what clusters mean for the intervals; nothing for independent items.

    Args:
        info: The clusters.
        noun: What one item is called.
    """
    if info is None:
        return []
    text = (
        f"Intervals resample {plural(info.n_clusters, 'cluster')} by {info.by}, the largest with "
        f"{plural(info.largest, noun)}"
    )
    if info.design_effect is not None and info.widening is not None:
        text += (
            f"; design effect {info.design_effect:.2f}: standard errors are "
            f"{info.widening:.2f} times those of independent {noun}s"
        )
    notes = [f"{text}."]
    if info.is_few:
        notes.append(
            f"With fewer than {FEW_CLUSTERS} clusters, intervals and p values are only approximate."
        )
    return notes


def correlation_note(metric: MetricResult) -> str:
    """Return which correlation a minimum detectable difference is based on."""
    how = "measured" if metric.correlation_measured else "assumed"
    return f"{how} correlation {fixed(metric.correlation, 2)}"


def adjusted_note(comparisons: Sequence[Comparison]) -> str:
    """Return what adjusted p values account for; empty if there are none."""
    adjusted = comparisons[0].adjusted if comparisons else None
    if adjusted is None:
        return ""
    return (
        f"Holm and BH (Benjamini-Hochberg): p values adjusted for the {adjusted.n_tests} "
        f"{adjusted.family} by {comparisons[0].metric.label}."
    )


def equivalence_notes(comparison: Comparison, noun: str) -> list[str]:
    """Return the verdict of the equivalence test; nothing without a margin.

    Args:
        comparison: The comparison.
        noun: What one item is called.
    """
    found = comparison.equivalence
    if found is None:
        return []
    a, b, margin = comparison.name_a, comparison.name_b, f"{found.margin:g}"
    verdict = {
        "equivalent": f"{a} and {b} are equivalent within {margin}",
        "not worse": f"{a} is not worse than {b} by more than {margin}",
        "worse": f"{a} is worse than {b} by more than {margin}",
        "undecided": f"undecided whether {a} is worse than {b} by more than {margin}",
    }[found.verdict]
    notes = [
        f"Margin {margin}: {verdict} ({percent(1 - 2 * found.alpha)} interval of the difference "
        f"{interval(found.interval, with_sign=True)}; one-sided tests at level "
        f"{found.alpha:.3g})."
    ]
    if found.verdict == "undecided":
        notes.append(
            f"If both are equally good, {count(found.n_for_not_worse)} {noun}s with this variance "
            f"would show in 80 of 100 cases that {a} is not worse, and "
            f"{count(found.n_for_equivalence)} that they are equivalent."
        )
    elif found.verdict == "not worse" and comparison.winner is None:
        notes.append(
            f"If both are equally good, {count(found.n_for_equivalence)} {noun}s with this "
            "variance would show in 80 of 100 cases that they are equivalent."
        )
    return notes
