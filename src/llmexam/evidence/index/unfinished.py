"""Completion of a change to a dense index that was killed, from the record in its store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pydantic import ValidationError

from llmexam.evidence.index.manifest import Manifest, read_manifest
from llmexam.evidence.index.passage_store import PassageStore


def settle(folder: Path) -> None:
    """Make manifest and files of a dense index agree with its store; the caller holds the lock.

    The transaction of the store decides whether a change took place. A killed process may leave
    files of vectors that do not belong to the store, and a manifest without hash.

    Raises:
        CorruptIndexError: The store or the manifest is damaged.
    """
    with PassageStore.open(folder) as store:
        present = store.vectors.name
        told = store.manifest
        n_passages = len(store)
        try:
            recorded = None if told is None else Manifest.model_validate_json(told)
        except ValidationError:
            raise sqlite3.DatabaseError("the record of the manifest is damaged") from None
    for path in folder.glob("vectors-*.faiss"):
        if path.name != present:
            path.unlink(missing_ok=True)
    manifest = read_manifest(folder)
    # Stores that no change by this version has reached yet have no record.
    if recorded is None:
        recorded = manifest.model_copy(update={"n_passages": n_passages})
    if recorded != manifest:
        recorded.write(folder)
