"""Cache of vectors and logits on disk, shared by several runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.storage.answer_store import AnswerStore

_LOG = logging.getLogger(__name__)


class VectorCache:
    """Cached vectors of one model with one set of settings.

    Args:
        folder: Where the store is; made at the first `store`. Use one folder for each fingerprint
            of an embedder.
        dim: Length of a vector.
        max_bytes: When the store grows beyond this, the oldest go.
    """

    def __init__(self, folder: Path, dim: int, *, max_bytes: int = 4 << 30) -> None:
        self._store = AnswerStore(folder, max_bytes=max_bytes, may_be_read_only=True)
        self._record = np.dtype([("cut", "?"), ("vector", "<f4", (dim,))])
        if any(folder.glob("*.npy")):
            _LOG.warning(
                "%s: the .npy files are of an earlier version and are not read; delete them", folder
            )

    def look_up(
        self, texts: Sequence[str | bytes], vectors: NDArray[np.float32], cut: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Fill in cached vectors, and return which texts are cached, shape `[n_texts]`.

        Args:
            texts: Texts, or other content as bytes, to look up.
            vectors: Written to, shape `[n_texts, dim]`.
            cut: Written to, shape `[n_texts]`.
        """
        keys = [_content(text) for text in texts]
        found = self._store.get(keys)
        size = self._record.itemsize
        known = np.array([len(found.get(key, b"")) == size for key in keys], dtype=bool)
        records = np.frombuffer(
            b"".join(found[keys[i]] for i in np.flatnonzero(known)), self._record
        )
        vectors[known] = records["vector"]
        cut[known] = records["cut"]
        return known

    def store(
        self, texts: Sequence[str | bytes], vectors: NDArray[np.float32], cut: NDArray[np.bool_]
    ) -> None:
        """Add vectors, then delete the oldest if the cache is too large."""
        records = np.zeros(len(texts), dtype=self._record)
        records["vector"] = vectors
        records["cut"] = cut
        self._store.put(
            {_content(text): one.tobytes() for text, one in zip(texts, records, strict=True)}
        )


def _content(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text
