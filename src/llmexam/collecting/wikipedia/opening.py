"""Open dumps by their content: compressed or not, XML, JSON Lines, or tar archives of them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

from llmexam.errors import CorpusError

DumpKind = Literal["xml", "enterprise", "extractor"]
_HEAD = 1 << 16
# MediaWiki limits a page to 2 MB of wikitext; its HTML is larger. A small compressed file can
# expand to any size, and a page is held in memory.
_MOST_BYTES = 1 << 28
_TOO_LARGE = "a page of more than {:,} MB"
BROKEN_STREAM = (EOFError, OSError, zlib.error, tarfile.TarError)
"""What a damaged or truncated compressed file raises while it is read."""


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A file of a dump and what it holds."""

    path: Path
    kind: DumpKind
    is_tar: bool = False


class Steady:
    """A binary stream that returns what it could decompress before it raises.

    A plain `read(n)` of a truncated archive loses the bytes that it had before the error.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = cast("io.BufferedReader", stream)
        self._n_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, from one read of the stream below.

        Raises:
            ValueError: More than 256 MB were read since the last call of `start_page`.
        """
        found = self._stream.read1(size if size > 0 else _HEAD)
        self._n_bytes += len(found)
        if self._n_bytes > _MOST_BYTES:
            raise ValueError(_TOO_LARGE.format(_MOST_BYTES >> 20))
        return found

    def start_page(self) -> None:
        """Count the bytes of the next page or revision from 0."""
        self._n_bytes = 0


def find_dumps(paths: list[Path]) -> list[DumpFile]:
    """Return the files of dumps in order; folders are searched.

    Raises:
        CorpusError: A path does not exist, or a file is no dump.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inner = sorted(
                p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))
            )
            if not inner:
                raise CorpusError("the folder contains no file", file=path)
            found += [detect(file) for file in inner]
        elif path.is_file():
            found.append(detect(path))
        else:
            raise CorpusError("file or folder not found", file=path)
    seen: set[Path] = set()
    for dump in found:
        if dump.path.resolve() in seen:
            raise CorpusError("the file is given twice", file=dump.path)
        seen.add(dump.path.resolve())
    return found


def detect(path: Path) -> DumpFile:
    """Return what a file holds, found from its first bytes.

    Raises:
        CorpusError: It holds nothing that can be read here.
    """
    is_tar = False
    try:
        with open_binary(path) as (stream, _):
            head = Steady(stream).read(_HEAD)
            is_tar = head[257:262] == b"ustar"
            while b"\n" not in head and len(head) < 8 * _HEAD and not is_tar:
                more = Steady(stream).read(_HEAD)
                if not more:
                    break
                head += more
    except BROKEN_STREAM as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorpusError(
            f"is a damaged archive: {error}", file=path, hint="Download it again"
        ) from None
    if is_tar:
        return DumpFile(path, "enterprise", is_tar=True)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise CorpusError("the file is empty", file=path, hint="Download it again")
    if start.startswith(b"<") and b"<mediawiki" in start:
        return DumpFile(path, "xml")
    if start.startswith(b"{"):
        return DumpFile(path, _json_kind(start, path))
    raise CorpusError(
        "expected a MediaWiki XML export, an Enterprise HTML dump or JSON of WikiExtractor",
        file=path,
        hint="These are recognized by their content, compressed or not",
    )


def _json_kind(start: bytes, path: Path) -> DumpKind:
    line = start.partition(b"\n")[0]
    if b'"article_body"' in line or b'"is_part_of"' in line:
        return "enterprise"
    try:
        keys: Any = json.loads(line)
    except ValueError:
        # The line is longer than what was read.
        return "enterprise"
    if isinstance(keys, dict) and {"title", "text"} <= keys.keys():
        return "extractor"
    raise CorpusError(
        "expected the keys `article_body` (Enterprise) or `title` and `text` (WikiExtractor)",
        file=path,
        row=1,
    )


@contextmanager
def open_binary(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Yield the decompressed stream of a file, and the file itself, whose position is progress."""
    with path.open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic[:3] == b"BZh":
            yield cast("IO[bytes]", bz2.BZ2File(file)), file
        elif magic[:2] == b"\x1f\x8b":
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)), file
        else:
            yield file, file


@contextmanager
def open_lines(dump: DumpFile) -> Iterator[tuple[Iterator[bytes], IO[bytes]]]:
    """Yield the lines of a file, or of all members of a tar archive, and the file below."""
    with open_binary(dump.path) as (stream, file):
        if not dump.is_tar:
            yield _lines(stream), file
            return
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            yield _member_lines(archive), file


def _member_lines(archive: tarfile.TarFile) -> Iterator[bytes]:
    for member in archive:
        inner = archive.extractfile(member) if member.isfile() else None
        if inner is not None:
            yield from _lines(inner)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(_MOST_BYTES + 1):
        if len(line) > _MOST_BYTES:
            raise ValueError(_TOO_LARGE.format(_MOST_BYTES >> 20))
        yield line
