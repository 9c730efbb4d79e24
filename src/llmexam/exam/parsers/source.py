"""The bytes of an exam file, with checks that all formats share."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers.encodings import Decoded, decode
from llmexam.exam.parsers.unpacking import unpack

MAX_FIELD_CHARACTERS = 256 * 1024 * 1024
"""The longest CSV field that is read, in characters; the csv module's own bound is 131,072."""

_SIGNATURES = {
    b"PK\x03\x04": "a zip archive (or an Excel workbook)",
    b"\xd0\xcf\x11\xe0": "an old Office document, such as an .xls workbook",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF": "a PDF document",
    b"SQLite format": "an SQLite database",
}
_N_START = 200_000
STDIN = "-"
"""Where a path is expected: standard input."""


@dataclass(frozen=True)
class CsvRecord:
    """One record of a CSV file: the header's names and the record's cells, unchanged."""

    header: tuple[str, ...]
    cells: list[str]

    def as_dict(self) -> dict[str, str]:
        """Return the cells by name.

        Raises:
            ExamError: The record has another number of cells than the header.
        """
        if len(self.cells) != len(self.header):
            raise ExamError(
                f"expected {len(self.header)} cells as in the header, got {len(self.cells)}",
                hint='Put texts that contain commas or line breaks in double quotes ("...")',
            )
        return dict(zip(self.header, self.cells, strict=True))


@dataclass(frozen=True)
class JsonLine:
    """One unparsed line of a JSON Lines file."""

    number: int
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return the object on this line.

        Raises:
            ExamError: The line is not JSON, or not an object.
        """
        value = parse_json(self.text, f"line {self.number}")
        if not isinstance(value, dict):
            raise ExamError(
                f"line {self.number}: expected a JSON object",
                hint="Write one {...} per line",
            )
        return value


@dataclass(frozen=True)
class SourceFile:
    """A file read into memory.

    Attributes:
        path: Its path.
        data: Its bytes, unpacked if the file is compressed.
        packed_sha256: SHA-256 of the bytes of a compressed file; empty for others.
        encoding: Encoding that the user gave; by default it is recognised.
        is_strict: Whether text must be UTF-8, as graders of submissions demand.
    """

    path: Path
    data: bytes
    packed_sha256: str = ""
    encoding: str | None = None
    is_strict: bool = True

    @classmethod
    def load(
        cls, path: str | Path, *, encoding: str | None = None, is_strict: bool = True
    ) -> SourceFile:
        """Read a file, and unpack it if it is compressed.

        Args:
            path: The file, or `-` for standard input.
            encoding: Encoding of its text; recognised by default.
            is_strict: Whether text must be UTF-8.

        Raises:
            ExamError: The file is missing, a folder, not readable by this user, damaged, or empty.
        """
        path = Path(path)
        if str(path) == STDIN:
            return cls._of(path, _standard_input(), encoding, is_strict)
        if path.is_dir():
            raise ExamError(
                "expected a file, got a folder", file=path, hint="Give the path of a file inside it"
            )
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(path) from None
        except PermissionError:
            raise ExamError(
                "cannot be read: permission denied", file=path, hint="Check the file's permissions"
            ) from None
        return cls._of(path, data, encoding, is_strict)

    @classmethod
    def _of(cls, path: Path, packed: bytes, encoding: str | None, is_strict: bool) -> SourceFile:
        try:
            data = unpack(packed)
        except ExamError as error:
            raise ExamError(error.message, file=path, hint=error.hint) from None
        if not data.removeprefix(b"\xef\xbb\xbf").strip():
            raise ExamError("the file is empty", file=path, hint="Add questions")
        digest = "" if data is packed else hashlib.sha256(packed).hexdigest()
        return cls(path, data, digest, encoding, is_strict)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes as they are on disk, 64 hexadecimal digits."""
        return self.packed_sha256 or hashlib.sha256(self.data).hexdigest()

    @property
    def is_parquet(self) -> bool:
        """Whether the file starts with Parquet's magic bytes."""
        return self.data[:4] == b"PAR1"

    @property
    def start(self) -> SourceFile:
        """The first lines of a large text, which are enough to tell its kind; else the file."""
        data = self.data
        if len(data) <= _N_START or self.is_zip or self.is_parquet or b"\0" in data[:100]:
            return self
        end = data.rfind(b"\n", 0, _N_START)
        return self if end < 0 else replace(self, data=data[:end])

    @cached_property
    def has_lone_returns(self) -> bool:
        """Whether carriage returns alone end lines, or may do so in UTF-16."""
        n_returns = self.data.count(b"\r")
        return n_returns > 0 and n_returns != self.data.count(b"\r\n")

    @property
    def is_zip(self) -> bool:
        """Whether the file is a zip archive, as Excel workbooks are."""
        return self.data[:4] == b"PK\x03\x04"

    @property
    def text(self) -> str:
        """The file as text, without a byte order mark.

        Raises:
            ExamError: It is binary, or its encoding is unknown.
        """
        return self.decoded.text

    @cached_property
    def decoded(self) -> Decoded:
        """The text, its encoding, and a note on it.

        Raises:
            ExamError: It is binary, or its encoding is unknown.
        """
        for signature, kind in _SIGNATURES.items():
            if self.data.startswith(signature):
                raise self.error(
                    f"expected a text file, got {kind}", hint="Unpack or export it first"
                )
        try:
            return decode(self.data, self.encoding, is_strict=self.is_strict)
        except ExamError as error:
            raise self.error(error.message, hint=error.hint) from None

    def error(self, message: str, *, row: int | None = None, hint: str | None = None) -> ExamError:
        """Return an error that names this file."""
        return ExamError(message, file=self.path, row=row, hint=hint)

    def csv_rows(self) -> Iterator[list[str]]:
        """Yield the rows of a CSV file, header included; blank lines are left out.

        Raises:
            ExamError: The quoting is broken.
        """
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))
        reader = csv.reader(io.StringIO(self.text, newline=""), strict=True)
        n_rows = 0
        try:
            for cells in reader:
                if cells:
                    yield cells
                    n_rows += 1
        except csv.Error as error:
            raise self.error(
                f"invalid CSV near line {reader.line_num}: {error}",
                row=n_rows if n_rows else None,
                hint='Inside a quoted field, write double quotes twice ("")',
            ) from None

    @cached_property
    def csv_header(self) -> tuple[str, ...]:
        """Return the names in the first row of a CSV file, stripped of white space."""
        return tuple(name.strip() for name in next(self.csv_rows(), []))

    def csv_records(self) -> Iterator[CsvRecord]:
        """Yield the records below the header of a CSV file.

        Raises:
            ExamError: Two columns have the same name, or the quoting is broken.
        """
        header = self.csv_header
        repeated = next((name for name in header if header.count(name) > 1), None)
        if repeated is not None:
            raise self.error(f"two columns have the name '{repeated}'", hint="Rename one of them")
        rows = self.csv_rows()
        next(rows, None)
        for cells in rows:
            yield CsvRecord(header, cells)

    def json_lines(self) -> Iterator[JsonLine]:
        """Yield the non-blank lines."""
        # Not str.splitlines: it also splits at U+2028 and others, which JSON texts may contain.
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.strip():
                yield JsonLine(number, line)

    @cached_property
    def first_json(self) -> dict[str, Any]:
        """Return the first object of a JSON or JSON Lines file; empty if there is none."""
        start = self.text.find("{")
        if start < 0 or self.text[:start].strip(" \t\r\n["):
            return {}
        try:
            value, _ = json.JSONDecoder().raw_decode(self.text, start)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def parse_json(text: str, where: str) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The JSON.
        where: Name of the text for the error, such as "line 3".

    Raises:
        ExamError: The text is not valid JSON, or an object has a repeated key.
    """

    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            # `json` would silently drop the first value.
            raise ExamError(
                f"{where}: key '{twice}' appears twice in one object", hint="Remove one of them"
            )
        return record

    try:
        return json.loads(text, object_pairs_hook=without_repeats)
    except json.JSONDecodeError as error:
        raise ExamError(
            f"{where}: invalid JSON: {error.msg} at character {error.pos + 1}",
            hint="Check that the file is complete",
        ) from None
    except (RecursionError, ValueError) as error:
        raise ExamError(f"{where}: invalid JSON: {error}") from None


@cache
def _standard_input() -> bytes:
    # It can be read only once, and a command may look at an exam twice.
    return sys.stdin.buffer.read()


def _missing(path: Path) -> ExamError:
    if not path.parent.is_dir():
        return ExamError(
            "file not found, and its folder does not exist", file=path, hint="Check the path"
        )
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    close = get_close_matches(path.name, names, n=1, cutoff=0.5)
    hint = f"Did you mean '{path.parent / close[0]}'?" if close else "Check the path"
    return ExamError("file not found", file=path, hint=hint)
