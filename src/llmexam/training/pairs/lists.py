"""Training lists of positive and negative pairs, for cross-encoders and rerankers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmexam.lm.readers.text_pairs import EncodedPair, TextPair, encode_pairs
from llmexam.training.pairs.settings import PairTrainingSettings


@dataclass(frozen=True, slots=True)
class PairList:
    """The pairs of one question.

    Attributes:
        name: The question's id.
        pairs: What is read, right ones first.
        labels: 1 for right ones, 0 for wrong ones; or how right each is, between 0 and 1.
    """

    name: str
    pairs: tuple[TextPair, ...]
    labels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EncodedLists:
    """Lists with their tokens.

    Attributes:
        lists: The lists.
        sequences: The tokens of all pairs, end to end.
        starts: The number of the first sequence of each list.
    """

    lists: tuple[PairList, ...]
    sequences: tuple[EncodedPair, ...]
    starts: tuple[int, ...]

    @property
    def n_tokens(self) -> int:
        """Tokens of all sequences."""
        return sum(len(one.ids) for one in self.sequences)

    @property
    def truncated(self) -> list[bool]:
        """Whether a pair of each list is truncated, shape `[n_lists]`."""
        return [
            any(one.n_cut for one in self.sequences[start : start + len(own.pairs)])
            for start, own in zip(self.starts, self.lists, strict=True)
        ]

    @property
    def n_truncated(self) -> int:
        """Number of lists with a truncated pair."""
        return sum(self.truncated)

    @property
    def share_cut(self) -> float:
        """Share of all tokens that is truncated."""
        n_cut = sum(one.n_cut for one in self.sequences)
        return n_cut / max(1, n_cut + self.n_tokens)


def encode_lists(
    lists: Sequence[PairList], tokenizer: Any, max_tokens: int, cut: Any = "first"
) -> EncodedLists:
    """Return the lists with their tokens: those that `PairScorer` reads."""
    pairs = [pair for own in lists for pair in own.pairs]
    starts = []
    begin = 0
    for own in lists:
        starts.append(begin)
        begin += len(own.pairs)
    sequences = encode_pairs(pairs, tokenizer, max_tokens, cut=cut)
    return EncodedLists(tuple(lists), tuple(sequences), tuple(starts))


def columns(encoded: EncodedLists, settings: PairTrainingSettings) -> dict[str, list[Any]]:
    """Return the columns of a data set for the loss, with indices of sequences."""
    high = 10.0 if settings.loss == "listnet" else 1.0
    rows = list(zip(encoded.starts, encoded.lists, strict=True))
    if settings.loss != "binary":
        return {
            "name": [own.name for _, own in rows],
            "numbers": [list(range(start, start + len(own.pairs))) for start, own in rows],
            # ListNet's target is a softmax over these; 10 puts nearly all probability on positives.
            "label": [[high * label for label in own.labels] for _, own in rows],
        }
    pairs = [
        (own.name, start + i, label) for start, own in rows for i, label in enumerate(own.labels)
    ]
    return {
        "name": [name for name, _, _ in pairs],
        "number": [number for _, number, _ in pairs],
        "label": [float(label) for _, _, label in pairs],
    }
