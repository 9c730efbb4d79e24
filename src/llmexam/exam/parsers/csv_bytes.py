"""CSV files that pyarrow parses, if they are well-formed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_QUOTE, _NEW_LINE, _RETURN = 34, 10, 13
_BLOCK = 1 << 26


@dataclass(frozen=True)
class CsvBytes:
    """A CSV file that is not yet parsed, and has no carriage returns but before line feeds.

    Attributes:
        data: The bytes of the file, in UTF-8.
        start: Where the first row begins, after the header.
        header: Names of the columns.
        separator: What separates cells.
    """

    data: bytes
    start: int
    header: tuple[str, ...]
    separator: str

    def table(self) -> pa.Table | None:
        """Return the cells as columns of texts, or None if the rows are not well-formed."""
        # pyarrow takes longer to import than most exams to read.
        import pyarrow as pa
        from pyarrow import csv

        if not self._is_well_formed():
            return None
        try:
            return csv.read_csv(
                pa.BufferReader(pa.py_buffer(self.data).slice(self.start)),
                read_options=csv.ReadOptions(column_names=self.header, block_size=_BLOCK),
                parse_options=csv.ParseOptions(
                    delimiter=self.separator, newlines_in_values=True, ignore_empty_lines=True
                ),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(self.header, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
        except (pa.ArrowException, OSError):
            return None

    def _is_well_formed(self) -> bool:
        """Return whether every quote is beside a separator, a line break or another quote."""
        if b"\n" not in self.data:
            return False
        if b'"' not in self.data:
            return True
        data = np.frombuffer(self.data, dtype=np.uint8, offset=self.start)
        places = np.flatnonzero(data == _QUOTE)
        is_end = np.zeros(256, dtype=np.bool_)
        is_end[[_QUOTE, _NEW_LINE, _RETURN, ord(self.separator)]] = True
        before = data[np.maximum(places - 1, 0)]
        after = data[np.minimum(places + 1, len(data) - 1)]
        return bool((is_end[before] | is_end[after]).all())
