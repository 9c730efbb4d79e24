"""How text becomes the terms of a sparse index, and which terms of a query are looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any

from pydantic import Field

from llmexam.settings import Settings

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
    """Which terms of a long query are looked up, and on how many threads."""

    max_terms: int | None = Field(
        default=20, ge=1, description="Most distinct terms a query; null for no limit."
    )
    max_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="A term that is in more than this share of the passages is left out...",
    )
    min_terms: int = Field(
        default=8, ge=1, description="...unless fewer than this many terms would be left."
    )
    threads: int | None = Field(
        default=None, ge=1, description="Search threads; null for the number of cores."
    )


UNPRUNED = SearchSettings(max_terms=None, max_share=1.0)


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


def choose_terms(
    tokens: Sequence[str],
    document_frequency: Callable[[str], int],
    n_passages: int,
    settings: SearchSettings,
) -> list[tuple[str, int]]:
    """Return the terms of a query to look up, with how often each occurs in it.

    Terms go from heaviest to lightest, where the weight is occurrences x idf: the share of the
    score they can bring. A term costs time in proportion to the passages it is in, so frequent
    terms are left out, but never so many that fewer than `min_terms` remain. Ties go by
    alphabet; terms that no passage has are left out.
    """
    weighed = []
    for term, n in Counter(tokens).items():
        frequency = document_frequency(term)
        if frequency:
            weighed.append((-n * idf(frequency, n_passages), term, n, frequency))
    weighed.sort()
    limit = settings.max_terms or len(weighed)
    rare = [item for item in weighed if item[3] <= settings.max_share * n_passages][:limit]
    n_more = min(settings.min_terms, limit) - len(rare)
    if n_more > 0:
        frequent = [item for item in weighed if item[3] > settings.max_share * n_passages]
        # Among frequent terms the rarer ones tell more apart.
        rare += frequent[:n_more]
    return [(term, n) for _, term, n, _ in rare]
