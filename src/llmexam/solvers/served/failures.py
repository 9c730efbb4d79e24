"""Errors of an endpoint, translated into messages with advice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmexam.errors import EndpointError

if TYPE_CHECKING:
    import openai

    from llmexam.solvers.served.endpoint import EndpointSettings
    from llmexam.solvers.served.requests import Request

_LONGEST = 300
_RETRY_COUNT = "x-stainless-retry-count"
_TOO_LONG = ("context_length", "context length", "maximum context", "too long", "context size")


_LOGPROBS = re.compile(r"log[-_ ]?prob", re.IGNORECASE)
_LIMIT = re.compile(
    r"max|most|greater|less|exceed|limit|between|range|up to|higher|larger|<|\u2264", re.IGNORECASE
)


class LogprobsRefusedError(EndpointError):
    """The endpoint does not return log-probabilities, or not so many.

    Attributes:
        limit: How many it returns per token, where it said so.
    """

    limit: int | None = None


class RequestNotSentError(EndpointError):
    """The run was stopped before a request was sent."""


class RequestRefusedError(EndpointError):
    """The endpoint rejects a request, but may accept others."""


class EndpointDownError(EndpointError):
    """The endpoint answers no request at present; another address may.

    Attributes:
        retry_after: Seconds that it asks to wait, if it does.
    """

    retry_after: float | None = None


def logprobs_refused(settings: EndpointSettings, why: str) -> LogprobsRefusedError:
    """Return the error for an endpoint without log-probabilities."""
    return LogprobsRefusedError(
        f"{settings.base_url} returns no log-probabilities for '{settings.model}': {why}",
        field="answers",
        hint="Set answers: ranking or auto, or lower top_logprobs",
    )


def explain_failure(
    error: openai.OpenAIError, request: Request, settings: EndpointSettings, key: str | None
) -> EndpointError:
    """Return our error for an error of the client; it never contains the key.

    Args:
        error: The client's error after its last retry.
        request: The request.
        settings: Endpoint and model.
        key: The key that was sent, to be redacted if the server repeats it.
    """
    import openai

    where = f"{settings.base_url}, {request.subject}"
    if isinstance(error, openai.APITimeoutError):
        return EndpointDownError(
            f"{where}: no answer within {settings.timeout:g} s, {_tries(error)}",
            hint="Raise timeout, or lower max_concurrency",
        )
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        why = _clean(str(cause) or type(cause).__name__, key)
        return EndpointDownError(
            f"{where}: no connection ({why}), {_tries(error)}",
            hint="Check base_url, and that the server is running",
        )
    if isinstance(error, openai.APIStatusError):
        return _explain_status(error, where, request, settings, key)
    return EndpointError(f"{where}: {_clean(str(error), key)}")


def _explain_status(
    error: openai.APIStatusError,
    where: str,
    request: Request,
    settings: EndpointSettings,
    key: str | None,
) -> EndpointError:
    status, said = error.status_code, _clean(_said(error), key)
    folded = said.lower()
    text = f"{where}: {status}: {said}"
    if 400 <= status < 500 and _LOGPROBS.search(folded) and "logprobs" in request.body:
        refused = logprobs_refused(settings, f"{status}: {said}")
        refused.limit = _limit(said, request.body)
        return refused
    if status in (400, 413) and (status == 413 or any(sign in folded for sign in _TOO_LONG)):
        return RequestRefusedError(
            text,
            field="max_characters",
            hint="The prompt is longer than the model's context: lower max_characters",
        )
    if status in (401, 403):
        variable = settings.api_key_env
        if variable is None and not settings.is_openai:
            return EndpointError(
                text,
                field="api_key_env",
                hint="No key was sent. Set api_key_env to the environment variable that "
                "holds this endpoint's key; OPENAI_API_KEY is sent to api.openai.com "
                "only",
            )
        held = f"in the environment variable {variable}" if variable else "(api_key_env is not set)"
        return EndpointError(text, hint=f"Check the key {held} and its permissions")
    if status == 404:
        return EndpointError(
            text,
            hint=f"Check model ('{settings.model}') and base_url, which often ends in /v1; "
            "some models support only one of endpoint: chat and completion",
        )
    if status == 429:
        return _down(
            error,
            f"{text}, {_tries(error)}",
            "Lower max_concurrency, wait, or check your quota",
        )
    if 300 <= status < 400:
        place = error.response.headers.get("location", "")
        return EndpointError(
            f"{where}: {status}: the endpoint redirects to '{_clean(place, key)}'",
            field="base_url",
            hint="Redirects are disabled: set base_url to the new address",
        )
    if status >= 500:
        return _down(error, f"{text}, {_tries(error)}", "The server failed: check its logs")
    if settings.model in said:
        return EndpointError(text, field="model", hint="Check the model's name")
    kind = RequestRefusedError if status in (400, 422) else EndpointError
    return kind(
        text,
        hint="The endpoint rejects the request. Change temperature, seed, "
        "max_tokens_name, system or extra_body",
    )


def _down(error: openai.APIStatusError, text: str, hint: str) -> EndpointDownError:
    found = EndpointDownError(text, hint=hint)
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = error.response.headers.get(name, "")
        if value.isdigit():
            found.retry_after = int(value) * unit
            break
    return found


def _limit(said: str, body: Mapping[str, Any]) -> int | None:
    """Return the number of log-probabilities that an error text names as the largest allowed."""
    wanted = body.get("top_logprobs", body["logprobs"])
    # Addresses of documentation hold version numbers.
    text = re.sub(r"https?://\S+", " ", said)
    if not _LIMIT.search(text):
        return None
    numbers = [int(one) for one in re.findall(r"(?<![\w.-])\d{1,4}(?![\w.]*\w)", text)]
    return max((one for one in numbers if 1 <= one < wanted), default=None)


def _said(error: openai.APIStatusError) -> str:
    """Return the server's message; servers put it in different fields."""
    try:
        body = json.loads(error.response.text)
    except (ValueError, RecursionError):
        return error.response.text or error.message
    while isinstance(body, dict):
        body = next((body[name] for name in ("error", "message", "detail") if name in body), None)
    return str(body) if body else error.message


def _tries(error: openai.APIConnectionError | openai.APIStatusError) -> str:
    """Return how often the request was sent, which the client says in a header."""
    count = error.request.headers.get(_RETRY_COUNT, "")
    n_tries = int(count) + 1 if count.isdigit() else 1
    wait = ""
    if hasattr(error, "response"):
        seconds = error.response.headers.get("retry-after", "")
        if seconds.isdigit() and int(seconds) > 60:
            wait = f"; the endpoint asks to wait {int(seconds):,} s"
    return f"after {n_tries} attempt{'s' if n_tries > 1 else ''}{wait}"


def _clean(text: str, key: str | None) -> str:
    bare = text.replace(key, "***") if key else text
    line = " ".join(bare.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
