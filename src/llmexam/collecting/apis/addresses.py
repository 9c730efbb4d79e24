"""Addresses of APIs: which are allowed, who runs them, and what policy they publish."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from llmexam.machine import is_loopback

_WIKIMEDIA = (
    "wikipedia.org",
    "wikimedia.org",
    "wiktionary.org",
    "wikibooks.org",
    "wikinews.org",
    "wikiquote.org",
    "wikisource.org",
    "wikiversity.org",
    "wikivoyage.org",
    "wikidata.org",
    "mediawiki.org",
)
_ARXIV = ("arxiv.org",)
_OPENALEX = ("openalex.org",)
# Published by those who run the hosts, for programs that use their APIs.
_POLICIES = (
    (_WIKIMEDIA, "https://www.mediawiki.org/wiki/API:Etiquette"),
    (_ARXIV, "https://info.arxiv.org/help/api/tou.html"),
    (_OPENALEX, "https://developers.openalex.org/api-reference/authentication"),
)
WIKIMEDIA_CONCURRENCY = 3
ARXIV_SECONDS = 3.0


def require_safe(address: str) -> str:
    """Return an address without surrounding spaces, if requests may be sent to it.

    Raises:
        ValueError: It is not https (http is allowed for this machine), it has no host, or it
            contains a user name or password.
    """
    address = address.strip()
    parts = urlsplit(address)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError(f"expected an address such as https://example.org/api, got '{address}'")
    if parts.username is not None or parts.password is not None:
        # The address is not shown, because it holds a password.
        raise ValueError("expected an address without user name and password")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"expected https, got '{address}'. Use https, or http on this machine")
    _ = parts.port  # not a number: ValueError
    return address


def redirected(address: str, location: str) -> str | None:
    """Return where a redirect leads, or None if it leaves the host, its port or https."""
    target = urljoin(address, location)
    return target if origin(target) == origin(address) else None


def origin(address: str) -> str:
    """Return scheme, host and port: `https://example.org:443`."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def is_wikimedia(address: str) -> bool:
    """Return whether the Wikimedia Foundation runs a host."""
    return _is_of(address, _WIKIMEDIA)


def is_arxiv(address: str) -> bool:
    """Return whether arXiv runs a host."""
    return _is_of(address, _ARXIV)


def published_policy(address: str) -> str | None:
    """Return the address of the policy that a known host publishes for users of its API."""
    return next((policy for domains, policy in _POLICIES if _is_of(address, domains)), None)


def _is_of(address: str, domains: tuple[str, ...]) -> bool:
    host = (urlsplit(address).hostname or "").rstrip(".")
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
