"""Requests to a decoder: the log-likelihood of tokens after other tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Placeholder target of a whole text; no vocabulary has this id.
END = -1


@dataclass(frozen=True, slots=True)
class Continuation:
    """Target tokens to score, after the tokens they follow.

    Attributes:
        tokens: Token ids of the prompt, then of the target.
        start: Index of the first target token; at least 1, because it needs a predecessor.
    """

    tokens: tuple[int, ...]
    start: int

    def __post_init__(self) -> None:
        if not 1 <= self.start < len(self.tokens):
            raise ValueError(
                f"expected a continuation with at least one token before it and one in it, got "
                f"start {self.start} of {len(self.tokens)} tokens"
            )

    @property
    def targets(self) -> tuple[int, ...]:
        """The target tokens."""
        return self.tokens[self.start :]

    @property
    def is_whole(self) -> bool:
        """Whether a binary head scores the whole text."""
        return self.tokens[-1] == END


def whole_text(tokens: Sequence[int]) -> Continuation:
    """Return the request to score a text by a binary head.

    >>> whole_text([5, 6]).targets
    (-1,)
    """
    return Continuation((*tokens, END), len(tokens))


def require_kind(requests: Iterable[Continuation], *, binary_head: bool) -> None:
    """Check that all requests match the model's type of head.

    Raises:
        ValueError: One does not.
    """
    if any(request.is_whole != binary_head for request in requests):
        raise ValueError(
            "a binary head scores whole texts, and a language-model head scores tokens"
        )


# Requests that belong together, such as the options of a question.
Group = Sequence[Continuation]
# Log-probabilities of the target tokens in nats, shape `[n_targets]`; for a whole text the logit of
# a binary head, shape `[1]`.
LogProbs = NDArray[np.float32]


def common_prefix(groups: Sequence[Group]) -> int:
    """Return the number of tokens that all requests share.

    The prefix is computed once for all groups; it never includes the token whose state predicts
    a request's first target token.
    """
    requests = [request for group in groups for request in group]
    if not requests:
        return 0
    first = min(request.tokens for request in requests)
    last = max(request.tokens for request in requests)
    # In sorted order, the first and the last share the prefix that all share.
    shared = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    return min(shared, min(request.start for request in requests) - 1)
