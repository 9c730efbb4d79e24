"""`manifest.json` of an index: kind, encoder, sources and hashes, checked before it is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from llmexam.errors import CorruptIndexError, EvidenceIndexError, IndexMismatchError
from llmexam.evidence.index.recovery import recover_replaced
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_json

FORMAT_VERSION = 2
PARTS_VERSION = 3
"""Version of the layout of an index in parts."""
_READABLE_VERSIONS = (1, 2, 3)
FILE_NAME = "manifest.json"
# Key of the checksum in the file: SHA-256 of all other fields.
_CHECKSUM = "checksum"


class Source(BaseModel):
    """One corpus file that was indexed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str


class EncoderRecord(BaseModel):
    """Encoder of a dense index, and the storage format of its vectors.

    Attributes:
        model: Name or folder of the model.
        weights_hash: SHA-256 of its weights.
        dim: Dimension of a vector.
        normalised: Whether vectors are unit vectors.
        dtype: Number type of the stored vectors.
        vectors: Their layout: all in one list, or in inverted lists.
        precision: Precision that passages were encoded in and queries are, if it was requested
            or chosen by a probe; None for the default of the machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    weights_hash: str
    dim: int
    normalised: bool
    dtype: str
    vectors: str
    precision: str | None = None

    @model_serializer(mode="wrap")
    def _without_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # So that hashes and files of indexes in the default precision stay as they were.
        values: dict[str, Any] = dump(self)
        if self.precision is None:
            values.pop("precision", None)
        return values


class PartRecord(BaseModel):
    """One part of an index in parts.

    Attributes:
        name: Its name, which it keeps when its passages are replaced.
        version: How often it was written anew.
        n_passages: Its passages.
        content_hash: Hash of its own manifest, and so of its passages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^part-[0-9]{5}$")
    version: int = Field(default=0, ge=0)
    n_passages: int
    content_hash: str

    @property
    def folder(self) -> str:
        """Name of its folder, which is an index of its own."""
        return f"{self.name}.{self.version}" if self.version else self.name


class Manifest(BaseModel):
    """Contents and origin of an index.

    Attributes:
        format: Version of the layout on disk.
        kind: Name of the kind of index: sparse (BM25) or dense (vectors).
        analysis: Text analysis, by step (sparse).
        encoder: Encoder of the vectors (dense).
        chunking: Chunk size and overlap in tokens, or None for whole documents.
        sources: The corpus files and their hashes.
        n_passages: Passages after the last write that came to its end.
        passages_hash: Hash of the passages as written (see `PassagesHash`). Empty in an index of
            layout version 1, and while a change is not finished: then only the files tell what
            the index holds (see `index_hash`).
        parts: The parts in order, if the index is in parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT_VERSION
    kind: str
    analysis: dict[str, Any] = Field(default_factory=dict)
    encoder: EncoderRecord | None = None
    chunking: dict[str, int] | None = None
    sources: tuple[Source, ...] = ()
    n_passages: int = 0
    passages_hash: str = ""
    parts: tuple[PartRecord, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 of the manifest, and through `passages_hash` of the passages."""
        return hash_json(self._plain)

    @property
    def _plain(self) -> dict[str, Any]:
        # An index that is not in parts has the manifest and the hash that it always had.
        return self.model_dump(mode="json", exclude=None if self.parts else {"parts"})

    def in_parts(self, parts: Sequence[PartRecord], sources: Sequence[Source] = ()) -> Manifest:
        """Return the manifest of an index in parts of the same kind.

        Args:
            parts: Its parts in order.
            sources: Corpus files that were added.
        """
        changed = self.changed(
            sum(part.n_passages for part in parts),
            sources,
            hash_json([part.content_hash for part in parts]),
        )
        return changed.model_copy(update={"format": PARTS_VERSION, "parts": tuple(parts)})

    def changed(self, n_passages: int, sources: Sequence[Source], passages_hash: str) -> Manifest:
        """Return the manifest of this index after a change.

        Args:
            n_passages: Passages there are now.
            sources: Corpus files that were added.
            passages_hash: Hash of the passages; empty while a change is in progress.
        """
        named = {source.name: source for source in (*self.sources, *sources)}
        return self.model_copy(
            update={
                "format": FORMAT_VERSION,
                "sources": tuple(named.values()),
                "n_passages": n_passages,
                "passages_hash": passages_hash,
            }
        )

    def write(self, folder: str | Path) -> None:
        """Write `manifest.json` into an index folder atomically."""
        value = {**self._plain, _CHECKSUM: self.content_hash}
        write_json(Path(folder) / FILE_NAME, value)


def is_index(folder: str | Path) -> bool:
    """Return whether a folder has the manifest of an index."""
    return (Path(folder) / FILE_NAME).is_file()


def read_manifest(folder: str | Path) -> Manifest:
    """Read the manifest of an index.

    Raises:
        EvidenceIndexError: The folder is not an index.
        CorruptIndexError: The manifest is damaged.
        IndexMismatchError: It was written in another version of the layout.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        recover_replaced(folder, FILE_NAME)
    if not path.is_file():
        raise EvidenceIndexError(
            "not an index: it has no manifest.json",
            file=folder,
            hint="Build one with: llmexam index CORPUS --out DIR",
        )
    try:
        value = json.loads(path.read_bytes())
        version = value.get("format") if isinstance(value, dict) else None
        if isinstance(version, int) and version not in _READABLE_VERSIONS:
            raise IndexMismatchError(
                "expected an index of layout version "
                f"{' or '.join(map(str, _READABLE_VERSIONS))}, got version {version}",
                file=folder,
                hint="Build the index again",
            )
        checksum = value.pop(_CHECKSUM, None) if isinstance(value, dict) else None
        manifest = Manifest.model_validate(value)
        # Hashed over the fields in the file: a manifest of version 1 has fewer than the class.
        if checksum != hash_json(value):
            raise ValueError("checksum mismatch")
        return manifest
    except (ValueError, ValidationError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptIndexError(
            f"the manifest is damaged: {reason}", file=path, hint="Build the index again"
        ) from None


def check_manifest(manifest: Manifest, expected: Mapping[str, Any], folder: str | Path) -> None:
    """Check that fields of a manifest have the expected values.

    Args:
        manifest: The manifest of the index.
        expected: Dotted field names and the values they must have, as `encoder.weights_hash`.
        folder: The index, for error messages.

    Raises:
        IndexMismatchError: A field differs; the error says which one and both values.
    """
    plain = manifest.model_dump(mode="json")
    for name, wanted in expected.items():
        value: Any = plain
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value != wanted:
            raise IndexMismatchError(
                f"expected an index with {wanted!r}, got {value!r}",
                file=folder,
                field=name,
                hint="Build the index again, or use the original settings",
            )
