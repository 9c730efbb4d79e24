"""Interface of the text encoder that a dense index uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class Encoder(Protocol):
    """A bi-encoder; `llmexam.lm.encoding.embedding.load_embedder` returns one."""

    @property
    def name(self) -> str:
        """Name to load the model by: `bundled`, a hub name or a folder."""
        ...

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""
        ...

    @property
    def weights_hash(self) -> str:
        """Hash of the weights; vectors of different weights are not comparable."""
        ...

    def encode(
        self, texts: Sequence[str], *, kind: Literal["", "query", "passage"] = ""
    ) -> NDArray[np.float32]:
        """Return unit vectors, shape `[n_texts, dim]`; some models use a prefix for each kind."""
        ...
