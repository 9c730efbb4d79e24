"""Check the parts of an index: errors name the part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from llmexam.errors import CorruptIndexError, EvidenceIndexError
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.kinds import INDEX_KINDS
from llmexam.evidence.index.manifest import FILE_NAME, Manifest, PartRecord, is_index, read_manifest

T = TypeVar("T")
# A replaced part is deleted only after the manifest has changed, so one more try is enough, unless
# several changes follow one another.
TRIES = 20


def check_parts(folder: Path, manifest: Manifest) -> None:
    """Check that all parts are there and hold what the manifest says, by their own manifests.

    Raises:
        CorruptIndexError: A part is missing or was changed.
    """
    for part in manifest.parts:
        with naming_part(folder, part):
            path = folder / part.folder
            if not is_index(path):
                raise CorruptIndexError("it is missing", file=path)
            own = read_manifest(path)
            if own.content_hash != part.content_hash:
                raise CorruptIndexError(
                    "it was changed by itself, and not through the index that it is a part of",
                    file=path,
                )
            for name in ("kind", "analysis", "chunking"):
                if getattr(own, name) != getattr(manifest, name):
                    raise CorruptIndexError(f"its {name} is not that of the index", file=path)
            if _vector_space(own) != _vector_space(manifest):
                raise CorruptIndexError("its encoder is not that of the index", file=path)


def _vector_space(manifest: Manifest) -> tuple[str, int, bool] | None:
    """Return what vectors must share to be comparable; None for an index without vectors.

    The layout of the vectors depends on the size of a part, and equal weights may have two names:
    that on a hub, and a local folder.
    """
    encoder = manifest.encoder
    return None if encoder is None else (encoder.weights_hash, encoder.dim, encoder.normalised)


def verify_parts(folder: Path) -> int:
    """Check all bytes of all parts, and return the number of passages.

    Raises:
        CorruptIndexError: A file is damaged or missing; the error names the part.
    """
    manifest = read_manifest(folder)
    check_parts(folder, manifest)
    n_passages = 0
    for part in manifest.parts:
        with naming_part(folder, part):
            n_passages += INDEX_KINDS[manifest.kind].index_class.verify(folder / part.folder)
    return n_passages


@contextmanager
def naming_part(folder: Path, part: PartRecord) -> Iterator[None]:
    """Turn the errors about one part into errors that name it."""
    try:
        yield
    except EvidenceIndexError as error:
        raise type(error)(
            f"part '{part.name}' of the index: {error.message}",
            file=error.file or folder / part.folder,
            field=error.field,
            hint=f"Replace this part, with `--replace-part {part.name}`, or build the index again",
        ) from None


def read_steadily(folder: Path, opening: Callable[[Manifest], T]) -> T:
    """Return what `opening` returns for the manifest of an index in parts.

    Another process may replace parts meanwhile: then it is opened again with the new manifest.

    Raises:
        EvidenceIndexError: It cannot be opened though its manifest has not changed.
    """
    for _ in range(TRIES):
        manifest = read_manifest(folder)
        try:
            return opening(manifest)
        except (EvidenceIndexError, OSError):
            if read_manifest(folder) == manifest:
                raise
    raise EvidenceIndexError(
        "the index changes all the time", file=folder / FILE_NAME, hint=REBUILD
    )
