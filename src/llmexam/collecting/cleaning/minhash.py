"""Shingles, MinHash signatures and band keys of texts, computed for many texts at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from datasketch import MinHashLSH
from numpy.typing import NDArray

from llmexam.exam.normalise import normalise, words_of

Keys = NDArray[np.uint64]
Offsets = NDArray[np.int64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_SHIFT = np.uint64(33)
_MARGIN = 0.1
_MAX_WORDS = 1_000_000
# This many shingles and their products stay in the processor's cache.
_BLOCK = 16_384


@dataclass(frozen=True)
class Bands:
    """Number of bands and signature values per band, for a similarity threshold.

    Attributes:
        n_bands: Number of bands.
        n_rows: Signature values per band.
    """

    n_bands: int
    n_rows: int

    @classmethod
    def for_threshold(cls, threshold: float, n_permutations: int) -> Bands:
        """Return bands that find 99 % of the pairs at the threshold, for 128 permutations.

        They are those that datasketch chooses for a threshold that is 0.1 lower, if misses weigh
        nine times as much. Candidates are verified exactly, so a false one only costs time.
        """
        lower = max(threshold - _MARGIN, 0.1)
        lsh = MinHashLSH(threshold=lower, num_perm=n_permutations, weights=(0.1, 0.9))
        return cls(lsh.b, lsh.r)


class _WordKeys(dict[str, int]):
    """Keys of words: the first eight bytes of their BLAKE2b hash."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MAX_WORDS:
            self.clear()
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        key = self[word] = int.from_bytes(digest, "little")
        return key


_WORD_KEYS = _WordKeys()


def shingle_keys(texts: Sequence[str], n_words: int) -> tuple[Keys, Offsets]:
    """Return the distinct keys of the shingles of each text, sorted within a text.

    A text with fewer words than a shingle has one key, of all its words; a text without words has
    the key of its normalised form.

    Args:
        texts: The texts.
        n_words: Words per shingle.

    Returns:
        Keys, shape `[n_keys]`, and the index of each text's first key, shape `[n_texts + 1]`.
    """
    words = [words_of(text) or [normalise(text)] for text in texts]
    # A short text is one shingle; the padding differs from every word.
    padded = [one if len(one) >= n_words else one + [""] * (n_words - len(one)) for one in words]
    sizes = np.fromiter((len(one) for one in padded), np.int64, len(padded))
    lookup = _WORD_KEYS
    keys = np.fromiter(
        (lookup[word] for one in padded for word in one), np.uint64, int(sizes.sum())
    )
    ends = np.cumsum(sizes)
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)
    n_all = len(keys) - n_words + 1
    if n_all <= 0:
        return np.zeros(0, dtype=np.uint64), np.zeros(len(texts) + 1, dtype=np.int64)
    shingles = keys[:n_all].copy()
    for i in range(1, n_words):
        shingles *= _FACTOR
        shingles += keys[i : i + n_all]
    # A shingle that reaches into the next text is none.
    is_inside = np.arange(n_all) + n_words <= ends[owner[:n_all]]
    shingles, owner = _mix(shingles[is_inside]), owner[:n_all][is_inside]
    order = np.lexsort((shingles, owner))
    shingles, owner = shingles[order], owner[order]
    is_first = np.ones(len(shingles), dtype=bool)
    is_first[1:] = (shingles[1:] != shingles[:-1]) | (owner[1:] != owner[:-1])
    counts = np.bincount(owner[is_first], minlength=len(texts))
    return shingles[is_first], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def band_keys(shingles: Keys, offsets: Offsets, bands: Bands, *, seed: int) -> Keys:
    """Return a key for each text and band, shape `[n_texts, n_bands]`.

    Two texts have the same key in a band if their MinHash signatures agree in all its values. The
    permutations are `a * key + b` modulo 2^64 with odd `a`.

    Args:
        shingles: As `shingle_keys` returns them; each text has at least one.
        offsets: As `shingle_keys` returns them.
        bands: The bands.
        seed: Random seed of the permutations.
    """
    random = np.random.default_rng(seed)
    n = bands.n_bands * bands.n_rows
    a = random.integers(0, 2**63, n, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    b = random.integers(0, 2**64, n, dtype=np.uint64)
    n_texts = len(offsets) - 1
    keys = np.zeros((n_texts, bands.n_bands), dtype=np.uint64)
    first = 0
    while first < n_texts:
        # Whole texts, as many as fit; one at least.
        last = int(np.searchsorted(offsets, offsets[first] + _BLOCK, side="right")) - 1
        last = min(max(last, first + 1), n_texts)
        block = shingles[offsets[first] : offsets[last]]
        starts = offsets[first:last] - offsets[first]
        values = np.empty_like(block)
        for i in range(n):
            np.multiply(block, a[i], out=values)
            values += b[i]
            key = keys[first:last, i // bands.n_rows]
            key *= _FACTOR
            key += np.minimum.reduceat(values, starts)
        first = last
    return _mix(keys)


def _mix(keys: Keys) -> Keys:
    """Return well distributed keys (the 64-bit finaliser of MurmurHash3)."""
    keys = keys ^ (keys >> _SHIFT)
    keys *= _MIX[0]
    keys ^= keys >> _SHIFT
    keys *= _MIX[1]
    keys ^= keys >> _SHIFT
    return keys
