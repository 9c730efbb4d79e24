"""What is asked of a decoder: how likely some tokens are after others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Stands where the asked-for token of a whole text would stand; no vocabulary has it.
END = -1


@dataclass(frozen=True, slots=True)
class Continuation:
    """Tokens whose likelihood is asked for, behind the tokens they follow.

    Attributes:
        tokens: Token ids: what is given, then what is asked for.
        start: Where the asked-for tokens begin; 1 or more, for a model predicts from a token.
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
    def asked(self) -> tuple[int, ...]:
        """The tokens whose likelihood is asked for."""
        return self.tokens[self.start :]

    @property
    def is_whole(self) -> bool:
        """Whether it asks for what a binary head says of a whole text, not for tokens."""
        return self.tokens[-1] == END


def whole_text(tokens: Sequence[int]) -> Continuation:
    """Return the request for what a binary head says of a text.

    >>> whole_text([5, 6]).asked
    (-1,)
    """
    return Continuation((*tokens, END), len(tokens))


def require_kind(requests: Iterable[Continuation], *, binary_head: bool) -> None:
    """Check that requests are for the head that a model has.

    Raises:
        ValueError: One is not.
    """
    if any(request.is_whole != binary_head for request in requests):
        raise ValueError(
            "a binary head scores whole texts, and a language-model head scores tokens"
        )


# The requests that belong together, such as the options of a question.
Group = Sequence[Continuation]
# Natural logarithms of the probabilities of the asked-for tokens, shape `[n_asked]`; for a whole
# text the logit of a binary head, shape `[1]`.
LogProbs = NDArray[np.float32]


def common_prefix(groups: Sequence[Group]) -> int:
    """Return how many tokens all requests share, such that each still has a token to predict from.

    What is shared is computed once for all groups; the state that predicts a request's first
    asked-for token is never part of it.
    """
    requests = [request for group in groups for request in group]
    if not requests:
        return 0
    first = min(request.tokens for request in requests)
    last = max(request.tokens for request in requests)
    # Sorted, the first and the last differ where any two do.
    shared = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    return min(shared, min(request.start for request in requests) - 1)
