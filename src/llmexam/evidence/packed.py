"""Opening of corpus files, plain or packed, with bounds on what a small file can expand to."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from llmexam.errors import CorpusError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A file may expand to this size whatever its own size is.
_FREE_BYTES = 256_000_000


class Bounds:
    """Bounds on what is read from one file.

    Args:
        path: The file, for error messages.
        max_record_mb: Largest line or record, in MB.
        max_expansion: Largest ratio of unpacked to packed bytes.
    """

    def __init__(self, path: Path, max_record_mb: int, max_expansion: int) -> None:
        self._path = path
        self._max_mb = max_record_mb
        self._max_expansion = max_expansion
        self.n_bytes = max(_FREE_BYTES, path.stat().st_size * max_expansion)
        self.record_bytes = max_record_mb * 1_000_000

    def too_large(self) -> CorpusError:
        """Return the error about a packed file that expands too much."""
        return CorpusError(
            f"expands to more than {self._max_expansion:,} times its size",
            file=self._path,
            hint=f"If you trust it, set max_expansion above {self._max_expansion}",
        )

    def too_long(self, row: int | None = None) -> CorpusError:
        """Return the error about a record that is too long."""
        return CorpusError(
            f"a line or a record has more than {self._max_mb:,} MB",
            file=self._path,
            row=row,
            hint=f"Split it, or set max_record_mb above {self._max_mb}",
        )


class BoundedReader(io.RawIOBase):
    """A stream of bytes that counts what is read from it, and how long the current line is.

    Args:
        stream: Where the bytes come from; it is closed with this one.
        bounds: The bounds of the file.
        is_packed: Whether the stream unpacks a file.
    """

    def __init__(self, stream: IO[bytes], bounds: Bounds, *, is_packed: bool) -> None:
        self._stream = stream
        self._bounds = bounds
        self._is_packed = is_packed
        self._n_bytes = self._line_bytes = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into a buffer.

        Raises:
            CorpusError: More was read than the bounds allow.
        """
        n = int(self._stream.readinto(buffer))  # type: ignore[attr-defined]
        self._n_bytes += n
        if self._is_packed and self._n_bytes > self._bounds.n_bytes:
            raise self._bounds.too_large()
        last = bytes(memoryview(buffer)[:n]).rfind(b"\n")
        self._line_bytes = n - last - 1 if last >= 0 else self._line_bytes + n
        if self._line_bytes > self._bounds.record_bytes:
            raise self._bounds.too_long()
        return n

    def close(self) -> None:
        """Close the stream that is read from."""
        self._stream.close()
        super().close()


def open_bytes(path: Path, bounds: Bounds) -> io.BufferedReader[BoundedReader]:
    """Open a corpus file, unpacked if its name ends in .gz.

    Raises:
        CorpusError: It is empty or a binary file. Reading raises it where bounds are passed.
    """
    if path.stat().st_size == 0:
        raise CorpusError("the file is empty", file=path)
    is_packed = path.suffix == ".gz"
    opened = cast(IO[bytes], gzip.open(path)) if is_packed else path.open("rb")  # noqa: SIM115
    stream = io.BufferedReader(BoundedReader(opened, bounds, is_packed=is_packed), 1 << 16)
    try:
        if b"\0" in stream.peek(1):
            raise CorpusError(
                "expected UTF-8 text, got NUL characters (a binary file?)",
                file=path,
                hint="Give a text file in UTF-8",
            )
    except BaseException:
        stream.close()
        raise
    return stream


def open_text(path: Path, bounds: Bounds, newline: str | None = None) -> IO[str]:
    """Open a corpus file as UTF-8 text, as `open_bytes` does.

    Raises:
        CorpusError: As `open_bytes`.
    """
    return io.TextIOWrapper(open_bytes(path, bounds), encoding="utf-8-sig", newline=newline)
