"""Errors of an endpoint, translated into messages with advice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmexam.errors import EndpointError

if TYPE_CHECKING:
    import openai

    from llmexam.solvers.served.requests import Request
    from llmexam.solvers.served.settings import ServedSettings

_LONGEST = 300
_TOO_LONG = ("context_length", "context length", "maximum context", "too long", "context size")


class LogprobsRefusedError(EndpointError):
    """The endpoint does not return log-probabilities."""


def logprobs_refused(settings: ServedSettings, why: str) -> LogprobsRefusedError:
    """Return the error for an endpoint without log-probabilities."""
    return LogprobsRefusedError(
        f"{settings.base_url} tells no log-probabilities for '{settings.model}': {why}",
        field="answers",
        hint="Set answers: ranking or auto, or a lower top_logprobs",
    )


def explain_failure(
    error: openai.OpenAIError, request: Request, settings: ServedSettings, key: str | None
) -> EndpointError:
    """Return our error for an error of the client; it never contains the key.

    Args:
        error: The client's error after its last retry.
        request: The request.
        settings: Settings of the solver.
        key: The key that was sent, to be redacted if the server repeats it.
    """
    import openai

    where = f"{settings.base_url}, question '{request.question_id}'"
    if isinstance(error, openai.APITimeoutError):
        return EndpointError(
            f"{where}: no answer within {settings.timeout:g} s, {_tries(settings)}",
            hint="Raise timeout, or lower max_concurrency",
        )
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        why = _clean(str(cause) or type(cause).__name__, key)
        return EndpointError(
            f"{where}: no connection ({why}), {_tries(settings)}",
            hint="Check base_url, and whether the server runs",
        )
    if isinstance(error, openai.APIStatusError):
        return _explain_status(error, where, settings, key)
    return EndpointError(f"{where}: {_clean(str(error), key)}")


def _explain_status(
    error: openai.APIStatusError, where: str, settings: ServedSettings, key: str | None
) -> EndpointError:
    status, said = error.status_code, _clean(_said(error), key)
    folded = said.lower()
    text = f"{where}: {status}: {said}"
    if status in (400, 422) and "logprob" in folded and settings.answers != "ranking":
        return logprobs_refused(settings, f"{status}: {said}")
    if status in (400, 413) and (status == 413 or any(sign in folded for sign in _TOO_LONG)):
        return EndpointError(
            text, field="max_characters", hint="Lower max_characters: the model reads less"
        )
    if status in (401, 403):
        variable = settings.api_key_env
        if variable is None and not settings.is_openai:
            return EndpointError(
                text,
                field="api_key_env",
                hint="No key was sent: set api_key_env to the environment variable that holds "
                "this endpoint's key; without it, OPENAI_API_KEY goes to api.openai.com only",
            )
        held = f"in the environment variable {variable}" if variable else "; api_key_env names none"
        return EndpointError(text, hint=f"Check the key {held}, and what it may be used for")
    if status == 404:
        return EndpointError(
            text,
            hint=f"Check the model's name ('{settings.model}') and base_url, which often ends "
            f"in /v1; some models have only one of the endpoints chat and completion",
        )
    if status == 429:
        return EndpointError(
            f"{text}, {_tries(settings)}",
            hint="Lower max_concurrency, wait, or look after your quota",
        )
    if 300 <= status < 400:
        place = error.response.headers.get("location", "")
        return EndpointError(
            f"{where}: {status}: the endpoint has moved to '{_clean(place, key)}'",
            field="base_url",
            hint="Questions follow no redirection: set base_url to the new address",
        )
    if status >= 500:
        return EndpointError(f"{text}, {_tries(settings)}", hint="The server failed: look there")
    if settings.model in said:
        return EndpointError(text, field="model", hint="Check the model's name")
    return EndpointError(
        text,
        hint="The endpoint refuses something in the request: temperature, seed, max_tokens_name, "
        "system and extra_body can be changed",
    )


def _said(error: openai.APIStatusError) -> str:
    """Return the server's message; servers put it in different fields."""
    try:
        body = json.loads(error.response.text)
    except ValueError:
        return error.response.text or error.message
    while isinstance(body, dict):
        body = next((body[name] for name in ("error", "message", "detail") if name in body), None)
    return str(body) if body else error.message


def _tries(settings: ServedSettings) -> str:
    n_tries = settings.max_retries + 1
    return f"tried {n_tries} times" if n_tries > 1 else "tried once"


def _clean(text: str, key: str | None) -> str:
    bare = text.replace(key, "***") if key else text
    line = " ".join(bare.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
