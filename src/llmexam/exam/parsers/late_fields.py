"""Fields of questions that first appear after the records from which the shape was recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from llmexam.errors import ExamError
from llmexam.exam.parsers import naming
from llmexam.exam.parsers.naming import folded
from llmexam.exam.parsers.rows import Record, Row
from llmexam.exam.parsers.shapes import SHAPES
from llmexam.exam.parsers.unfolding import flat

_PREFIXES = "|".join({*naming.OPTION_PREFIXES, *naming.DISTRACTOR_PREFIXES})
_OF_SERIES = re.compile(rf"(?:{_PREFIXES})(?:[a-z]|\d{{1,2}})")
_MOST_RECORDS = 1000


def _known_names() -> frozenset[str]:
    """Return all names that a part of a question may have."""
    found = {*naming.PROMPTS, *naming.OPTION_LISTS, *naming.ANSWERS, *naming.DISTRACTORS}
    found |= {*naming.RIGHT_TEXTS, *naming.PASSAGES, *naming.CONTEXTS, *naming.IDS}
    for shape in SHAPES.values():
        needs = (one for need in shape.needs for one in need.split("|"))
        found |= {*shape.prompt, *shape.options, *shape.columns, *shape.answer, *shape.passages}
        found |= {*shape.contexts, *map(folded, needs)}
    return frozenset(found)


_KNOWN = _known_names()


class LateFields:
    """Records with fields that the first records of a file lack, and that may be of a question.

    Args:
        sample: The first records, flat.
        is_needed: Whether records may have fields of their own, as in JSON.

    Attributes:
        records: These records, flat; filled while the rows are read.
    """

    def __init__(self, sample: Iterable[Record], *, is_needed: bool) -> None:
        self.records: list[Record] = []
        self._names = {name for record in sample for name in record}
        self._is_needed = is_needed

    def flat_rows(self, rows: Iterable[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
        """Yield the rows with flat records, and keep the records with such fields."""
        names, is_needed = self._names, self._is_needed
        for row, record in rows:
            if not isinstance(record, ExamError):
                record = flat(record)
                if is_needed and not record.keys() <= names:
                    self._add(record, [name for name in record if name not in names])
            yield row, record

    def _add(self, record: Record, new: Sequence[str]) -> None:
        self._names.update(new)
        if any(folded(one) in _KNOWN or _OF_SERIES.fullmatch(folded(one)) for one in new) and (
            len(self.records) < _MOST_RECORDS
        ):
            self.records.append(record)
