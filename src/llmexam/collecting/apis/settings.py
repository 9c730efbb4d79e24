"""Settings of collections from web APIs."""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from llmexam.collecting.apis.addresses import (
    ARXIV_SECONDS,
    WIKIMEDIA_CONCURRENCY,
    is_arxiv,
    is_wikimedia,
    require_safe,
)
from llmexam.settings.base import OneOrMany, Settings

_EMAIL = re.compile(r"[^@\s()<>,;]+@[^@\s()<>,;]+\.[^@\s()<>,;]+")
_ARXIV_ID = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v[1-9]\d*)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class ApiSettings(Settings):
    """How an API is asked: contact, pace, retries and limits. The base of the other classes."""

    # An address may hold a password, and validation errors would show it.
    model_config = ConfigDict(hide_input_in_errors=True)

    api: str = Field(description="address of the API: https, or http on this machine")
    contact: str = Field(
        description="e-mail address or web page at which the operator of the API reaches you; it "
        "is sent in the User-Agent of each request"
    )
    limit: int = Field(100, ge=1, description="largest number of pages or papers")
    accept_licences: OneOrMany[str] = Field(
        (),
        description="licences to accept besides the open ones, such as `CC BY-NC` or `not stated`",
    )
    api_policy: str | None = Field(
        None,
        description="address of the policy for API clients that the operator publishes and that "
        "you follow; where robots.txt disallows the API, requests are sent only with it",
    )
    max_concurrency: int = Field(
        3, ge=1, le=16, description="most requests at once; at most 3 for Wikimedia, 1 for arXiv"
    )
    min_interval: float = Field(
        0.1,
        ge=0,
        le=3600,
        description="shortest time between the starts of two requests, in seconds; at least 3 for "
        "arXiv",
    )
    max_attempts: int = Field(
        6, ge=1, le=20, description="attempts per request, with exponential backoff between them"
    )
    longest_wait: float = Field(
        600.0,
        ge=0,
        description="longest wait before a retry, in seconds; if the server asks for more, the "
        "collection stops and can be resumed later",
    )
    timeout: float = Field(30.0, gt=0, description="timeout of connecting and reading, in seconds")
    max_response_mb: float = Field(
        32.0, gt=0, le=1024, description="largest response, uncompressed, in megabytes"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the jitter of the backoff")

    @field_validator("api")
    @classmethod
    def _require_safe_address(cls, value: str) -> str:
        return require_safe(value)

    @field_validator("contact")
    @classmethod
    def _require_contact(cls, value: str) -> str:
        value = value.strip()
        is_page = value.startswith(("https://", "http://")) and bool(urlsplit(value).hostname)
        if not (_EMAIL.fullmatch(value) or (is_page and value.isprintable() and " " not in value)):
            raise ValueError(
                f"expected an e-mail address or the address of a web page, got '{value}'. The "
                "operators of web APIs ask for it to reach you before they block a program"
            )
        if not value.isascii():
            raise ValueError(f"expected ASCII characters, got '{value}'")
        return value

    @field_validator("api_policy")
    @classmethod
    def _require_policy_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://\S+\.\S+", value):
            raise ValueError(f"expected the address of a published policy, got '{value}'")
        return value

    @model_validator(mode="after")
    def _keep_operators_limits(self) -> Self:
        if is_wikimedia(self.api) and self.max_concurrency > WIKIMEDIA_CONCURRENCY:
            raise ValueError(
                f"expected max_concurrency of at most {WIKIMEDIA_CONCURRENCY} for Wikimedia, got "
                f"{self.max_concurrency}"
            )
        if is_arxiv(self.api):
            if self.max_concurrency > 1:
                raise ValueError(
                    f"expected max_concurrency=1 for arXiv, got {self.max_concurrency}"
                )
            if self.min_interval < ARXIV_SECONDS:
                raise ValueError(
                    f"expected min_interval of at least {ARXIV_SECONDS:g} seconds for arXiv, got "
                    f"{self.min_interval:g}"
                )
        return self


class MediaWikiSettings(ApiSettings):
    """Which pages of a wiki are collected."""

    api: str = Field(
        "https://en.wikipedia.org/w/api.php",
        description="address of the Action API: https, or http on this machine",
    )
    search: OneOrMany[str] = Field((), description="search terms")
    category: OneOrMany[str] = Field((), description="categories, such as `Category:Optics`")
    title: OneOrMany[str] = Field((), description="titles of pages")
    depth: int = Field(0, ge=0, le=20, description="levels of subcategories to follow")
    intro_only: bool = Field(
        False, description="only the text before the first heading, 20 pages in a request"
    )
    max_lag: int = Field(
        5, ge=1, le=60, description="do not answer if the databases lag by more seconds (maxlag)"
    )
    skip_sections: OneOrMany[str] = Field(
        (
            "See also",
            "References",
            "Notes",
            "Citations",
            "Sources",
            "Bibliography",
            "Further reading",
            "External links",
        ),
        description="headings of sections that are left out, with their subsections",
    )

    @model_validator(mode="after")
    def _require_some_pages(self) -> Self:
        if not (self.search or self.category or self.title):
            raise ValueError("expected at least one of --search, --category and --title")
        for title in (*self.title, *self.category):
            if "|" in title or not title.strip():
                raise ValueError(f"expected a title without '|', got '{title}'")
        return self


class ArxivSettings(ApiSettings):
    """Which papers of arXiv are collected."""

    api: str = Field(
        "https://export.arxiv.org/api/query",
        description="address of the API: https, or http on this machine",
    )
    limit: int = Field(100, ge=1, le=30_000, description="largest number of papers")
    max_concurrency: int = Field(1, ge=1, le=16, description="most requests at once; 1 for arXiv")
    min_interval: float = Field(
        ARXIV_SECONDS,
        ge=0,
        le=3600,
        description="shortest time between the starts of two requests, in seconds; at least 3 for "
        "arXiv",
    )
    query: str | None = Field(None, description="search query, such as `cat:physics.optics`")
    ids: OneOrMany[str] = Field((), description="ids of papers, such as 2202.12139 or 2202.12139v1")
    page_size: int = Field(100, ge=1, le=2000, description="papers per request")
    sort: Literal["relevance", "lastUpdatedDate", "submittedDate"] = Field(
        "relevance", description="order of the results of a query, descending"
    )

    @model_validator(mode="after")
    def _require_query_or_ids(self) -> Self:
        if (self.query is None or not self.query.strip()) == (not self.ids):
            raise ValueError("expected either --query or --ids")
        for one in self.ids:
            if not _ARXIV_ID.fullmatch(one):
                raise ValueError(f"expected arXiv ids such as 2202.12139v1, got '{one}'")
        return self


class OpenAlexSettings(ApiSettings):
    """Which works of OpenAlex are collected."""

    api: str = Field(
        "https://api.openalex.org/works",
        description="address of the API: https, or http on this machine",
    )
    search: str | None = Field(None, description="search terms")
    filter: str | None = Field(
        None, description="filter, such as `primary_location.license:cc-by,has_abstract:true`"
    )
    page_size: int = Field(100, ge=1, le=200, description="works per request")
    api_key_env: str = Field(
        "OPENALEX_API_KEY",
        description="environment variable that holds the API key; no key is sent if it is not set",
    )

    @model_validator(mode="after")
    def _require_search_or_filter(self) -> Self:
        if not (self.search or self.filter):
            raise ValueError("expected --search, --filter, or both")
        return self

    @field_validator("api_key_env")
    @classmethod
    def _name_a_variable(cls, value: str) -> str:
        if not _VARIABLE.fullmatch(value):
            # The value is not shown: users may put the key itself here by mistake.
            raise ValueError("expected the name of an environment variable")
        return value
