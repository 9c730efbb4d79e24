"""How text becomes the terms of a sparse index, and which terms of a query are looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log, sqrt
from typing import TYPE_CHECKING, Any

from pydantic import Field

from llmexam.settings.base import Settings

if TYPE_CHECKING:
    import tantivy

# Kept in the manifest: an index whose terms were made in another way cannot be searched.
ANALYSIS: Mapping[str, Any] = {
    "tokens": "runs of letters and digits",
    "longest_token_bytes": 60,
    "lower_case": True,
    "ascii_fold": True,
    "stemmer": "english",
    "stop_words": "english, in queries only",
}


class SearchSettings(Settings):
    """Search settings of a sparse index."""

    budget: float | None = Field(
        default=0.25,
        gt=0,
        description="limit of postings read per query, as a multiple of the number of passages; "
        "null for no limit. The least informative terms beyond it are ignored",
    )
    free_entries: int = Field(
        default=50_000, ge=0, description="number of postings that every query may read"
    )
    threads: int | None = Field(
        default=None, ge=1, description="number of search threads; null for the number of cores"
    )


def build_analyzer(*, stop_words: bool) -> tantivy.TextAnalyzer:
    """Return the analyzer for passages, or (with `stop_words` dropped) the one for queries."""
    import tantivy

    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(ANALYSIS["longest_token_bytes"]))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
    )
    if stop_words:
        builder = builder.filter(tantivy.Filter.stopword("english"))
    return builder.filter(tantivy.Filter.stemmer("english")).build()


def idf(document_frequency: int, n_passages: int) -> float:
    """Return the inverse document frequency of BM25, as in Lucene and tantivy.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009),
    with the 1 inside the logarithm that keeps it positive.

    >>> round(idf(1, 10), 3)
    1.992
    """
    return log(1 + (n_passages - document_frequency + 0.5) / (document_frequency + 0.5))


def worth_per_occurrence(document_frequency: int, n_passages: int) -> float:
    """Return what looking up a term brings for what it costs: idf / sqrt(entries read).

    >>> round(worth_per_occurrence(4, 10), 3)
    0.447
    """
    return idf(document_frequency, n_passages) / sqrt(document_frequency)


def choose_terms(
    tokens: Sequence[str],
    look_up: Callable[[str], tuple[int, float]],
    n_passages: int,
    settings: SearchSettings,
) -> list[tuple[str, int]]:
    """Return the terms of a query to look up, with how often each occurs in it.

    A term brings at most occurrences x idf to a score (times a constant) and costs as many
    entries as passages it is in. While the budget lasts, terms are taken in order of occurrences
    x `worth_per_occurrence`; the first always is, and one that does not fit is passed over. Ties
    go by alphabet; terms that no passage has are left out.

    Args:
        tokens: The terms of the query, repeated as in the query.
        look_up: Gives a term's document frequency and its `worth_per_occurrence`.
        n_passages: Passages in the index.
        settings: The budget.
    """
    worth = []
    n_entries = 0
    for term, n in Counter(tokens).items():
        frequency, one = look_up(term)
        if frequency:
            n_entries += frequency
            worth.append((-n * one, term, n, frequency))
    worth.sort()
    budget = float(n_entries)
    if settings.budget is not None:
        budget = max(settings.free_entries, settings.budget * n_passages)
    chosen: list[tuple[str, int]] = []
    for _, term, n, frequency in worth:
        if frequency <= budget or not chosen:
            chosen.append((term, n))
            budget -= frequency
    return chosen
