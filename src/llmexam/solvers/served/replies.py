"""Responses of endpoints, in the variants of different servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from llmexam.exam.letters import letter_of

# Markers of a leading space or line break in raw vocabulary entries.
_BLANK = " \t\r\n\u2581\u0120\u010a"
_AROUND_LETTERS = _BLANK + "()[]*_`\"'.:,"
_ENDS_OF_THOUGHTS = ("</think>", "[/THINK]", "</thinking>")
# Difference of an unlisted letter to the least likely listed token, in nats.
_BELOW = 1.0
_PLACE_OF_I = 8

# More tokens than this were not counted but made up.
_MOST_TOKENS = 10**9

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
    finish = _storable(choice.get("finish_reason"))
    text = _written(message, finish) if isinstance(message, Mapping) else choice.get("text")
    counted = body.get("usage")
    counts = counted if isinstance(counted, Mapping) else {}
    return Reply(
        text=_storable(text),
        tokens=_choose_place(_places(choice.get("logprobs"))),
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        model=_storable(body.get("model")),
        finish=finish,
    )


def _storable(text: Any) -> str:
    """Return a text that files can hold: without NUL, and with half surrogate pairs replaced.

    What is no text becomes an empty one.
    """
    if not isinstance(text, str):
        return ""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, eq=False)
class LetterScores:
    """Log-probabilities of the letters of options.

    Attributes:
        values: One per option, shape `[n_options]`.
        share: Probability that the letters hold together, 0 to 1.
    """

    values: NDArray[np.float64]
    share: float


def letter_scores(tokens: Listed, n_options: int) -> LetterScores | None:
    """Return the log-probability of each option's letter.

    Tokens of one letter, such as with and without a leading space or bracket, add up. Lower-case
    letters count where capital letters hold less probability than they. An unlisted letter gets
    1 nat less than the least likely listed token, an upper bound.

    Args:
        tokens: The listed tokens, with their log-probabilities.
        n_options: Number of letters, from A on.

    Returns:
        The log-probabilities, or None if no letter was listed.
    """
    letters = {letter_of(place): place for place in range(n_options)}
    capital, small = np.full((2, n_options), -np.inf)
    for token, value in tokens:
        bare = token.strip(_AROUND_LETTERS)
        for found, place in (
            (capital, letters.get(bare)),
            (small, letters.get(bare.upper()) if bare.islower() else None),
        ):
            if place is not None:
                found[place] = np.logaddexp(found[place], value)
    if not np.isfinite(capital).any() and not np.isfinite(small).any():
        return None
    shares = np.exp(capital).sum(), np.exp(small).sum()
    found = np.logaddexp(capital, small) if shares[1] > shares[0] else capital
    floor = min(value for _, value in tokens) - _BELOW
    share = min(1.0, float(np.exp(_without_the_word(found)).sum()))
    return LetterScores(np.where(np.isfinite(found), found, floor), share)


def _written(message: Mapping[str, Any], finish: str) -> str:
    """Return the text of a message: its content, or what stands in place of one."""
    text = _text_of(message.get("content"))
    if not text.strip() and finish == "stop":
        # Servers that separate the reasoning of a model may take its answer for reasoning, too.
        names = ("reasoning_content", "reasoning")
        text = next((t for t in (_text_of(message.get(name)) for name in names) if t), text)
    if not text.strip():
        calls = message.get("tool_calls")
        functions = [one.get("function") for one in _mappings(calls)]
        text = " ".join(_text_of(one.get("arguments")) for one in _mappings(functions))
    return text if text.strip() else _text_of(message.get("refusal"))


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [one for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []


def _text_of(content: Any) -> str:
    """Return a text, which some servers send in parts: `{"type": "text", "text": ...}`."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _MOST_TOKENS else None


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
        (_storable(token), _listed(top.items()))
        for token, top in zip(tokens, tops, strict=False)
        if isinstance(top, Mapping)
    ]


def _of_content(one: Mapping[str, Any]) -> tuple[str, Listed]:
    tops = one.get("top_logprobs")
    listed = tops if isinstance(tops, Sequence) else []
    pairs = [(top.get("token"), top.get("logprob")) for top in listed if isinstance(top, Mapping)]
    own = (one.get("token"), one.get("logprob"))
    # Some servers list only the alternatives.
    is_listed = any(token == own[0] for token, _ in pairs)
    return _storable(own[0]), _listed(pairs if is_listed else [own, *pairs])


def _listed(pairs: Any) -> Listed:
    return tuple(
        (_storable(token), float(value))
        for token, value in pairs
        if isinstance(token, str) and _is_log_probability(value)
    )


def _is_log_probability(value: Any) -> bool:
    # Some servers send a very small positive number for a probability of 1.
    return isinstance(value, int | float) and -1e6 < value < 1e-3


def _choose_place(places: list[tuple[str, Listed]]) -> Listed | None:
    """Return the likely tokens at the first position with a letter, else at the first position.

    Of an answer with the thoughts of a model, the positions after them count.
    """
    told = [(token.strip(_AROUND_LETTERS), listed) for token, listed in places if listed]
    if not told:
        return None
    ends = [place for place, (token, _) in enumerate(told, 1) if token in _ENDS_OF_THOUGHTS]
    for token, listed in told[ends[-1] if ends else 0 :]:
        if len(token) == 1 and "A" <= token <= "Z":
            return listed
    return told[0][1]


def _without_the_word(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the letters without "I" where it is the likeliest: "I think ..." is no option.

    Such an answer is asked for again as text.
    """
    if len(found) <= _PLACE_OF_I or np.argmax(found) != _PLACE_OF_I:
        return found
    return np.delete(found, _PLACE_OF_I)
