"""Features of a pair of texts: what changed from the original to the rewritten one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.normalise import words_of
from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.rewrites import Rewrite, RewriteExam

Floats = NDArray[np.float32]

OPENING = 200
"""Characters of the opening of a text, where its kind shows."""
NO_WORDS = "none"
"""What `new_words` returns if there are none."""
_N_NEW_WORDS = 48
_SHORTEST_WORD = 4
_N_FORM = 5


def pair_features(items: RewriteExam, vectors: TextVectors) -> Floats:
    """Return features of each row, shape `[n_rows, 5 * dim + 5]`.

    These are unit vectors of both texts, of the opening of the rewritten text, and of the words
    that only it has; the difference of the first two; and measures of form: logarithms of length
    and line length, and shares of capitals, marks and punctuation in the rewritten text minus
    those in the original. Poems, lists and shouting show in the form.
    """
    before = vectors.encode(items.originals)
    after = vectors.encode(items.rewrittens)
    opening = vectors.encode([row.rewritten[:OPENING] for row in items])
    new = vectors.encode([new_words(row) for row in items])
    form = np.array([_form(row.rewritten) - _form(row.original) for row in items])
    form = form.reshape(-1, _N_FORM).astype(np.float32)
    return np.concatenate([before, after, after - before, opening, new, form], axis=1)


def added_vectors(items: RewriteExam, vectors: TextVectors) -> Floats:
    """Return what the rewrites added, as vectors to compare with prompts, `[n_rows, dim]`.

    The vector of the rewritten text plus that of its new words, minus that of the original: the
    subject of the text, which a prompt seldom names, cancels out.
    """
    added: Floats = (
        vectors.encode(items.rewrittens)
        + vectors.encode([new_words(row) for row in items])
        - vectors.encode(items.originals)
    )
    return added


def new_words(row: Rewrite) -> str:
    """Return the first words of the rewritten text that the original lacks; "none" without any.

    >>> new_words(Rewrite("1", "The sea is calm.", "O calm waters, gently rolling waters!"))
    'waters gently rolling'
    """
    known = set(words_of(row.original))
    found = [
        word
        for word in dict.fromkeys(words_of(row.rewritten))
        if word not in known and len(word) >= _SHORTEST_WORD and not word.isdigit()
    ]
    return " ".join(found[:_N_NEW_WORDS]) or NO_WORDS


def _form(text: str) -> NDArray[np.float64]:
    n = len(text) + 1
    lines = [line for line in text.split("\n") if line.strip()]
    return np.array(
        [
            np.log(n) / 2,
            np.log(n / (len(lines) + 1)) / 2,
            20 * sum(c.isupper() for c in text) / n,
            20 * sum(c in "!?" for c in text) / n,
            5 * sum(not (c.isalnum() or c.isspace()) for c in text) / n,
        ]
    )
