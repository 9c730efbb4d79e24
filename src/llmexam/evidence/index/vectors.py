"""Files of vectors in faiss: how they are laid out, written and checked."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import CorruptIndexError, MissingDependencyError
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.passage_store import VectorsFile
from llmexam.settings.base import Settings
from llmexam.storage.atomic import atomic_path
from llmexam.storage.checksums import block_checksums, changed_block
from llmexam.storage.disk_errors import disk_error

_SEED = 20230711
# faiss recommends 39 to 256 training points per list and warns about fewer.
_POINTS_PER_LIST = 64


class DenseSettings(Settings):
    """Settings of a dense index."""

    flat_limit: int = Field(
        default=50_000,
        ge=0,
        description="largest number of passages for exact search; larger indexes use inverted "
        "lists with 8-bit quantization",
    )
    batch: int = Field(default=4096, ge=1, description="number of passages encoded at a time")
    n_probe: int = Field(
        default=32, ge=1, description="number of inverted lists searched per query"
    )


def import_faiss() -> Any:
    """Return the module faiss.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise MissingDependencyError("a dense index", "faiss-cpu", "encoders") from None
    return faiss


def index_vectors(vectors: NDArray[np.float32], settings: DenseSettings) -> Any:
    """Return a faiss index of vectors by inner product, numbered in order.

    Args:
        vectors: The vectors, shape `[n_vectors, dim]`.
        settings: Layout: exact, or inverted lists beyond `flat_limit` vectors.

    Raises:
        MissingDependencyError: faiss is not installed.
    """
    faiss = import_faiss()
    n, dim = vectors.shape
    numbers = np.arange(n, dtype=np.int64)
    if n <= settings.flat_limit:
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
    else:
        # About 4 sqrt(n) lists balance the cost of selecting and of scanning lists (faiss
        # guidelines); with few vectors, the training points per list set the limit.
        n_lists = max(1, min(int(4 * n**0.5), n // _POINTS_PER_LIST))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim),
            dim,
            n_lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        # Fixed seeds for k-means and its sample: the same corpus gives the same index.
        index.cp.seed = _SEED
        random = np.random.default_rng(_SEED)
        n_points = min(n, max(n_lists * _POINTS_PER_LIST, 1000))
        index.train(vectors[np.sort(random.choice(n, n_points, replace=False))])
    for start in range(0, n, 65_536):
        part = slice(start, start + 65_536)
        index.add_with_ids(np.ascontiguousarray(vectors[part]), numbers[part])
    return index


def write_vectors(folder: Path, index: Any, number: int) -> VectorsFile:
    """Write a version of the vectors, and return its file.

    Raises:
        OSError: The file cannot be written.
    """
    # A new name for every version: the store's transaction decides which file is valid.
    path = folder / f"vectors-{number}.faiss"
    with atomic_path(path) as temporary:
        try:
            import_faiss().write_index(index, str(temporary))
        except RuntimeError as error:
            # faiss raises RuntimeError for a full disk, too.
            reason = disk_error(str(error), path)
            raise reason or OSError(errno.EIO, f"cannot be written: {error}", str(path)) from None
    return VectorsFile(path.name, path.stat().st_size, tuple(block_checksums(path)))


def check_vectors(path: Path, recorded: VectorsFile, *, whole: bool = False) -> None:
    """Check a file of vectors, in little time unless `whole`.

    Raises:
        CorruptIndexError: It is missing or damaged.
    """
    if not path.is_file() or path.stat().st_size != recorded.n_bytes:
        raise CorruptIndexError("the vectors are missing or truncated", file=path, hint=REBUILD)
    blocks = recorded.checksums
    if blocks is not None and changed_block(path, blocks, whole=whole) is not None:
        raise CorruptIndexError("the vectors are damaged", file=path, hint=REBUILD)


def number_of(name: str) -> int:
    """Return the version in the name of a file of vectors."""
    return int(name.removeprefix("vectors-").removesuffix(".faiss"))
