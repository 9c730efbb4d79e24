"""Score files: one Parquet file per solver, with provenance in its metadata."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from llmexam.errors import ScoreError
from llmexam.exam.scores import ScoreMatrix
from llmexam.storage.atomic import atomic_path
from llmexam.storage.hashing import hash_json

_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("scores", pa.list_(pa.float32()), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
    ]
)
_ANY_NULLS = pa.schema([field.with_nullable(True) for field in _SCHEMA])
_METADATA_KEY = b"llmexam"
# Pages have checksums of their own, but not their headers and the footer.
_CHECKSUM_KEY = b"llmexam.checksum"


# Suffixes of other formats, which would make other programs misread the file.
_OTHER_FORMS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".xlsx")


def check_scores_name(path: str | Path) -> None:
    """Check that the suffix of a score file is not that of another format.

    Raises:
        ScoreError: It is.
    """
    suffix = Path(path).suffix
    if suffix.lower() in _OTHER_FORMS:
        raise ScoreError(
            f"expected an output path that ends in .parquet, got {suffix}",
            file=path,
            hint=f"Name it {Path(path).with_suffix('.parquet').name}; CSV is for "
            "submissions (ranked answers)",
        )


def write_scores(
    path: str | Path, scores: ScoreMatrix, metadata: Mapping[str, str] | None = None
) -> None:
    """Write scores to a Parquet file, atomically.

    Columns: `id`; `scores`, a list of float32 for the options that are present; `truncated`.

    Args:
        path: The file; an existing one is replaced.
        scores: The scores.
        metadata: Provenance, such as solver, settings and hashes.

    Raises:
        ScoreError: An absent option precedes a present one, which a list cannot represent; or
            the suffix is that of another format.
    """
    check_scores_name(path)
    holes = (~scores.present[:, :-1] & scores.present[:, 1:]).any(axis=1)
    if holes.any():
        raise ScoreError(
            f"question '{scores.question_ids[int(np.argmax(holes))]}' has a gap in "
            "its options: only trailing options may be missing",
            file=path,
        )
    offsets = np.concatenate([[0], np.cumsum(scores.n_options)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(offsets, pa.array(scores.values[scores.present]))
    text = json.dumps(dict(metadata or {}), ensure_ascii=False, sort_keys=True)
    checksum = _checksum(scores, metadata or {})
    table = pa.Table.from_arrays(
        [pa.array(scores.question_ids, pa.string()), lists, pa.array(scores.truncated)],
        schema=_SCHEMA.with_metadata(
            {_METADATA_KEY: text.encode("utf-8"), _CHECKSUM_KEY: checksum.encode("utf-8")}
        ),
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_scores(path: str | Path) -> tuple[ScoreMatrix, dict[str, str]]:
    """Read a score file and its metadata.

    Raises:
        ScoreError: The file is missing, damaged or not a score file.
    """
    path = Path(path)
    if not path.is_file():
        raise ScoreError(
            "expected a score file, got a folder" if path.is_dir() else "file not found",
            file=path,
            hint="Check the path",
        )
    try:
        table = pq.read_table(
            path, partitioning=None, memory_map=False, page_checksum_verification=True
        )
        columns = ", ".join(f"{field.name} ({field.type})" for field in table.schema)
        found = table.schema.metadata or {}
        metadata = json.loads(found.get(_METADATA_KEY, b"{}"))
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise ScoreError(
            f"expected a Parquet file: {str(error).splitlines()[0]}",
            file=path,
            hint="Write it again with `llmexam solve`",
        ) from None
    try:
        # Other libraries write other types of texts and lists, and columns that allow nulls.
        table = table.cast(_ANY_NULLS)
        is_known = isinstance(metadata, dict)
    except (pa.ArrowException, ValueError):
        is_known = False
    if not is_known:
        raise ScoreError(
            f"expected the columns of a score file, got {columns or 'none'}",
            file=path,
            hint="Score files have id (string), scores (list<float>) and truncated (bool)",
        )
    for name in table.column_names:
        if table[name].null_count:
            row = table[name].is_null().to_pylist().index(True) + 1
            raise ScoreError("expected a value, got null", file=path, row=row, field=name)
    try:
        scores = ScoreMatrix.from_rows(
            table["id"].to_pylist(),
            [np.asarray(row, dtype=np.float32) for row in table["scores"].to_pylist()],
            table["truncated"].to_numpy(),
        )
    except (ScoreError, ValueError, TypeError) as error:
        message = error.message if isinstance(error, ScoreError) else str(error)
        raise ScoreError(message, file=path, hint="Write it again with `llmexam solve`") from None
    told = {str(key): str(value) for key, value in metadata.items()}
    expected = found.get(_CHECKSUM_KEY)
    is_lost = expected is None and _CHECKSUM_KEY in _footer(path)
    if is_lost or expected not in (None, _checksum(scores, told).encode("utf-8")):
        raise ScoreError(
            "the file is damaged, or was changed after it was written: checksum mismatch",
            file=path,
            hint="Write it again with `llmexam solve`",
        )
    return scores, told


def _footer(path: Path) -> bytes:
    """Return the footer of a Parquet file: damage can hide keys that are there from its reader."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(max(0, size - 8 - length))
        return stream.read(length)


def _checksum(scores: ScoreMatrix, metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(hash_json([list(scores.question_ids), dict(metadata)]).encode())
    for array in (scores.n_options.astype("<i8"), scores.truncated):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(scores.values[scores.present].astype("<f4").tobytes())
    return digest.hexdigest()[:16]
