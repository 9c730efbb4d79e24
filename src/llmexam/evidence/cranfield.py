"""The Cranfield retrieval collection: 1,400 abstracts, 225 queries and relevance judgements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import CorpusError
from llmexam.evidence.judgements import Judgements, read_qrels
from llmexam.exam.question import Passage

_N_DOCUMENTS = 1400
_N_QUERIES = 225
# The files grade in reverse: 1 is a complete answer, 4 of least interest, 5 or -1 of none.
_GAINS = {1: 4, 2: 3, 3: 2, 4: 1}
_RECORD = re.compile(r"^\.I\s+(\d+)\s*$", re.MULTILINE)
_FIELD = re.compile(r"^\.([TABW])[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cranfield:
    """Documents, queries and relevance judgements of a retrieval collection.

    Attributes:
        documents: Title and abstract of every document.
        queries: Query id to its text.
        judgements: Query id to document id to grade.
    """

    documents: tuple[Passage, ...]
    queries: dict[str, str]
    judgements: Judgements


def read_cranfield(folder: str | Path) -> Cranfield:
    """Read `cran.all.1400`, `cran.qry` and `cranqrel` from a folder.

    Some copies of the collection hold documents past 1400 and queries past the 225th that
    nobody judged; they are left out, as are the two documents without text. `cranqrel` names
    queries by their place (1 to 225), not by the numbers in `cran.qry`. Its grade 1 is a
    complete answer and 4 of least interest; here they are reversed, so that higher is
    better, and -1 (not relevant) becomes 0.

    Raises:
        CorpusError: A file is missing or has another format.
    """
    root = Path(folder)
    documents = []
    for number, fields in _records(root / "cran.all.1400"):
        title = fields.get("T", "")
        # In these files the abstract repeats the title at its start.
        text = fields.get("W", "").removeprefix(title).strip()
        if number <= _N_DOCUMENTS and (title or text):
            documents.append(Passage(text=text, title=" ".join(title.split()), id=str(number)))
    queries = {
        str(place): " ".join(fields["W"].split())
        for place, (_, fields) in enumerate(_queries(root / "cran.qry"), 1)
    }
    return Cranfield(tuple(documents), queries, _judgements(root / "cranqrel", queries))


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise CorpusError("file not found", file=path)
    text = path.read_text(encoding="latin-1")
    starts = list(_RECORD.finditer(text))
    if not starts:
        raise CorpusError("expected a Cranfield file, but no line begins with .I", file=path)
    for here, after in zip(starts, [*starts[1:], None], strict=True):
        body = text[here.end() : after.start() if after else len(text)]
        parts = _FIELD.split(body)
        yield (
            int(here[1]),
            {name: content.strip() for name, content in zip(parts[1::2], parts[2::2], strict=True)},
        )


def _queries(path: Path) -> list[tuple[int, dict[str, str]]]:
    records = list(_records(path))[:_N_QUERIES]
    for number, fields in records:
        if not fields.get("W"):
            raise CorpusError(f"query .I {number} has no text", file=path, field=".W")
    return records


def _judgements(path: Path, queries: dict[str, str]) -> Judgements:
    judgements = {
        query: {document: _GAINS.get(grade, 0) for document, grade in grades.items()}
        for query, grades in read_qrels(path).items()
    }
    unknown = sorted(set(judgements) - set(queries))
    if unknown:
        raise CorpusError(f"judgement for unknown query {unknown[0]}", file=path)
    return judgements
