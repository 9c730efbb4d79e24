"""Packages of QTI: a zip archive, a folder with a manifest, or a test and the items beside it."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.unpacking import too_large, unpacked_limit
from llmexam.exam.parsers.zip_damage import ZIP_DAMAGE

MANIFEST = "imsmanifest.xml"
_ZIP = b"PK\x03\x04"
_BYTES_LOOKED_AT = 4_000


@dataclass(frozen=True)
class Package:
    """The XML files of a package.

    Attributes:
        list_names: Returns their names, sorted.
        has: Returns whether there is a file of a name.
        read: Returns the content of a file by its name.
    """

    list_names: Callable[[], tuple[str, ...]]
    has: Callable[[str], bool]
    read: Callable[[str], bytes]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files, sorted."""
        return self.list_names()

    def resolve(self, base: str, href: str) -> str:
        """Return the name of the file that another file refers to; empty if it is not there."""
        path = unquote(href.split("#")[0].split("?")[0])
        name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
        return name if self.has(name) else ""


def is_package(source: SourceFile) -> bool:
    """Return whether a file is a zip archive with QTI in it."""
    if not source.data.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".xml")]
            if any(posixpath.basename(name) == MANIFEST for name in names):
                return True
            return any(_is_item(archive.open(name).read(_BYTES_LOOKED_AT)) for name in names[:20])
    except ZIP_DAMAGE:
        return False


def open_package(source: SourceFile) -> Package:
    """Return the package of a zip archive, of a manifest or of a test.

    Raises:
        ExamError: The archive is damaged or encrypted.
    """
    if source.data.startswith(_ZIP):
        try:
            archive = zipfile.ZipFile(io.BytesIO(source.data))
        except ZIP_DAMAGE:
            raise source.error(
                "the zip archive is damaged", hint="Download or export it again"
            ) from None
        names = tuple(sorted(filter(_is_xml, archive.namelist())))
        known = frozenset(names)
        read = _Budget(source, _of_zip(archive, source)).read
        return Package(lambda: names, known.__contains__, read)
    folder = source.path.parent
    return Package(
        lambda: tuple(sorted(_files_below(folder))),
        lambda name: (folder / name).is_file(),
        _Budget(source, lambda name: (folder / name).read_bytes()).read,
    )


class _Budget:
    """Reads files, up to the largest unpacked size of a package."""

    def __init__(self, source: SourceFile, read: Callable[[str], bytes]) -> None:
        self._source = source
        self._read = read
        self._limit = self._left = unpacked_limit()

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        data = self._read(name)
        self._left -= len(data)
        if self._left < 0:
            error = too_large(self._limit)
            raise self._source.error(error.message, hint=error.hint)
        return data


def _of_zip(archive: zipfile.ZipFile, source: SourceFile) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        try:
            # One byte more than allowed tells that a file is too large, whatever its header says.
            with archive.open(name) as stream:
                return stream.read(unpacked_limit() + 1)
        except ZIP_DAMAGE as error:
            raise source.error(
                f"file '{name}' of the archive cannot be read: {error}",
                hint="Unpack the archive, and pack it again without a password",
            ) from None

    return read


def _files_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.xml"):
        name = path.relative_to(folder).as_posix()
        if not any(part.startswith(".") for part in name.split("/")):
            yield name


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml") and not name.startswith("__MACOSX/")


def _is_item(start: bytes) -> bool:
    return any(
        mark in start for mark in (b"assessmentItem", b"qti-assessment-item", b"questestinterop")
    )


def package_manifest(path: str | Path) -> Path:
    """Return the manifest of a folder that holds an unpacked package; any other path unchanged."""
    manifest = Path(path) / MANIFEST
    return manifest if manifest.is_file() else Path(path)
