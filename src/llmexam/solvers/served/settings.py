"""Settings of solver `openai`: endpoint, prompt and budget.

There is no setting for a key and errors never show one, because plans are shared and stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from llmexam.settings.base import Settings
from llmexam.settings.kinds import FolderReference, NotInKey, TemplateRef
from llmexam.solvers.prompts.shots import ShotSettings

_OPENAI_URL = "https://api.openai.com/v1"
_OPENAI_HOST = "api.openai.com"
_OPENAI_VARIABLE = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_KEYS = {"key", "apikey", "token", "accesstoken", "secret", "password", "authorization", "bearer"}
# Fields of a request that the solver sets itself and `extra_body` must not override.
_OWN = {"model", "messages", "prompt", "logprobs", "toplogprobs", "stream", "n", "bestof"}
_OWN |= {"temperature", "seed"}
# The budget relies on `max_tokens`, so `extra_body` must not raise the limit.
_LIMITS = {"maxtokens", "maxcompletiontokens", "maxoutputtokens", "maxnewtokens", "npredict"}


class ServedSettings(Settings):
    """Settings of solver `openai`."""

    # Pydantic's error messages would show the input, which may be a key.
    model_config = ConfigDict(hide_input_in_errors=True)
    user_only = frozenset(
        {
            "model",
            "base_url",
            "allow_http",
            "api_key_env",
            "extra_body",
            "prompt_price",
            "completion_price",
            "max_cost",
            "cache_dir",
        }
    )

    model: str = Field(min_length=1, description="name of the model, as the endpoint calls it")
    base_url: str = Field(
        _OPENAI_URL,
        description="where the endpoint is: https, or http on this machine; most end in /v1",
    )
    allow_http: bool = Field(
        False, description="let questions and key travel unencrypted to another machine"
    )
    api_key_env: str | None = Field(
        None,
        description="environment variable that holds the key; by default OPENAI_API_KEY at "
        "api.openai.com, and elsewhere none: no key is sent",
    )
    endpoint: Literal["chat", "completion"] = Field(
        "chat", description="chat: messages to an instructed model; completion: a text to go on"
    )
    answers: Literal["auto", "logprobs", "ranking"] = Field(
        "auto",
        description="logprobs: the log-probability of each letter; ranking: letters in words, "
        "best first; auto: the first where the endpoint offers it, which one question finds out",
    )
    top_logprobs: int = Field(
        20, ge=1, le=20, description="most likely tokens to ask for; some endpoints allow 5"
    )
    rotations: int = Field(
        1, ge=1, le=26, description="rotations of the options to average over, a request each"
    )
    template: TemplateRef | None = Field(
        None,
        min_length=1,
        description="how questions are put: the name of a template of mode letters, as for "
        "causal-lm, or a YAML file of your own; null: words for models that chat",
    )
    shots: ShotSettings | None = Field(None, description="examples before the question")
    system: str | None = Field(
        None,
        description="said before all; null: the template's instructions, or that this is an exam; "
        "empty for models that take no system message",
    )
    passages: int = Field(5, ge=0, description="passages of evidence that are sent, best first")
    max_characters: int = Field(
        12_000,
        ge=100,
        description="cut passages, then the question, to this many characters in all; "
        "the options are never cut",
    )
    temperature: float | None = Field(
        0.0, ge=0, le=2, description="null sends none, for endpoints that refuse it"
    )
    seed: int | None = Field(0, description="null sends none, for endpoints that refuse it")
    max_tokens: int | None = Field(
        None, ge=1, description="tokens of an answer; 1 for log-probabilities, else 64"
    )
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="what the endpoint calls that"
    )
    extra_body: dict[str, Any] = Field(
        {}, description="more fields of each request, as JSON; none that other settings set"
    )
    max_concurrency: int = Field(8, ge=1, le=1000, description="requests under way at once")
    timeout: float = Field(60.0, gt=0, description="seconds to wait for an answer")
    max_retries: int = Field(
        5,
        ge=0,
        le=100,
        description="tries after the first, ever further apart, where the endpoint is busy "
        "(429), fails (5xx) or does not answer",
    )
    prompt_price: float = Field(0.0, ge=0, description="price of a million tokens sent")
    completion_price: float = Field(0.0, ge=0, description="price of a million tokens answered")
    max_cost: float | None = Field(
        None,
        gt=0,
        description="stop before the answers cost more, in the prices' currency; those an "
        "earlier run paid for count too",
    )
    cache_dir: Annotated[str, FolderReference(), NotInKey()] = Field(
        "~/.cache/llmexam/answers",
        min_length=1,
        description="folder that keeps every answer, so that none is paid for twice",
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_keys(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        for name in values:
            _refuse_key(name)
        # OpenAI's key is sent to other endpoints only if the user names its variable.
        if "api_key_env" not in values and _is_openai(values.get("base_url", _OPENAI_URL)):
            return {**values, "api_key_env": _OPENAI_VARIABLE}
        return values

    @field_validator("api_key_env", mode="before")
    @classmethod
    def _name_a_variable(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and _VARIABLE.fullmatch(value)):
            # The value is not shown: users may put the key itself here by mistake.
            raise ValueError(
                "this is the name of an environment variable, in capitals, such as "
                "OPENAI_API_KEY; the key itself belongs into that variable, never into a plan"
            )
        return value

    @field_validator("base_url", mode="before")
    @classmethod
    def _is_an_address(cls, value: Any) -> Any:
        parts = _split(value)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an endpoint is an address such as https://api.openai.com/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "an endpoint's address holds no user, password or query: a key belongs into the "
                "environment variable that `api_key_env` names"
            )
        return str(value).rstrip("/")

    @field_validator("extra_body")
    @classmethod
    def _is_extra(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            _refuse_key(name)
            if _folded(name) in _LIMITS:
                raise ValueError(
                    f"'{name}' is not extra: set max_tokens, and max_tokens_name to what the "
                    "endpoint calls it"
                )
            if _folded(name) in _OWN:
                raise ValueError(f"'{name}' is not extra: the solver sets it")
        return value

    @model_validator(mode="after")
    def _fits(self) -> ServedSettings:
        if self.base_url.startswith("http://") and not (self.is_loopback or self.allow_http):
            raise ValueError(
                "http to another machine sends questions and key unencrypted: use https, or "
                "set allow_http: true if the network between is your own"
            )
        if self.max_cost is not None and not (self.prompt_price or self.completion_price):
            raise ValueError(
                "max_cost needs prices: set prompt_price and completion_price, each for a "
                "million tokens"
            )
        return self

    @property
    def is_openai(self) -> bool:
        """Whether the endpoint is OpenAI's own."""
        return _is_openai(self.base_url)

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def _split(value: Any) -> Any:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        # urlsplit validates the port only on access.
        return parts if parts is None or parts.port is None or parts.port else None
    except ValueError:
        return None


def _is_openai(url: Any) -> bool:
    parts = _split(url)
    return parts is not None and parts.hostname == _OPENAI_HOST


def _folded(name: Any) -> str:
    return re.sub(r"[^a-z]", "", str(name).lower())


def _refuse_key(name: Any) -> None:
    folded = _folded(name)
    if folded in _KEYS or (folded.endswith("apikey")):
        raise ValueError(
            f"'{name}': a key never belongs into a plan or a command; put it into an environment "
            "variable and name that with `api_key_env`"
        )
