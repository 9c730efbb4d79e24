"""Unpacking of compressed files (gzip, bzip2, xz, Zstandard), with a limit on the unpacked size."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zlib
from typing import IO, Any, cast

from llmexam.errors import ExamError

LIMIT_VARIABLE = "LLMEXAM_MAX_UNPACKED"
"""Environment variable with the largest unpacked size of a file, in bytes."""

DEFAULT_LIMIT = 2 * 1024**3
_CHUNK = 1 << 20
_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
SUFFIXES = frozenset({".gz", ".bz2", ".xz", ".zst"})


def unpacked_limit() -> int:
    """Return the largest unpacked size of a file, in bytes.

    Raises:
        ExamError: The variable is not a positive whole number.
    """
    given = os.environ.get(LIMIT_VARIABLE)
    if not given:
        return DEFAULT_LIMIT
    if not given.isdecimal() or int(given) == 0:
        raise ExamError(
            f"expected a number of bytes in the variable {LIMIT_VARIABLE}, got '{given}'"
        )
    return int(given)


def too_large(limit: int) -> ExamError:
    """Return the error of a file whose content is larger than the limit."""
    return ExamError(
        f"the content is larger than {limit:,} bytes when unpacked",
        hint=f"If the file is trusted, set the variable {LIMIT_VARIABLE} to a larger number",
    )


def unpack(data: bytes) -> bytes:
    """Return the content of a compressed file; any other content is returned unchanged.

    The size is counted while the content is unpacked.

    Raises:
        ExamError: The file is damaged, or its content is larger than the limit.
    """
    kind = next((name for mark, name in _SIGNATURES.items() if data.startswith(mark)), None)
    if kind is None:
        return data
    limit = unpacked_limit()
    chunks: list[bytes] = []
    size = 0
    try:
        with _open(kind, data) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                chunks.append(chunk)
    except (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise ExamError(
            f"is a damaged {kind} archive: {str(error).splitlines()[0]}", hint="Download it again"
        ) from None
    return b"".join(chunks)


def _open(kind: str, data: bytes) -> IO[bytes]:
    if kind == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=io.BytesIO(data)))
    if kind == "bzip2":
        return bz2.BZ2File(io.BytesIO(data))
    if kind == "xz":
        return lzma.LZMAFile(io.BytesIO(data))
    # pyarrow takes longer to import than most exams to read.
    import pyarrow as pa

    stream: Any = pa.CompressedInputStream(pa.BufferReader(data), "zstd")
    return cast(IO[bytes], stream)
