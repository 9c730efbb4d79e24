"""What a dense index needs of a model: texts in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class Encoder(Protocol):
    """A bi-encoder, as `llmexam.lm.encoding.embedding.load_embedder` returns one."""

    @property
    def name(self) -> str:
        """What loads it again: `bundled`, a name or a folder."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    @property
    def weights_hash(self) -> str:
        """Hash of its weights: vectors of other weights cannot be compared with its own."""
        ...

    def encode(
        self, texts: Sequence[str], *, kind: Literal["", "query", "passage"] = ""
    ) -> NDArray[np.float32]:
        """Return unit vectors, shape `[n_texts, dim]`; some models tell queries from passages."""
        ...
