"""Requests: what is sent, and the key its answer is kept under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmexam.exam.question import Question
from llmexam.solvers.prompts.wording import Shot, as_messages, as_text
from llmexam.solvers.served.prompts import OwnWording, Wording
from llmexam.solvers.served.settings import ServedSettings
from llmexam.storage.hashing import hash_json

# A letter, or room for a model that says more than the letters it was asked for.
_LETTER_TOKENS = 1
_RANKING_TOKENS = 64
# Fields of a request that hold its texts.
_TEXTS = ("messages", "prompt")
# English has some four bytes a token; prompts for a budget are taken for a little longer.
_BYTES_A_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the endpoint.

    Attributes:
        question_id: The question it is about.
        body: The JSON that is sent; it holds no key.
        key: What its answer is kept under: a hash of endpoint and body.
        truncated: Whether passages or question had to be cut.
        likely_tokens: About how many tokens are sent, rather more than less.
    """

    question_id: str
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
    """Return the requests for a question, each with the order its options have in it.

    Args:
        question: The question.
        settings: The solver's.
        ranking: Whether to ask for letters in words, not for log-probabilities.
        wording: How questions are put; by default in our own words.
        shots: Examples, in order.
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
    """Return the request for a question with its options in the order they have.

    Args:
        question: The question.
        settings: The solver's.
        ranking: Whether to ask for letters in words, not for log-probabilities.
        wording: How questions are put; by default in our own words.
        shots: Examples, in order.
    """
    said = wording or OwnWording(ranking=ranking)
    prompt = said.put(
        question, n_passages=settings.passages, max_characters=settings.max_characters
    )
    body: dict[str, Any] = {"model": settings.model, **_told(prompt.text, settings, said, shots)}
    texts = [body["prompt"]] if "prompt" in body else [one["content"] for one in body["messages"]]
    n_tokens = settings.max_tokens or (_RANKING_TOKENS if ranking else _LETTER_TOKENS)
    body[settings.max_tokens_name] = n_tokens
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.seed is not None:
        body["seed"] = settings.seed
    if not ranking and settings.endpoint == "chat":
        body |= {"logprobs": True, "top_logprobs": settings.top_logprobs}
    elif not ranking:
        body["logprobs"] = settings.top_logprobs
    body |= settings.extra_body
    n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return Request(
        question.id,
        body,
        hash_json({"endpoint": [settings.base_url, settings.endpoint], "body": body}),
        prompt.truncated,
        n_bytes // _BYTES_A_TOKEN + 16,
    )


def _told(
    asked: str, settings: ServedSettings, wording: Wording, shots: Sequence[Shot]
) -> dict[str, Any]:
    """Return what the model reads: a text to go on, or the messages of a chat."""
    separator = wording.separator
    first = wording.instructions
    system = wording.system if settings.system is None else settings.system
    if settings.endpoint == "completion":
        shown = [Shot(shot.question + wording.cue, shot.answer) for shot in shots]
        text = as_text(first, shown, asked + wording.cue, separator=separator)
        # A space at the end belongs to the first token of the answer.
        return {"prompt": (f"{system}\n\n{text}" if system else text).rstrip(" ")}
    if first and settings.system is None:
        return {"messages": as_messages(first, shots, asked)}
    messages = as_messages(system, shots, asked)
    if first:
        # Who says something else to the system, or nothing, loses no instructions.
        opening = next(one for one in messages if one["role"] == "user")
        opening["content"] = f"{first}{separator}{opening['content']}"
    return {"messages": messages}


def probe_key(settings: ServedSettings, request: Request) -> str:
    """Return what is kept under: whether the endpoint tells log-probabilities for such requests.

    Args:
        settings: The solver's.
        request: One that asks for them; all but its texts counts, for an endpoint may refuse them
            beside some other field.
    """
    asked = {name: value for name, value in request.body.items() if name not in _TEXTS}
    return hash_json({"offers log-probabilities": [settings.base_url, settings.endpoint, asked]})
