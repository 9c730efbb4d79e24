"""Text embeddings as unit vectors: deduplicated, without padding, bf16 where it is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input, token_batches
from llmexam.lm.models.loading import (
    BUNDLED,
    ModelFolder,
    load_encoder,
    load_tokenizer,
    require_packages,
    resolve_model,
)
from llmexam.lm.models.precision import INT8_VERSION, Precision, choose_dtype, name_of
from llmexam.lm.models.sentence_config import SentenceConfig, load_dense, read_sentence_config
from llmexam.storage.hashing import hash_json
from llmexam.storage.vector_cache import VectorCache

if TYPE_CHECKING:
    from torch import Tensor

    from llmexam.lm.encoding.encoders import Encoder

Kind = Literal["", "query", "passage"]
Progress = Callable[[int, int], None]

_HEADS = ("ForMultipleChoice", "ForSequenceClassification", "ForQuestionAnswering")
# Larger batches leave the CPU's caches (measured: docs/design/embedding.md).
_BATCH_TOKENS = 2048
# Texts tokenized and sorted at a time, to bound the memory for a large corpus.
_WINDOW_TEXTS = 16_384
# Fewer where vectors are cached: a run that is killed loses only the window it is in.
_CACHED_TEXTS = 1024


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of texts.

    Attributes:
        vectors: float32 unit vectors, shape `[n_texts, dim]`.
        cut: bool, shape `[n_texts]`: whether the text was truncated.
    """

    vectors: NDArray[np.float32]
    cut: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Token embeddings of one text, without special tokens.

    Attributes:
        ids: Token ids, shape `[n_tokens]`.
        starts: Start of each token in the text without its prefix, in characters; negative
            for tokens of the prefix, shape `[n_tokens]`.
        vectors: float16 unit vectors, shape `[n_tokens, hidden_dim]`.
        cut: Whether the text was truncated.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    vectors: NDArray[np.float16]
    cut: bool


class Embedder:
    """Embeds texts as unit vectors; created by `load_embedder`.

    A vector does not depend on the other texts, up to rounding: without padding (BERT, which most
    small embedders are) differences are at most 1e-6, from the library's order of summation;
    with padding, bf16 may differ by about 1e-2.

    Attributes:
        name: The user's name of the model.
        dim: Dimension of a vector.
        max_tokens: Texts are truncated to this many tokens, special ones included.
        precision: `fp32`, `bf16` or `int8`.
        weights_hash: SHA-256 of all files that vectors depend on.
        fingerprint: SHA-256 of all that vectors depend on: model, precision, length limit.
        prefixes: Prefix of texts, by kind.
        n_forwards: Forward passes so far.
        n_tokens: Tokens computed so far, without padding.
        n_padding: Padding tokens computed so far.
    """

    def __init__(
        self,
        folder: ModelFolder,
        config: SentenceConfig,
        tokenizer: Any,
        encoder: Encoder,
        *,
        precision: Precision,
        max_tokens: int,
        prefixes: dict[str, str],
        cache_dir: Path | None = None,
    ) -> None:
        self.name = folder.name
        self.precision = precision
        self.max_tokens = max_tokens
        self.weights_hash = folder.weights_hash
        self.prefixes = prefixes
        self.n_forwards = self.n_tokens = self.n_padding = 0
        self._config = config
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._dense = load_dense(folder, config)
        pooled = encoder.dim * len(config.pooling)
        self.dim = len(self._dense[-1][0]) if self._dense else pooled
        arithmetic = INT8_VERSION if precision == "int8" else precision
        self.fingerprint = hash_json([self.weights_hash, arithmetic, max_tokens])
        self._cache = (
            VectorCache(cache_dir / self.fingerprint[:32], self.dim) if cache_dir else None
        )

    def encode(
        self, texts: Sequence[str], *, kind: Kind = "", progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return one unit vector per text, float32, shape `[n_texts, dim]`, in the texts' order.

        Args:
            texts: The texts, possibly none; repeated ones are computed once.
            kind: Key of `prefixes`, for models that use prefixes.
            progress: Called as `progress(n_done, n_all)` with counts of distinct texts.
        """
        return self.embed(texts, kind=kind, progress=progress).vectors

    def embed(
        self, texts: Sequence[str], *, kind: Kind = "", progress: Progress | None = None
    ) -> Embedded:
        """Return the vectors of `encode`, and which texts were truncated."""
        prefix = self.prefixes.get(kind, "")
        place: dict[str, int] = {}
        rows = [place.setdefault(self._clean(prefix + text), len(place)) for text in texts]
        distinct = list(place)
        vectors = np.zeros((len(distinct), self.dim), dtype=np.float32)
        cut = np.zeros(len(distinct), dtype=bool)
        todo = list(range(len(distinct)))
        if self._cache is not None:
            known = self._cache.look_up(distinct, vectors, cut)
            todo = np.flatnonzero(~known).tolist()
        report = _Reporter(progress, len(distinct), len(distinct) - len(todo))
        size = _WINDOW_TEXTS if self._cache is None else _CACHED_TEXTS
        for start in range(0, len(todo), size):
            window = np.array(todo[start : start + size])
            fresh = [distinct[i] for i in window]
            encoded = self._tokenize(fresh)
            cut[window] = [bool(encoding.overflowing) for encoding in encoded.encodings]
            for chosen, pooled, _ in self._forward_all(encoded["input_ids"]):
                vectors[window[chosen]] = pooled
                report.advance(len(chosen))
            if self._cache is not None:
                self._cache.store(fresh, vectors[window], cut[window])
        return Embedded(vectors[rows], cut[rows])

    def embed_tokens(
        self, texts: Sequence[str], *, layer: int = 1, kind: Kind = ""
    ) -> tuple[NDArray[np.float32], list[TokenVectors]]:
        """Return the vectors of texts as by `encode`, and of all their tokens.

        Both come from the same forward passes. Vectors of repeated texts are shared. There is no
        cache, because token vectors take about 30 times the space of a text's vector.

        Args:
            texts: The texts; repeated ones are computed once.
            layer: The layer of the token vectors, counted back from the last. The last one is
                trained for pooling; the one before discriminates words better.
            kind: Key of `prefixes`.
        """
        prefix = self.prefixes.get(kind, "")
        place: dict[str, int] = {}
        rows = [place.setdefault(self._clean(prefix + text), len(place)) for text in texts]
        vectors = np.zeros((len(place), self.dim), dtype=np.float32)
        tokens: list[TokenVectors | None] = [None] * len(place)
        distinct = list(place)
        for start in range(0, len(distinct), _WINDOW_TEXTS):
            window = np.arange(start, min(start + _WINDOW_TEXTS, len(distinct)))
            encoded = self._tokenize([distinct[i] for i in window])
            for chosen, pooled, inner in self._forward_all(encoded["input_ids"], layer):
                vectors[window[chosen]] = pooled
                for text, own in zip(chosen, inner, strict=True):
                    tokens[window[text]] = _tokens_of(encoded.encodings[text], own, len(prefix))
        return vectors[rows], [found for row in rows if (found := tokens[row]) is not None]

    def count_tokens(self, texts: Sequence[str], *, kind: Kind = "") -> NDArray[np.int64]:
        """Return the tokens per text before truncation, special ones included, `[n_texts]`."""
        prefix = self.prefixes.get(kind, "")
        cleaned = [self._clean(prefix + text) for text in texts]
        if not cleaned:
            return np.zeros(0, dtype=np.int64)
        # verbose=False: no warning about long texts, whose length is what is counted.
        encoded = self._tokenizer(cleaned, truncation=False, verbose=False)
        return np.array([len(ids) for ids in encoded["input_ids"]], dtype=np.int64)

    def _tokenize(self, texts: list[str]) -> Any:
        return self._tokenizer(
            texts,
            truncation=True,
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )

    def _clean(self, text: str) -> str:
        # The tokenizer rejects lone surrogates, which damaged files may contain.
        whole = text.encode("utf-8", "replace").decode("utf-8")
        return whole.lower() if self._config.lower_case else whole

    def _forward_all(
        self, ids: list[list[int]], layer: int | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], list[NDArray[np.float16]]]]:
        """Yield indices of texts, their vectors, and their token vectors if a layer is given."""
        import torch

        lengths = np.array([len(tokens) for tokens in ids])
        # Longest first, so that a lack of memory shows at once. The sort is stable.
        order = np.argsort(-lengths, kind="stable")
        for chosen in token_batches(order, lengths, _BATCH_TOKENS, pads=self._encoder.pads):
            with torch.inference_mode():
                vectors, tokens = self._forward([ids[i] for i in chosen], layer)
            n_tokens = int(lengths[chosen].sum())
            self.n_forwards += 1
            self.n_tokens += n_tokens
            if self._encoder.pads:
                self.n_padding += len(chosen) * int(lengths[chosen[0]]) - n_tokens
            yield chosen, vectors, tokens

    def _forward(
        self, batch: list[list[int]], layer: int | None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float16]]]:
        import torch
        from torch.nn.functional import linear, normalize

        from llmexam.lm.encoding.pooling import pool

        pooled: list[Tensor] = []
        tokens: list[NDArray[np.float16]] = []
        for part in self._encoder(batch, layer or 0):
            pooled.append(pool(part.last, part.mask, self._config.pooling))
            if layer is not None:
                units = normalize(part.inner.float(), dim=-1).half().cpu().numpy()
                tokens.extend(units)
        vectors = torch.cat(pooled).cpu()
        for weight, bias, activation in self._dense:
            vectors = linear(vectors, weight, bias)
            vectors = vectors.tanh() if activation == "tanh" else vectors
        return normalize(vectors, dim=1).numpy(), tokens


def _require_no_head(folder: ModelFolder) -> None:
    """Check that a model was not trained to give scores, which makes its vectors meaningless."""
    config = folder.read_json("config.json")
    found = config.get("architectures") if isinstance(config, dict) else None
    name = str(found[0]) if isinstance(found, list) and found else ""
    if not name.endswith(_HEADS) or folder.read_json("modules.json") is not None:
        return
    solver = "multiple-choice" if name.endswith("ForMultipleChoice") else "cross-encoder"
    raise ModelError(
        f"expected a bi-encoder, got a model with a head for other tasks ({name}): its embeddings "
        "were not trained to be compared",
        file=folder.path,
        field="model",
        hint=f"Use solver {solver} with its encoding, or a bi-encoder such as 'bundled'",
    )


def load_embedder(
    model: str = BUNDLED,
    *,
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    max_tokens: int | None = None,
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
    device: str = "cpu",
    cache_dir: str | Path | None = None,
) -> Embedder:
    """Load a bi-encoder with the pooling, context length and prefixes of its folder.

    Args:
        model: `bundled`, a local folder or a Hugging Face name; see `resolve_model`.
        precision: `auto` is bf16 on processors with fast bf16 arithmetic, else fp32. `int8` is
            faster and less exact, for BERT models on a CPU with VNNI or AMX.
        max_tokens: Truncate texts to this many tokens; None for the folder's limit.
        query_prefix: Prefix of queries; None for the folder's.
        passage_prefix: Prefix of passages; None for the folder's.
        device: A torch device, such as `cpu` or `cuda`.
        cache_dir: Cache vectors in this folder across runs.

    Raises:
        MissingDependencyError: torch, transformers or the bundled model is not installed.
        ModelError: The model is missing or unusable, `max_tokens` exceeds its limit, or int8 is
            not supported for this model, processor or device.
    """
    require_packages("text embedding")

    import torch

    from llmexam.lm.encoding.encoders import PackedEncoder, PaddedEncoder
    from llmexam.lm.encoding.int8_loading import load_int8_bert, require_cpu
    from llmexam.lm.encoding.packed_bert import can_pack
    from llmexam.lm.encoding.prepared_bert import prepare_bert
    from llmexam.lm.models.device import torch_device

    folder = resolve_model(model)
    _require_no_head(folder)
    config = read_sentence_config(folder)
    tokenizer = load_tokenizer(folder)
    place = torch_device(device)
    if precision == "int8":
        require_cpu(place)
    dtype = torch.float32 if precision == "int8" else choose_dtype(precision, place)
    loaded = load_encoder(folder, dtype=torch.float32)
    encoder: Encoder
    if precision == "int8":
        encoder = PackedEncoder(load_int8_bert(loaded, tokenizer, folder), place)
    elif can_pack(loaded.config):
        encoder = PackedEncoder(prepare_bert(loaded, dtype, place), place)
    else:
        tokenizer.padding_side = "right"
        encoder = PaddedEncoder(loaded.to(dtype), tokenizer.pad_token_id or 0, place)
    prefixes = dict(config.prefixes)
    for kind, given in (("query", query_prefix), ("passage", passage_prefix)):
        if given is not None:
            prefixes[kind] = given
    return Embedder(
        folder,
        config,
        tokenizer,
        encoder,
        precision=name_of(precision, dtype),
        max_tokens=_length_limit(folder, config, tokenizer, loaded.config, max_tokens),
        prefixes=prefixes,
        cache_dir=Path(cache_dir) if cache_dir is not None else None,
    )


class _Reporter:
    def __init__(self, progress: Progress | None, n_all: int, n_done: int) -> None:
        self._progress, self._n_all, self._n_done = progress, n_all, n_done
        self.advance(0)

    def advance(self, n_texts: int) -> None:
        self._n_done += n_texts
        if self._progress is not None:
            self._progress(self._n_done, self._n_all)


def _tokens_of(encoding: Any, vectors: NDArray[np.float16], prefix: int) -> TokenVectors:
    keep = np.flatnonzero(np.array(encoding.special_tokens_mask) == 0)
    return TokenVectors(
        ids=np.array(encoding.ids, dtype=np.int64)[keep],
        starts=np.array(encoding.offsets, dtype=np.int64)[keep, 0] - prefix,
        # A copy, because a view would keep the whole batch in memory.
        vectors=vectors[keep],
        cut=bool(encoding.overflowing),
    )


def _length_limit(
    folder: ModelFolder, config: SentenceConfig, tokenizer: Any, model: Any, asked: int | None
) -> int:
    longest = longest_input(model)
    shortest = tokenizer.num_special_tokens_to_add() + 1
    if asked is not None:
        if not shortest <= asked <= (longest or asked):
            raise ModelError(
                f"expected max_tokens from {shortest} to {longest}, got {asked}",
                file=folder.path,
                hint="Choose a length in this range",
            )
        return asked
    # A tokenizer without a limit has a huge `model_max_length`.
    known = [config.max_tokens, longest, int(tokenizer.model_max_length)]
    return min(limit for limit in known if limit)
