"""The counts of a collection as lines of text."""

from __future__ import annotations

from collections import Counter

from llmexam.collecting.wikipedia.collection import Collection
from llmexam.collecting.wikipedia.page import Counts

_ROWS = {
    "pages": "pages read",
    "articles": "articles collected",
    "redirects": "redirects skipped",
    "disambiguations": "disambiguation pages skipped",
    "lists": "list pages skipped",
    "other_namespaces": "pages of other namespaces skipped",
    "not_selected": "pages not selected by title or category",
    "duplicates": "repeated pages skipped",
    "without_text": "pages without text",
    "failed": "pages that could not be converted",
    "documents": "documents written",
    "short_sections": "sections shorter than min_characters",
    "dropped_sections": "sections left out by their heading",
}
_ALWAYS = ("pages", "articles", "documents")
_N_NAMES = 8


def collection_lines(found: Collection) -> list[str]:
    """Return a line for each count that is not zero, and the losses per 1,000 articles."""
    counts = found.counts
    lines = [
        f"{getattr(counts, name):10,}  {label}"
        for name, label in _ROWS.items()
        if getattr(counts, name) or name in _ALWAYS
    ]
    files = "Parquet file" if found.n_shards == 1 else "Parquet files"
    earlier = f", {found.n_resumed:,} of them from an earlier run" if found.n_resumed else ""
    lines.append(f"{found.n_shards:10,}  {files}{earlier}")
    if counts.failed_titles:
        lines.append(f"not converted: {', '.join(sorted(counts.failed_titles)[:5])}")
    return [*lines, *_losses(counts)]


def _losses(counts: Counts) -> list[str]:
    if not counts.measured:
        return ["losses cannot be measured: the dumps hold plain text"] if counts.articles else []
    lines = ["lost per 1,000 articles:"]
    for name, lost, n_all in (
        ("numbers", counts.lost_numbers, counts.numbers),
        ("formulas", counts.lost_formulas, counts.formulas),
    ):
        share = f" ({lost / n_all:.2%})" if n_all else ""
        lines.append(f"{counts.per_thousand(lost):10,.0f}  {name}: {lost:,} of {n_all:,}{share}")
    lines += _names("numbers in what was dropped", counts.lost_by)
    lines += _names("templates without a rule", counts.unknown_templates)
    return lines


def _names(label: str, names: Counter[str]) -> list[str]:
    ordered = sorted(names.items(), key=lambda item: (-item[1], item[0]))[:_N_NAMES]
    if not ordered:
        return []
    more = f" and {len(names) - len(ordered):,} more" if len(names) > len(ordered) else ""
    return [f"{label}: {', '.join(f'{name} {n:,}' for name, n in ordered)}{more}"]
