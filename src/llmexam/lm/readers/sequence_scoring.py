"""Logits of token sequences, fast on a CPU: deduplicated, without padding, cached on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import token_batches
from llmexam.lm.models.loading import ModelFolder, require_packages
from llmexam.lm.readers.exported_engine import exported_card, load_exported_engine
from llmexam.storage.hashing import hash_json
from llmexam.storage.vector_cache import VectorCache

if TYPE_CHECKING:
    from llmexam.lm.readers.heads import HeadKind, Task
    from llmexam.lm.readers.reader import Encoded

Progress = Callable[[int, int], None]

# Sequences between two stores into the cache: a kill loses no more than these.
_STORE_EVERY = 512


class Engine(Protocol):
    """Interface of what computes the logits of a batch.

    Attributes:
        name: Runtime and precision, such as `torch-fp32`.
        pads: Whether batches are padded to the longest sequence.
        batch_tokens: Fastest number of tokens per batch, with padding.
        n_outputs: Logits of a sequence.
        max_tokens: Context length in tokens; None without a limit.
    """

    name: str
    pads: bool
    batch_tokens: int
    n_outputs: int
    max_tokens: int | None

    def __call__(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Return logits, shape `[n_sequences, n_outputs]`."""
        ...


class SequenceScorer:
    """Computes logits of token sequences; created by `load_sequence_scorer`.

    A sequence's logits do not depend on the sequences beside it: up to 1e-6 in fp32; padded
    models in bf16, and int8 of exported models, may differ by about 1e-2.

    Attributes:
        weights_hash: SHA-256 of all files that scores depend on.
        fingerprint: SHA-256 of all that logits depend on: model, head, backend, precision.
        backend: Runtime and precision, such as `torch-fp32`.
        max_tokens: Context length in tokens; None without a limit.
        n_forwards: Forward passes so far.
        n_tokens: Tokens computed so far, without padding.
        n_padding: Padding tokens computed so far.
        n_reused: Sequences so far that were taken from the cache or were duplicates.
    """

    def __init__(
        self,
        engine: Engine,
        folder: ModelFolder,
        head: str,
        cache_dir: Path | None = None,
    ) -> None:
        self.weights_hash = folder.weights_hash
        self.fingerprint = hash_json([self.weights_hash, head, engine.name])
        self.backend = engine.name
        self.max_tokens = engine.max_tokens
        self.n_forwards = self.n_tokens = self.n_padding = self.n_reused = 0
        self._engine = engine
        self._cache = (
            VectorCache(cache_dir / self.fingerprint[:32], engine.n_outputs)
            if cache_dir is not None
            else None
        )

    def score(
        self, sequences: Sequence[Encoded], progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return logits, float32, shape `[n_sequences, n_outputs]`, in the sequences' order.

        Args:
            sequences: Sequences with `ids` and `types`; equal ones are computed once.
            progress: Called as `progress(n_done, n_all)` with counts of distinct sequences.

        Raises:
            ModelError: A sequence is empty or exceeds the context length.
        """
        place: dict[bytes, int] = {}
        firsts: list[Encoded] = []
        rows = []
        for sequence in sequences:
            key = _content(sequence)
            row = place.setdefault(key, len(firsts))
            if row == len(firsts):
                self._check(sequence)
                firsts.append(sequence)
            rows.append(row)
        logits = np.zeros((len(firsts), self._engine.n_outputs), dtype=np.float32)
        todo = self._look_up(list(place), logits)
        self.n_reused += len(sequences) - len(todo)
        n_done = len(firsts) - len(todo)
        if progress is not None:
            progress(n_done, len(firsts))
        keys = list(place)
        fresh: list[int] = []
        for chosen in self._batches(firsts, todo):
            logits[chosen] = self._forward([firsts[i] for i in chosen])
            fresh.extend(chosen.tolist())
            n_done += len(chosen)
            if progress is not None:
                progress(n_done, len(firsts))
            if len(fresh) >= _STORE_EVERY:
                self._store(keys, fresh, logits)
                fresh = []
        self._store(keys, fresh, logits)
        return logits[rows]

    def _check(self, sequence: Encoded) -> None:
        n_tokens = len(sequence.ids)
        if not n_tokens or n_tokens != len(sequence.types):
            raise ModelError(
                f"expected as many token types as ids, got {len(sequence.types)} for {n_tokens}"
            )
        if self.max_tokens is not None and n_tokens > self.max_tokens:
            raise ModelError(
                f"a sequence has {n_tokens} tokens, more than the model's limit of "
                f"{self.max_tokens}",
                hint=f"Encode it with `max_tokens` of {self.max_tokens} or less",
            )

    def _batches(self, sequences: list[Encoded], todo: list[int]) -> list[NDArray[np.int64]]:
        lengths = np.array([len(one.ids) for one in sequences], dtype=np.int64)
        # Longest first, so that a lack of memory shows at once. Ties keep their order.
        order = np.array(sorted(todo, key=lambda i: -lengths[i]), dtype=np.int64)
        return token_batches(order, lengths, self._engine.batch_tokens, pads=self._engine.pads)

    def _forward(self, batch: list[Encoded]) -> NDArray[np.float32]:
        n_tokens = sum(len(one.ids) for one in batch)
        self.n_forwards += 1
        self.n_tokens += n_tokens
        if self._engine.pads:
            self.n_padding += len(batch) * len(batch[0].ids) - n_tokens
        return self._engine([one.ids for one in batch], [one.types for one in batch])

    def _look_up(self, keys: list[bytes], logits: NDArray[np.float32]) -> list[int]:
        """Fill in cached logits, and return the indices of the other sequences."""
        if self._cache is None or not keys:
            return list(range(len(keys)))
        known = self._cache.look_up(keys, logits, np.zeros(len(keys), dtype=bool))
        return np.flatnonzero(~known).tolist()

    def _store(self, keys: list[bytes], places: list[int], logits: NDArray[np.float32]) -> None:
        if self._cache is not None and places:
            nothing_cut = np.zeros(len(places), dtype=bool)
            self._cache.store([keys[i] for i in places], logits[places], nothing_cut)


def load_sequence_scorer(
    folder: ModelFolder,
    *,
    head: HeadKind,
    task: Task = "multiple-choice",
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    device: str = "cpu",
    cache_dir: str | Path | None = None,
) -> SequenceScorer:
    """Load a trained reader for scoring.

    Args:
        folder: A trained model, or an export of one.
        head: `native` or `mean`; see `llmexam.lm.readers.heads`.
        task: Task of a native head.
        precision: `auto` is bf16 on processors with fast bf16 arithmetic, else fp32. `int8` is
            faster and less exact; it needs a BERT, and a CPU with VNNI or AMX. An exported
            model has its own.
        device: A torch device, such as `cpu` or `cuda`; exported models run on the CPU.
        cache_dir: Folder that caches logits across runs.

    Raises:
        MissingDependencyError: A package of the backend is not installed.
        ModelError: The model cannot be used, has no trained head, or was exported for another
            head.
    """
    cache = Path(cache_dir) if cache_dir else None
    engine: Engine
    card = exported_card(folder)
    if card is not None:
        engine = load_exported_engine(folder, card, head=head, task=task)
        return SequenceScorer(engine, folder, head, cache)
    require_packages("scoring with a trained model")
    from llmexam.lm.readers.torch_engine import load_torch_engine

    engine = load_torch_engine(folder, head=head, task=task, precision=precision, device=device)
    return SequenceScorer(engine, folder, head, cache)


def _content(sequence: Encoded) -> bytes:
    """Return the cache key of a sequence."""
    tokens = np.array([*sequence.ids, *sequence.types], dtype=np.int32)
    return len(sequence.ids).to_bytes(4, "little") + tokens.tobytes()
