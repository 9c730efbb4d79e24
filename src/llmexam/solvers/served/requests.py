"""Requests: what is sent, and the key its answer is kept under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmexam.exam.question import Question
from llmexam.solvers.served.prompts import write_prompt
from llmexam.solvers.served.settings import ServedSettings
from llmexam.storage.hashing import hash_json

# A letter, or room for a model that says more than the letters it was asked for.
_LETTER_TOKENS = 1
_RANKING_TOKENS = 64
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
    question: Question, settings: ServedSettings, *, ranking: bool
) -> list[tuple[tuple[int, ...], Request]]:
    """Return the requests for a question, each with the order its options have in it.

    Args:
        question: The question.
        settings: The solver's.
        ranking: Whether to ask for letters in words, not for log-probabilities.
    """
    n_options = len(question.options)
    n_rotations = min(settings.rotations, n_options)
    found = []
    for turn in range(n_rotations):
        start = turn * n_options // n_rotations
        order = tuple((start + place) % n_options for place in range(n_options))
        turned = question.with_option_order(order)
        found.append((order, write_request(turned, settings, ranking=ranking)))
    return found


def write_request(question: Question, settings: ServedSettings, *, ranking: bool) -> Request:
    """Return the request for a question with its options in the order they have.

    Args:
        question: The question.
        settings: The solver's.
        ranking: Whether to ask for letters in words, not for log-probabilities.
    """
    prompt = write_prompt(
        question,
        n_passages=settings.passages,
        max_characters=settings.max_characters,
        ranking=ranking,
    )
    body: dict[str, Any] = {"model": settings.model}
    if settings.endpoint == "chat":
        system = [{"role": "system", "content": settings.system}] if settings.system else []
        body["messages"] = [*system, {"role": "user", "content": prompt.text}]
    else:
        head = f"{settings.system}\n\n" if settings.system else ""
        body["prompt"] = f"{head}{prompt.text}\n\nAnswer:"
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
    n_bytes = len(prompt.text.encode("utf-8", "surrogatepass")) + len(settings.system)
    return Request(
        question.id,
        body,
        hash_json({"endpoint": [settings.base_url, settings.endpoint], "body": body}),
        prompt.truncated,
        n_bytes // _BYTES_A_TOKEN + 16,
    )


def probe_key(settings: ServedSettings) -> str:
    """Return what is kept under: whether this model of this endpoint tells log-probabilities."""
    asked = [settings.base_url, settings.endpoint, settings.model, settings.top_logprobs]
    return hash_json({"offers log-probabilities": asked})
