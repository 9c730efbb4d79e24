"""The tantivy files of several parts, joined to one index without copying them.

BM25 needs the number of passages, their average length and the document frequency of each term.
tantivy sums all three over the segments of an index. So an index whose list of segments holds those
of all parts scores as one that was built from all passages.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmexam.errors import CorruptIndexError, EvidenceIndexError
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.tantivy_files import temporary_folder

_META = "meta.json"


@contextmanager
def joined_data(parts: Sequence[Path]) -> Iterator[Path]:
    """Yield a temporary tantivy folder with the segments of all parts, in their order.

    A searcher that was opened in it has mapped all files, and can be used after its deletion. The
    folders of the parts are only read.

    Args:
        parts: The tantivy folders of the parts.

    Raises:
        CorruptIndexError: The files of a part are damaged or of another version.
    """
    with temporary_folder() as folder:
        joined: dict[str, Any] = {}
        for number, data in enumerate(parts):
            meta = _read_meta(data)
            if joined and meta["schema"] != joined["schema"]:
                raise CorruptIndexError(
                    "the part has other fields than the first part", file=data, hint=REBUILD
                )
            meta["segments"] = [_link(data, one, number, folder) for one in meta["segments"]]
            if joined:
                joined["segments"] += meta["segments"]
                joined["opstamp"] = max(joined["opstamp"], meta["opstamp"])
            else:
                joined = meta
        (folder / _META).write_text(json.dumps(joined), encoding="utf-8")
        yield folder


def _read_meta(data: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads((data / _META).read_bytes())
        for name in ("segments", "schema", "opstamp"):
            meta[name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptIndexError(
            f"the list of segments is damaged: {error}", file=data / _META, hint=REBUILD
        ) from None
    return meta


def _link(data: Path, segment: dict[str, Any], number: int, folder: Path) -> dict[str, Any]:
    """Link the files of a segment into a folder under a name of its own."""
    # A part may be a copy of another one, with the same names of files.
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {segment['segment_id']}")
    before = str(segment["segment_id"]).replace("-", "")
    for path in data.glob(f"{before}.*"):
        _link_file(path.resolve(), folder / f"{name.hex}{path.name.removeprefix(before)}")
    return {**segment, "segment_id": str(name)}


def _link_file(path: Path, place: Path) -> None:
    try:
        place.symlink_to(path)
    except OSError:
        # Windows lets only some users make symbolic links.
        try:
            os.link(path, place)
        except OSError as error:
            raise EvidenceIndexError(
                f"cannot link a file of the index into the folder of temporary files: {error}",
                file=path,
                hint="Set TMPDIR to a folder on the file system of the index",
            ) from None
