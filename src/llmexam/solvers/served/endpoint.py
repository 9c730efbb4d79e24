"""Settings of an OpenAI-compatible endpoint: address, key variable, sampling, prices and budget.

There is no setting for a key and errors never show one, because plans are shared and stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from llmexam.machine import is_loopback
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import FolderReference, NotInKey

_OPENAI_URL = "https://api.openai.com/v1"
_OPENAI_HOST = "api.openai.com"
_OPENAI_VARIABLE = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_KEYS = {"key", "apikey", "token", "accesstoken", "secret", "password", "authorization", "bearer"}
# Fields of a request that other settings set and `extra_body` must not override.
_OWN = {"model", "messages", "prompt", "logprobs", "toplogprobs", "stream", "n", "bestof"}
_OWN |= {"temperature", "seed"}
# The budget relies on `max_tokens`, so `extra_body` must not raise the limit.
_LIMITS = {"maxtokens", "maxcompletiontokens", "maxoutputtokens", "maxnewtokens", "npredict"}


class EndpointSettings(Settings):
    """How an endpoint is reached, asked and paid; the base of all settings of served models."""

    # Pydantic's error messages would show the input, which may be a key.
    model_config = ConfigDict(hide_input_in_errors=True)
    user_only = frozenset(
        {
            "model",
            "base_url",
            "replicas",
            "allow_http",
            "api_key_env",
            "extra_body",
            "prompt_price",
            "completion_price",
            "max_cost",
            "cache_dir",
        }
    )

    model: str = Field(min_length=1, description="name of the model at the endpoint")
    base_url: str = Field(
        _OPENAI_URL,
        description="address of the endpoint: https, or http for this machine; most end in /v1",
    )
    replicas: Annotated[OneOrMany[str], NotInKey()] = Field(
        (),
        description="further addresses that serve the same model. Each request goes to the address "
        "with the fewest under way; one that fails is set aside and tried again later",
    )
    allow_http: bool = Field(False, description="allow unencrypted http to another machine")
    api_key_env: str | None = Field(
        None,
        description="environment variable that holds the API key; defaults to OPENAI_API_KEY for "
        "api.openai.com, and to no key elsewhere",
    )
    endpoint: Literal["chat", "completion"] = Field(
        "chat",
        description="chat: chat completions, for instruction-tuned models; completion: text "
        "completions",
    )
    temperature: float | None = Field(
        0.0, ge=0, le=2, description="sampling temperature; null leaves it out of the request"
    )
    seed: int | None = Field(0, description="sampling seed; null leaves it out of the request")
    max_tokens: int | None = Field(None, ge=1, description="longest answer, in tokens")
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens",
        description="name of that parameter at the endpoint, such as max_completion_tokens",
    )
    extra_body: dict[str, Any] = Field(
        {}, description="further fields of each request, as JSON; not those that other settings set"
    )
    max_concurrency: int = Field(
        8, ge=1, le=1000, description="largest number of concurrent requests, to each address"
    )
    timeout: float = Field(
        60.0, gt=0, description="timeout from a request to the end of its reply, in seconds"
    )
    max_reply_bytes: int = Field(
        16_000_000, ge=1000, description="largest size of a reply after decompression, in bytes"
    )
    max_retries: int = Field(
        5,
        ge=0,
        le=100,
        description="retries with exponential backoff after rate limits (429), server errors "
        "(5xx) and timeouts",
    )
    prompt_price: float = Field(0.0, ge=0, description="price per million prompt tokens")
    completion_price: float = Field(0.0, ge=0, description="price per million completion tokens")
    max_cost: float | None = Field(
        None,
        gt=0,
        description="stop before the total cost exceeds this limit, in the currency of the "
        "prices; cached answers count too",
    )
    cache_dir: Annotated[str, FolderReference(), NotInKey()] = Field(
        "~/.cache/llmexam/answers",
        min_length=1,
        description="folder that caches all answers, so that none is paid for twice",
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_keys(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        for name in values:
            _refuse_key(name)
        # OpenAI's key is sent to other endpoints only if the user names its variable.
        replicas = values.get("replicas") or ()
        # Other types are errors of the field itself.
        urls = list(replicas) if isinstance(replicas, list | tuple) else [replicas]
        urls.append(values.get("base_url", _OPENAI_URL))
        if "api_key_env" not in values and all(map(_is_openai, urls)):
            return {**values, "api_key_env": _OPENAI_VARIABLE}
        return values

    @field_validator("api_key_env", mode="before")
    @classmethod
    def _name_a_variable(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and _VARIABLE.fullmatch(value)):
            # The value is not shown: users may put the key itself here by mistake.
            raise ValueError(
                "expected the name of an environment variable in capitals, such as "
                "OPENAI_API_KEY. Put the key itself into that variable, never into a "
                "plan"
            )
        return value

    @field_validator("base_url", mode="before")
    @classmethod
    def _is_an_address(cls, value: Any) -> Any:
        return _address(value)

    @field_validator("replicas")
    @classmethod
    def _are_addresses(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_address, values))

    @field_validator("extra_body")
    @classmethod
    def _is_extra(cls, value: dict[str, Any]) -> dict[str, Any]:
        _refuse_nested_keys(value)
        for name in value:
            if _folded(name) in _LIMITS:
                raise ValueError(
                    f"'{name}' cannot be set in extra_body: set max_tokens, and set "
                    "max_tokens_name to its name at the endpoint"
                )
            if _folded(name) in _OWN:
                raise ValueError(f"'{name}' cannot be set in extra_body: it is set elsewhere")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.allow_http and not all(map(_is_private, (self.base_url, *self.replicas))):
            raise ValueError(
                "http to another machine sends texts and API key unencrypted. "
                "Use https, or set allow_http: true if you trust the network"
            )
        if self.max_cost is not None and not (self.prompt_price or self.completion_price):
            raise ValueError(
                "max_cost needs prompt_price and completion_price, each per million tokens"
            )
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses, each once."""
        return tuple(dict.fromkeys([self.base_url, *self.replicas]))

    @property
    def most_at_once(self) -> int:
        """Largest number of concurrent requests to all addresses."""
        return self.max_concurrency * len(self.urls)

    @property
    def is_openai(self) -> bool:
        """Whether the endpoint is OpenAI's own."""
        return _is_openai(self.base_url)

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")


def _is_private(url: str) -> bool:
    """Return whether texts on their way to an address are unreadable for others."""
    return not url.startswith("http://") or is_loopback(urlsplit(url).hostname or "")


def _split(value: Any) -> Any:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        # urlsplit validates the port only on access.
        return parts if parts is None or parts.port is None or parts.port else None
    except ValueError:
        return None


def _address(value: Any) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "the address must not contain a user, password or query. Put the key "
            "into the environment variable that `api_key_env` names"
        )
    return str(value).rstrip("/")


def _is_openai(url: Any) -> bool:
    parts = _split(url)
    return parts is not None and parts.hostname == _OPENAI_HOST


def _folded(name: Any) -> str:
    return re.sub(r"[^a-z]", "", str(name).lower())


def _refuse_nested_keys(value: Any) -> None:
    """Refuse names of keys at any depth."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            for name in here:
                _refuse_key(name)
            waiting += here.values()
        elif isinstance(here, list | tuple):
            waiting += here


def _refuse_key(name: Any) -> None:
    folded = _folded(name)
    if folded in _KEYS or (folded.endswith("apikey")):
        raise ValueError(
            f"'{name}' must not be in a plan or a command: put the key into an "
            "environment variable and set `api_key_env` to its name"
        )
