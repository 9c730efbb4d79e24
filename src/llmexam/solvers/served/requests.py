"""Requests to an endpoint, and their cache keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmexam.exam.question import Question
from llmexam.solvers.prompts.wording import Shot, as_messages, as_text
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.prompts import OwnWording, Wording
from llmexam.solvers.served.settings import ServedSettings
from llmexam.storage.hashing import hash_json

# Maximum tokens of an answer: a letter, or an order of letters with words around it.
_LETTER_TOKENS = 1
_RANKING_TOKENS = 64
# Fields of a request that contain its texts.
_TEXTS = ("messages", "prompt")
# English has about four bytes per token; the budget assumes somewhat more tokens.
_BYTES_A_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an endpoint.

    Attributes:
        subject: What it is about, for error texts: `"question 'q1'"`.
        body: The JSON that is sent; it contains no key.
        key: Cache key: a hash of endpoint and body.
        truncated: Whether a text in it was truncated.
        likely_tokens: Estimated number of tokens sent, rather too high than too low.
    """

    subject: str
    body: dict[str, Any]
    key: str
    truncated: bool
    likely_tokens: int


def write_requests(
    question: Question,
    settings: ServedSettings,
    *,
    ranking: bool,
    wording: Wording | None = None,
    shots: Sequence[Shot] = (),
) -> list[tuple[tuple[int, ...], Request]]:
    """Return the requests for a question, one per rotation, each with its order of the options.

    Args:
        question: The question.
        settings: Settings of the solver.
        ranking: Whether to request letters as text instead of log-probabilities.
        wording: The prompt format; None for the default one.
        shots: Few-shot examples, in order.
    """
    n_options = len(question.options)
    n_rotations = min(settings.rotations, n_options)
    found = []
    for turn in range(n_rotations):
        start = turn * n_options // n_rotations
        order = tuple((start + place) % n_options for place in range(n_options))
        turned = question.with_option_order(order)
        request = write_request(turned, settings, ranking=ranking, wording=wording, shots=shots)
        found.append((order, request))
    return found


def write_request(
    question: Question,
    settings: ServedSettings,
    *,
    ranking: bool,
    wording: Wording | None = None,
    shots: Sequence[Shot] = (),
) -> Request:
    """Return the request for a question with its options in order.

    Args:
        question: The question.
        settings: Settings of the solver.
        ranking: Whether to request letters as text instead of log-probabilities.
        wording: The prompt format; None for the default one.
        shots: Few-shot examples, in order.
    """
    said = wording or OwnWording(ranking=ranking)
    prompt = said.put(
        question, n_passages=settings.passages, max_characters=settings.max_characters
    )
    fields: dict[str, Any] = {}
    if not ranking and settings.endpoint == "chat":
        fields = {"logprobs": True, "top_logprobs": settings.top_logprobs}
    elif not ranking:
        fields = {"logprobs": settings.top_logprobs}
    return endpoint_request(
        f"question '{question.id}'",
        settings,
        _told(prompt.text, settings, said, shots),
        n_tokens=settings.max_tokens or (_RANKING_TOKENS if ranking else _LETTER_TOKENS),
        fields=fields,
        truncated=prompt.truncated,
    )


def endpoint_request(
    subject: str,
    settings: EndpointSettings,
    told: Mapping[str, Any],
    *,
    n_tokens: int,
    fields: Mapping[str, Any] | None = None,
    truncated: bool = False,
    draw: int = 0,
) -> Request:
    """Return a request with its cache key.

    Args:
        subject: What it is about, for error texts.
        settings: Endpoint, model and sampling.
        told: The texts: `messages` of a chat, or `prompt` to continue.
        n_tokens: Longest answer, in tokens.
        fields: Further fields of the body.
        truncated: Whether a text was truncated.
        draw: Number of the answer, where several are drawn for the same texts.
    """
    body: dict[str, Any] = {"model": settings.model, **told}
    texts = [body["prompt"]] if "prompt" in body else [one["content"] for one in body["messages"]]
    body[settings.max_tokens_name] = n_tokens
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.seed is not None:
        body["seed"] = settings.seed + draw
    body |= dict(fields or {}) | settings.extra_body
    hashed: dict[str, Any] = {"endpoint": [settings.base_url, settings.endpoint], "body": body}
    if draw:
        # Without a seed, two draws of one answer have the same body.
        hashed["draw"] = draw
    n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return Request(subject, body, hash_json(hashed), truncated, n_bytes // _BYTES_A_TOKEN + 16)


def _told(
    asked: str, settings: ServedSettings, wording: Wording, shots: Sequence[Shot]
) -> dict[str, Any]:
    """Return the prompt field: a text to continue, or chat messages."""
    separator = wording.separator
    first = wording.instructions
    system = wording.system if settings.system is None else settings.system
    if settings.endpoint == "completion":
        shown = [Shot(shot.question + wording.cue, shot.answer) for shot in shots]
        text = as_text(first, shown, asked + wording.cue, separator=separator)
        # A trailing space would belong to the first token of the answer.
        return {"prompt": (f"{system}\n\n{text}" if system else text).rstrip(" ")}
    if first and settings.system is None:
        return {"messages": as_messages(first, shots, asked)}
    messages = as_messages(system, shots, asked)
    if first:
        # Instructions stay, whatever system message the user sets.
        opening = next(one for one in messages if one["role"] == "user")
        opening["content"] = f"{first}{separator}{opening['content']}"
    return {"messages": messages}


def probe_key(settings: ServedSettings, request: Request) -> str:
    """Return the cache key of whether the endpoint returns log-probabilities for such requests.

    Args:
        settings: Settings of the solver.
        request: A request for them; the key covers all fields but the texts, because an
            endpoint may reject log-probabilities in combination with another field.
    """
    asked = {name: value for name, value in request.body.items() if name not in _TEXTS}
    return hash_json({"offers log-probabilities": [settings.base_url, settings.endpoint, asked]})
