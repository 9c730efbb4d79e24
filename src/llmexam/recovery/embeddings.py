"""Vectors of texts, computed once however many metrics and recoverers ask for them.

They are kept in memory, and with a cache folder also on disk for the processes to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.lm.encoding.embedding import Embedder, load_embedder
from llmexam.settings.base import Settings
from llmexam.settings.kinds import CacheDir, ModelRef

Floats = NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.float64)
EmbedderPrecision = Literal["auto", "fp32", "bf16"]
# Long texts are not kept beyond this many vectors; 100,000 of 384 numbers are 150 MB.
_MOST_KEPT = 200_000


class EmbedderSettings(Settings):
    """Settings of recoverers that embed texts."""

    embedder: ModelRef = Field("bundled", description="embedder of texts and prompts")
    vector_cache: CacheDir | None = Field(
        None,
        description="folder that caches embeddings across runs; the plan's `vector_cache` by "
        "default",
    )

    @property
    def vectors(self) -> TextVectors:
        """Vectors of texts by the embedder, shared by all that name the same one."""
        return text_vectors(self.embedder, cache_dir=self.vector_cache)


class TextVectors:
    """Unit vectors of texts by one embedder, kept in memory.

    Attributes:
        embedder: What computes them.
        name: The user's name of the model.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.name = embedder.name
        self._rows: dict[str, int] = {}
        self._vectors = np.zeros((0, embedder.dim), dtype=np.float32)
        self._cut: dict[str, bool] = {}

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one unit vector for each text, shape `[n_texts, dim]`."""
        rows = self._look_up(texts)
        return self._vectors[rows]

    def cut(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are longer than the embedder reads, shape `[n_texts]`.

        Texts that were not embedded yet are only tokenized.
        """
        new = list(dict.fromkeys(text for text in texts if text not in self._cut))
        if new:
            is_cut = self.embedder.count_tokens(new) > self.embedder.max_tokens
            self._cut.update(zip(new, is_cut.tolist(), strict=True))
        return np.array([self._cut[text] for text in texts], dtype=bool)

    def _look_up(self, texts: Sequence[str]) -> NDArray[np.int64]:
        new = list(dict.fromkeys(text for text in texts if text not in self._rows))
        if new:
            if len(self._rows) + len(new) > _MOST_KEPT:
                new = list(dict.fromkeys(texts))
                self._rows.clear()
                self._cut.clear()
                self._vectors = self._vectors[:0]
            found = self.embedder.embed(new)
            for text in new:
                self._rows[text] = len(self._rows)
            self._vectors = np.concatenate([self._vectors, found.vectors])
            self._cut.update(zip(new, found.cut.tolist(), strict=True))
        return np.array([self._rows[text] for text in texts], dtype=np.int64)


def text_vectors(
    model: str, precision: EmbedderPrecision = "fp32", cache_dir: str | Path | None = None
) -> TextVectors:
    """Return the vectors of a model, shared by all that ask for it.

    Args:
        model: `bundled`, a local folder or a Hugging Face name.
        precision: fp32 gives the same scores on every machine; `auto` is faster on some.
        cache_dir: Folder that keeps vectors across processes, under a hash of the model's weights,
            precision and length limit; None to keep them in memory only. Several processes may
            use it at once, and one that is killed damages nothing.

    Raises:
        MissingDependencyError: torch, transformers or the bundled model is not installed.
        ModelError: The model cannot be loaded.
    """
    return _shared(model, precision, None if cache_dir is None else Path(cache_dir))


# Apart from `text_vectors`, so that calls with and without defaults share one embedder.
@lru_cache(maxsize=4)
def _shared(model: str, precision: EmbedderPrecision, cache_dir: Path | None) -> TextVectors:
    return TextVectors(load_embedder(model, precision=precision, cache_dir=cache_dir))


def sharpen(cosines: NDArray[Number]) -> NDArray[Number]:
    """Return sign(c) * |c| ** 3 of cosines: the competition's sharpened cosine similarity.

    >>> sharpen(np.array([0.5, -0.5])).tolist()
    [0.125, -0.125]
    """
    # The cube has the sign of its base.
    return cosines * cosines * cosines
