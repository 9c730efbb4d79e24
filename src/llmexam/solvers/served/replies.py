"""What an endpoint answers, in the forms that servers give it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from llmexam.exam.letters import letter_of

# How vocabularies write a space or a new line before a word, where a server does not decode it.
_BLANK = " \t\r\n\u2581\u0120\u010a"
# Below the least likely token that was listed, in nats.
_BELOW = 1.0

Listed = tuple[tuple[str, float], ...]


class Reply(BaseModel):
    """An answer as it is kept.

    Attributes:
        text: What was said.
        tokens: The most likely tokens in the letter's place with their log-probabilities, or
            None where the endpoint did not tell.
        prompt_tokens: Tokens sent, or None where the endpoint did not count.
        completion_tokens: Tokens answered, or None.
        model: What the endpoint calls the model that answered.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    text: str
    tokens: Listed | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""


def read_reply(body: Any) -> Reply:
    """Return what the JSON of an answer says, of a chat or of a completion.

    Raises:
        ValueError: It is not such an answer.
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
        text=text if isinstance(text, str) else "",
        tokens=_choose_place(_places(choice.get("logprobs"))),
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        model=str(body.get("model") or ""),
    )


def letter_scores(tokens: Listed, n_options: int) -> NDArray[np.float64] | None:
    """Return the log-probability of each option's letter, shape `[n_options]`.

    A letter with and without a space before it is two tokens, whose probabilities add up. One
    that is not listed gets 1 nat less than the least likely token that is: no more can be known.

    Args:
        tokens: The tokens that were listed, with their log-probabilities.
        n_options: How many letters count, from A on.

    Returns:
        The log-probabilities, or None where no letter was listed.
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
    """Return the tokens answered, each with those that were likely in its place."""
    if not isinstance(logprobs, Mapping):
        return []
    content = logprobs.get("content")
    if isinstance(content, Sequence):
        return [_of_content(one) for one in content if isinstance(one, Mapping)]
    tokens, tops = logprobs.get("tokens"), logprobs.get("top_logprobs")
    if not isinstance(tokens, Sequence) or not isinstance(tops, Sequence):
        return []
    # The older form, of completions: a mapping from token to log-probability for each place.
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
    # Some servers list the others only.
    return str(own[0]), _listed(pairs if own[0] in dict(pairs) else [own, *pairs])


def _listed(pairs: Any) -> Listed:
    return tuple(
        (token, float(value))
        for token, value in pairs
        if isinstance(token, str) and isinstance(value, int | float) and math.isfinite(value)
    )


def _choose_place(places: list[tuple[str, Listed]]) -> Listed | None:
    """Return what was likely where the letter is: the first place that is one, else the first."""
    told = [(token.strip(_BLANK), listed) for token, listed in places if listed]
    if not told:
        return None
    for token, listed in told:
        if len(token) == 1 and "A" <= token <= "Z":
            return listed
    return told[0][1]
