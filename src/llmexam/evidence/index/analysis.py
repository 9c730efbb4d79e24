"""Text analysis of a sparse index, and selection of query terms."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log, sqrt
from typing import TYPE_CHECKING, Any

from pydantic import Field

from llmexam.exam.segmentation import non_ascii, segmented
from llmexam.settings.base import Settings

if TYPE_CHECKING:
    import tantivy

# Stored in the manifest: queries must be analysed in the same way as the indexed passages.
ANALYSIS_BEFORE_SCRIPTS: Mapping[str, Any] = {
    "tokens": "runs of letters and digits",
    "longest_token_bytes": 60,
    "lower_case": True,
    "ascii_fold": True,
    "stemmer": "english",
    "stop_words": "english, in queries only",
}
"""Analysis of indexes built before scripts without spaces were cut; they can still be searched."""

ANALYSIS: Mapping[str, Any] = {
    **ANALYSIS_BEFORE_SCRIPTS,
    "unicode": "NFKC",
    "scripts_without_spaces": "pairs of characters, in passages single characters, too",
}
# The tokenizer splits at many marks, such as the virama of Hindi and the tones of Thai. Letters of
# a script that nobody types stand in for them.
_FIRST_STAND_IN = 0x30000
_N_STAND_INS = 0x1000


class SearchSettings(Settings):
    """Search settings of a sparse index."""

    budget: float | None = Field(
        default=1.0,
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
    """Return the analyzer for passages, or the one for queries, which drops stop words."""
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


def analysable(text: str, *, is_query: bool) -> str:
    """Return a text that the analyzer cuts into terms, whatever its script.

    It is in NFKC, scripts without spaces are cut into pairs of characters, and marks that combine
    with a letter stay in its word. Texts in ASCII stay as they are.

    Args:
        text: A passage or a query.
        is_query: Whether it is a query. Passages have single characters beside the pairs, so
            that a query of one character finds them.
    """
    if text.isascii():
        return text
    text = segmented(text, all_singles=not is_query)
    marks = {c for c in set(non_ascii(text)) if unicodedata.category(c) in ("Mn", "Mc")}
    if not marks:
        return text
    # Accents are removed from ASCII letters with composed forms, too.
    return text.translate(
        {ord(c): None if c < "\u0370" else _FIRST_STAND_IN + ord(c) % _N_STAND_INS for c in marks}
    )


def idf(document_frequency: int, n_passages: int) -> float:
    """Return the inverse document frequency of BM25, as in Lucene and tantivy.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009),
    with the 1 inside the logarithm that keeps it positive.

    >>> round(idf(1, 10), 3)
    1.992
    """
    return log(1 + (n_passages - document_frequency + 0.5) / (document_frequency + 0.5))


def worth_per_occurrence(document_frequency: int, n_passages: int) -> float:
    """Return the value of a query term per cost of reading its postings: idf / sqrt(postings).

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
    """Return the query terms to search for, with the number of occurrences of each.

    A term adds at most occurrences x idf to a score (times a constant), and reading it costs one
    posting per passage that contains it. Terms are taken in descending order of occurrences x
    `worth_per_occurrence` while they fit the budget; a term that does not fit is skipped, and the
    first one is always taken. Ties are broken alphabetically; terms of no passage are left out.

    Args:
        tokens: The terms of the query, repeated as in the query.
        look_up: Returns the document frequency of a term and its `worth_per_occurrence`.
        n_passages: Passages in the index.
        settings: The budget of postings.
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
