"""Adapter of a reader to the CrossEncoder interface, for losses of sentence-transformers.

The losses pass pairs to `model.preprocess` and read `model(features)["scores"]`. Here a pair is a
list's name and the index of an encoded sequence, so nothing is tokenized twice, there is no
padding, and the tokens are those of the solver.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentence_transformers.base.modules import Module
from sentence_transformers.cross_encoder import CrossEncoder
from torch import Tensor

from llmexam.lm.readers.reader import Reader, TokenBatch
from llmexam.lm.readers.text_pairs import EncodedPair


class ReaderModule(Module):
    """The reader as a module of sentence-transformers."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reader = reader

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add `scores`, shape `[n_sequences, 1]`, to the features."""
        logits = self.reader(features["ids"], features["types"], features["lengths"])
        return {**features, "scores": logits}

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Raise an error, because the reader itself writes the result."""
        raise NotImplementedError


class PairModel(CrossEncoder):
    """A cross-encoder over pre-encoded sequences.

    Args:
        reader: What is trained.
        sequences: The tokens of all pairs; losses name them by their numbers.
        device: Where to train.
    """

    def __init__(self, reader: Reader, sequences: Sequence[EncodedPair], device: str) -> None:
        super().__init__(modules=[ReaderModule(reader)], device=device)
        self.sequences = sequences

    @property
    def num_labels(self) -> int:
        """One score per pair."""
        return 1

    def preprocess(  # type: ignore[override]
        self, inputs: Sequence[tuple[str, int]], *args: Any, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Return the tokens of pairs; the query of the loss is ignored."""
        batch = TokenBatch.of([self.sequences[number] for _, number in inputs])
        return {"ids": batch.ids, "types": batch.types, "lengths": batch.lengths}
