"""Passages to write questions from, read from a corpus, with the article of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from llmexam.authoring.item import Source
from llmexam.evidence.corpus import CorpusSettings, corpus_files, read_rows
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
            has several parts, else the title if there is one, else the id. Ids that a table lacks
            and that are therefore numbers of rows count as one part.

    Raises:
        CorpusError: A corpus cannot be read.
    """
    sources = [
        c if isinstance(c, CorpusSettings) else CorpusSettings(path=Path(c)) for c in corpora
    ]
    labels = {
        path: (label, _is_table(path, settings))
        for settings in sources
        for path, label in corpus_files(settings)
    }
    for path, row, passage in read_rows(sources):
        label, is_table = labels[path]
        # Ids that an earlier file used have the name of their file in front.
        own = passage.id
        while own.startswith(f"{label}/"):
            own = own.removeprefix(f"{label}/")
        before = passage.id.removesuffix(own)
        has_parts = not (is_table and own == f"{label}:{row}")
        cluster = _cluster(replace(passage, id=own), cluster_by, has_parts=has_parts)
        yield Source(passage, cluster if cluster == passage.title else f"{before}{cluster}")


def _is_table(path: Path, settings: CorpusSettings) -> bool:
    """Return whether each row of a file is a document; a text file is a single article."""
    if settings.format != "auto":
        return settings.format in ("jsonl", "csv", "parquet")
    return not path.name.removesuffix(".gz").lower().endswith((".txt", ".md", ".markdown"))


def _cluster(passage: Passage, cluster_by: ClusterBy, *, has_parts: bool = True) -> str:
    """Return the article of a passage.

    >>> _cluster(Passage("text", title="Opal", id="enwiki:12:3"), "auto")
    'enwiki:12'
    >>> _cluster(Passage("text", title="Opal", id="12"), "auto")
    'Opal'
    """
    parts = _LAST_PART.match(passage.id) if has_parts else None
    match cluster_by:
        case "passage":
            return passage.id
        case "title":
            return passage.title or passage.id
        case "id":
            return parts[1] if parts else passage.id
        case _:
            return parts[1] if parts else passage.title or passage.id
