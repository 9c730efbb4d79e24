"""Passages to write questions from, read from a corpus, with the article of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from llmexam.authoring.item import Source
from llmexam.evidence.corpus import CorpusSettings, read_corpus
from llmexam.exam.question import Passage

ClusterBy = Literal["auto", "id", "title", "passage"]

# `enwiki:12:3`, `book/module/paragraph` and `page#2`: the last part numbers the passage.
_LAST_PART = re.compile(r"^(.+)[/:#][^/:#]+$", re.DOTALL)


def read_sources(
    corpora: Iterable[CorpusSettings | str | Path], cluster_by: ClusterBy = "auto"
) -> Iterator[Source]:
    """Yield the passages of one or more corpora as a stream.

    Args:
        corpora: Files or folders, or settings for them.
        cluster_by: Article of a passage. id: the id without its last part, as in `enwiki:12:3`;
            title: the title; passage: each passage is an article of its own; auto: the id if it
            has several parts, else the title if there is one, else the id.

    Raises:
        CorpusError: A corpus cannot be read.
    """
    for passage in read_corpus(corpora):
        yield Source(passage, _cluster(passage, cluster_by))


def _cluster(passage: Passage, cluster_by: ClusterBy) -> str:
    """Return the article of a passage.

    >>> _cluster(Passage("text", title="Opal", id="enwiki:12:3"), "auto")
    'enwiki:12'
    >>> _cluster(Passage("text", title="Opal", id="12"), "auto")
    'Opal'
    """
    parts = _LAST_PART.match(passage.id)
    match cluster_by:
        case "passage":
            return passage.id
        case "title":
            return passage.title or passage.id
        case "id":
            return parts[1] if parts else passage.id
        case _:
            return parts[1] if parts else passage.title or passage.id
