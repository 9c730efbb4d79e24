"""Who may use a server: names of the host, the secret token, and where requests come from."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path

from starlette.requests import cookie_parser

from llmexam.errors import SettingsError
from llmexam.machine import is_loopback

LOOPBACK = "127.0.0.1"
TOKEN_VARIABLE = "LLMEXAM_SERVE_TOKEN"
SHORTEST_TOKEN = 16
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_ALLOWED_IN_TOKENS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~+/="
)


def new_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(24)


def given_token(file: str | Path | None = None) -> str | None:
    """Return the token of a file or of the environment, or None if there is neither.

    Args:
        file: File with the token in its first line; it takes precedence.

    Raises:
        SettingsError: The file cannot be read, or the token is too short or has characters that
            cannot be sent in a header.
    """
    if file is not None:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text in UTF-8"
            raise SettingsError(
                f"cannot read the token: {reason}", file=file, field="token_file"
            ) from None
        found, source = text.strip(), str(file)
    else:
        found, source = os.environ.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
        if not found:
            return None
    # The text of the token must not be in the message.
    if len(found) < SHORTEST_TOKEN or not set(found) <= _ALLOWED_IN_TOKENS:
        raise SettingsError(
            f"expected a token of at least {SHORTEST_TOKEN} letters, digits and -_.~+/= "
            f"(from {source})",
            field="token",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
        )
    return found


@dataclass(frozen=True)
class Access:
    """What a request must have to be answered.

    A page on the web can send requests to a server on this machine. It cannot read the token. DNS
    rebinding would make such a page the same origin: it needs a host name of its own, which is
    refused. An IP address is none, so all of them are permitted where the server listens on more
    than the loopback address.

    Attributes:
        port: Port of the server.
        token: The secret token.
        host: Address that the server listens on.
        names: Further host names, such as that of a proxy in front of the server.
        command: The command that printed the address, for the answer to a request without token.
    """

    port: int
    token: str = field(repr=False)
    host: str = LOOPBACK
    names: tuple[str, ...] = ()
    command: str = "llmexam serve"

    @property
    def cookie(self) -> str:
        """Name of the cookie with the token: cookies are shared by all ports of a host."""
        return f"llmexam-{self.port}"

    def permits_host(self, header: str) -> bool:
        """Return whether the header `Host` names this server."""
        name, port = _split_port(header.lower())
        if name in {one.lower() for one in self.names}:
            # A proxy may listen on another port.
            return True
        if port != str(self.port) and not (port == "" and self.port == 80):
            return False
        if name in _LOOPBACK_NAMES:
            return True
        return not is_loopback(self.host) and _is_address(name)

    def permits_origin(self, origin: str | None, host: str) -> bool:
        """Return whether a post with this header `Origin` comes from a page of this server."""
        return origin in (f"http://{host}", f"https://{host}")

    def matches(self, token: str) -> bool:
        """Return whether a text is the token, in constant time."""
        return compare_digest(token.encode("utf-8", "replace"), self.token.encode("ascii"))

    def has_bearer(self, headers: Mapping[str, str]) -> bool:
        """Return whether the header `Authorization` has the token."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.matches(token.strip())

    def has_cookie(self, headers: Mapping[str, str]) -> bool:
        """Return whether the cookie has the token."""
        # Other programs on this host set cookies, too: one that is malformed must not hide ours,
        # as it does from the parser of the standard library.
        return self.matches(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""))

    def cookie_header(self, scheme: str) -> str:
        """Return the value of `Set-Cookie` with the token."""
        secure = "; Secure" if scheme == "https" else ""
        return f'{self.cookie}="{self.token}"; HttpOnly; SameSite=Strict; Path=/{secure}'


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return host names that a user permits, checked.

    Raises:
        SettingsError: One is no host name, such as an address with a scheme or a port.
    """
    found = tuple(names)
    for name in found:
        plain = name.replace("-", "").replace(".", "").replace("_", "")
        if not (plain.isascii() and plain.isalnum()) and not _is_address(name):
            raise SettingsError(
                f"expected a host name such as exams.example.org, got '{name}'",
                field="allow_host",
                hint="Leave out scheme, port and path",
            )
    return found


def _split_port(header: str) -> tuple[str, str]:
    if header.startswith("["):
        name, _, port = header.partition("]")
        return f"{name}]", port.removeprefix(":")
    name, _, port = header.partition(":")
    return name, port


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
