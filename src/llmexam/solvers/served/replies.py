"""Responses of endpoints, in the variants of different servers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from llmexam.exam.letters import letter_of

# Markers of a leading space or line break in raw vocabulary entries.
_BLANK = " \t\r\n\u2581\u0120\u010a"
_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
# Difference of an unlisted letter to the least likely listed token, in nats.
_BELOW = 1.0

Listed = tuple[tuple[str, float], ...]


class Reply(BaseModel):
    """An answer as it is cached.

    Attributes:
        text: The text.
        tokens: The most likely tokens at the letter's position with their log-probabilities,
            or None if the endpoint returned none.
        prompt_tokens: Tokens of the prompt, or None if the endpoint did not report them.
        completion_tokens: Tokens of the answer, or None.
        model: The endpoint's name of the model that answered.
        finish: Why the answer ended, such as "stop", "length" or "content_filter"; empty if the
            endpoint did not say.
        refusal: Why the endpoint rejected the request; empty if it answered. Such replies are not
            cached.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    text: str
    tokens: Listed | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    finish: str = ""
    refusal: str = ""


def read_reply(body: Any) -> Reply:
    """Return the answer in the JSON of a chat or text completion.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(body, Mapping):
        raise ValueError("expected a JSON object as reply")
    choices = body.get("choices")
    if not isinstance(choices, Sequence) or not choices or not isinstance(choices[0], Mapping):
        raise ValueError("the reply has no 'choices'")
    choice = choices[0]
    message = choice.get("message")
    text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    counted = body.get("usage")
    counts = counted if isinstance(counted, Mapping) else {}
    return Reply(
        text=_storable(text) if isinstance(text, str) else "",
        tokens=_choose_place(_places(choice.get("logprobs"))),
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        model=str(body.get("model") or ""),
        finish=str(choice.get("finish_reason") or ""),
    )


def _storable(text: str) -> str:
    """Return a text that files can hold: without NUL, and with half surrogate pairs replaced."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def without_thoughts(text: str) -> str:
    """Return an answer without what a reasoning model wrote between `<think>` tags.

    >>> without_thoughts("<think>A or B?</think>B").strip()
    'B'
    """
    return _THOUGHT.sub(" ", text)


def letter_scores(tokens: Listed, n_options: int) -> NDArray[np.float64] | None:
    """Return the log-probability of each option's letter, shape `[n_options]`.

    A letter with and without a leading space are two tokens, whose probabilities are added. An
    unlisted letter gets 1 nat less than the least likely listed token, an upper bound.

    Args:
        tokens: The listed tokens, with their log-probabilities.
        n_options: Number of letters, from A on.

    Returns:
        The log-probabilities, or None if no letter was listed.
    """
    letters = {letter_of(place): place for place in range(n_options)}
    found = np.full(n_options, -np.inf)
    for token, value in tokens:
        place = letters.get(token.strip(_BLANK))
        if place is not None:
            found[place] = np.logaddexp(found[place], value)
    if not np.isfinite(found).any():
        return None
    floor = min(value for _, value in tokens) - _BELOW
    return np.where(np.isfinite(found), found, floor)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _places(logprobs: Any) -> list[tuple[str, Listed]]:
    """Return the tokens of the answer, each with the likely tokens at its position."""
    if not isinstance(logprobs, Mapping):
        return []
    content = logprobs.get("content")
    if isinstance(content, Sequence):
        return [_of_content(one) for one in content if isinstance(one, Mapping)]
    tokens, tops = logprobs.get("tokens"), logprobs.get("top_logprobs")
    if not isinstance(tokens, Sequence) or not isinstance(tops, Sequence):
        return []
    # The format of text completions: a mapping from token to log-probability per position.
    return [
        (str(token), _listed(top.items()))
        for token, top in zip(tokens, tops, strict=False)
        if isinstance(top, Mapping)
    ]


def _of_content(one: Mapping[str, Any]) -> tuple[str, Listed]:
    tops = one.get("top_logprobs")
    listed = tops if isinstance(tops, Sequence) else []
    pairs = [(top.get("token"), top.get("logprob")) for top in listed if isinstance(top, Mapping)]
    own = (one.get("token"), one.get("logprob"))
    # Some servers list only the alternatives.
    return str(own[0]), _listed(pairs if own[0] in dict(pairs) else [own, *pairs])


def _listed(pairs: Any) -> Listed:
    return tuple(
        (token, float(value))
        for token, value in pairs
        if isinstance(token, str) and isinstance(value, int | float) and math.isfinite(value)
    )


def _choose_place(places: list[tuple[str, Listed]]) -> Listed | None:
    """Return the likely tokens at the first position with a letter, else at the first position."""
    told = [(token.strip(_BLANK), listed) for token, listed in places if listed]
    if not told:
        return None
    for token, listed in told:
        if len(token) == 1 and "A" <= token <= "Z":
            return listed
    return told[0][1]
