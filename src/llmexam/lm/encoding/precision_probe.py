"""Choice between the default precision and int8, by a probe on the user's own texts."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from llmexam.errors import ModelError
from llmexam.lm.encoding.embedding import Embedder, load_embedder
from llmexam.lm.models.loading import resolve_model
from llmexam.lm.models.precision import INT8_VERSION, Precision, cpu_flags
from llmexam.storage.hashing import hash_json

_N_TEXTS, _SEED, _N_ROUNDS = 256, 0, 2
# int8 is chosen at a cosine with fp32 of at least this for each text of the probe, ...
_LOWEST_COSINE = 0.995
# ... if this share of the ten nearest texts of each is the same, ...
_LEAST_SHARED = 0.9
_N_NEAREST = 10
# ... and if it is at least this many times as fast, so that chance does not decide.
_LEAST_SPEEDUP = 1.2


class PrecisionFigures(BaseModel):
    """What a probe measured for one precision.

    Attributes:
        precision: The precision.
        texts_per_second: In the faster of two rounds.
        lowest_cosine: Lowest cosine of a text's vector with its fp32 vector.
        mean_cosine: Their mean.
        shared_neighbours: Share of the ten nearest texts that are those in fp32, mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Precision
    texts_per_second: float
    lowest_cosine: float
    mean_cosine: float
    shared_neighbours: float


class PrecisionProbe(BaseModel):
    """The result of a probe.

    Attributes:
        key: SHA-256 of what the result depends on: model, processor, threads, texts.
        chosen: The precision to use.
        reason: Why, in a sentence.
        n_texts: Texts that were encoded.
        seed: Seed of their choice.
        processor: Instructions of the processor that matter, and the number of threads.
        figures: Measured figures, the default precision first; empty if int8 cannot be used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    chosen: Precision
    reason: str
    n_texts: int
    seed: int
    processor: str
    figures: tuple[PrecisionFigures, ...] = ()


def probe_precision(
    model: str, texts: Sequence[str], *, known: PrecisionProbe | None = None
) -> PrecisionProbe:
    """Encode a sample of texts in the default precision and in int8, and choose one.

    Args:
        model: The bi-encoder; see `load_embedder`.
        texts: Texts to choose the sample from, such as the first passages of a corpus.
        known: An earlier result, returned if nothing that it depends on has changed.

    Raises:
        ModelError: The model is missing or unusable.
    """
    sample = _sample(texts)
    processor = _processor()
    weights = resolve_model(model).weights_hash
    key = hash_json([weights, processor, INT8_VERSION, _SEED, sample])
    if known is not None and known.key == key:
        return known
    usual = load_embedder(model)
    result = PrecisionProbe(
        key=key,
        chosen=usual.precision,
        reason="",
        n_texts=len(sample),
        seed=_SEED,
        processor=processor,
    )
    try:
        fast = load_embedder(model, precision="int8")
    except ModelError as error:
        return result.model_copy(update={"reason": f"int8 cannot be used: {error.message}"})
    exact = usual if usual.precision == "fp32" else load_embedder(model, precision="fp32")
    reference = exact.encode(sample, kind="passage")
    figures = _measure([usual, fast], sample, reference)
    chosen, reason = decide(figures)
    return result.model_copy(update={"chosen": chosen, "reason": reason, "figures": tuple(figures)})


def decide(figures: Sequence[PrecisionFigures]) -> tuple[Precision, str]:
    """Return the precision to use, and why.

    Args:
        figures: Those of the default precision, then those of int8.
    """
    usual, fast = figures
    speedup = fast.texts_per_second / usual.texts_per_second
    described = (
        f"{speedup:.1f} times as fast as {usual.precision}, lowest cosine "
        f"{fast.lowest_cosine:.4f}, {fast.shared_neighbours:.0%} of neighbours the same"
    )
    exact = fast.lowest_cosine >= _LOWEST_COSINE and fast.shared_neighbours >= _LEAST_SHARED
    if exact and speedup >= _LEAST_SPEEDUP:
        return "int8", f"int8: {described}"
    return usual.precision, f"{usual.precision} instead of int8: int8 is {described}"


def _measure(
    embedders: Sequence[Embedder], texts: list[str], reference: NDArray[np.float32]
) -> list[PrecisionFigures]:
    """Return the figures of embedders, which encode the texts in turns."""
    seconds: list[list[float]] = [[] for _ in embedders]
    vectors: list[NDArray[np.float32]] = [reference for _ in embedders]
    for embedder in embedders:
        # The first call of a size is slower.
        embedder.encode(texts[:16], kind="passage")
    for _ in range(_N_ROUNDS):
        for place, embedder in enumerate(embedders):
            start = time.perf_counter()
            vectors[place] = embedder.encode(texts, kind="passage")
            seconds[place].append(time.perf_counter() - start)
    nearest = _nearest(reference)
    figures = []
    for embedder, taken, found in zip(embedders, seconds, vectors, strict=True):
        cosines = (found * reference).sum(1)
        same = [
            len(set(a) & set(b)) / max(1, len(a))
            for a, b in zip(nearest, _nearest(found), strict=True)
        ]
        figures.append(
            PrecisionFigures(
                precision=embedder.precision,
                texts_per_second=round(len(texts) / max(min(taken), 1e-9), 1),
                lowest_cosine=round(float(cosines.min()), 5),
                mean_cosine=round(float(cosines.mean()), 5),
                shared_neighbours=round(float(np.mean(same)), 4),
            )
        )
    return figures


def _nearest(vectors: NDArray[np.float32]) -> list[list[int]]:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")
    return [row.tolist() for row in order[:, : min(_N_NEAREST, len(vectors) - 1)]]


def _sample(texts: Sequence[str]) -> list[str]:
    distinct = list(dict.fromkeys(texts))
    if len(distinct) <= _N_TEXTS:
        return distinct
    chosen = np.random.default_rng(_SEED).choice(len(distinct), _N_TEXTS, replace=False)
    return [distinct[i] for i in sorted(chosen)]


def _processor() -> str:
    import torch

    wanted = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni")
    flags = [flag for flag in wanted if flag in cpu_flags()] or ["no bf16 or int8 instructions"]
    threads = torch.get_num_threads()
    return (
        f"{platform.machine()} ({', '.join(flags)}), {threads} threads, torch {torch.__version__}"
    )


IndexPrecision = Literal["auto", "fp32", "bf16", "int8"]
"""Precision of the vectors of an index, as a user requests it."""
