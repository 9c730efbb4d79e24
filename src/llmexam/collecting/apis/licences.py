"""Licences of texts: one name for each, and which are accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NOT_STATED = "not stated"
# Allow to share and to change a text for any purpose, as questions about it do.
OPEN = ("CC0", "CC BY", "CC BY-SA", "Public domain", "MIT", "Apache", "ISC", "GFDL")
_CC_URL = re.compile(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)(?:/(\d\.\d))?")
_CC_CODE = re.compile(r"cc[ -](by(?:-(?:nc|nd|sa))*)(?:[ -]v?(\d\.\d))?")
_OTHER = (
    (re.compile(r"cc0|cc[ -]zero|creative commons zero"), "CC0"),
    (re.compile(r"public[ -]domain|\bpdm?\b"), "Public domain"),
    (re.compile(r"^mit\b"), "MIT"),
    (re.compile(r"^apache\b"), "Apache"),
    (re.compile(r"^isc\b"), "ISC"),
    (re.compile(r"gnu free documentation|^gfdl\b"), "GFDL"),
)
_WORDS = (("noncommercial", "NC"), ("noderiv", "ND"), ("sharealike", "SA"))


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence.

    Attributes:
        name: Its name, such as `CC BY-SA 4.0`.
        url: Address of its text, or of the page that states it; empty if there is none.
    """

    name: str
    url: str = ""


class AcceptedLicences:
    """The open licences, and those that the user named.

    Args:
        named: Names of further licences, in any spelling that `licence_name` knows; without a
            version, all versions.
    """

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._accepted = {one.casefold() for one in (*OPEN, *(licence_name(n) for n in named))}

    def accept(self, name: str) -> bool:
        """Return whether texts under a licence are accepted."""
        bare = re.sub(r" \d+(\.\d+)?$", "", name)
        return bool({name.casefold(), bare.casefold()} & self._accepted)


def licence_name(text: str | None, url: str | None = None) -> str:
    """Return the usual name of a licence.

    >>> licence_name("Creative Commons Attribution-Share Alike 4.0")
    'CC BY-SA 4.0'
    >>> licence_name("cc-by-nc"), licence_name("public-domain"), licence_name(None)
    ('CC BY-NC', 'Public domain', 'not stated')
    >>> licence_name("", "https://creativecommons.org/licenses/by-sa/4.0/")
    'CC BY-SA 4.0'

    Args:
        text: What the source says: a name, an abbreviation or an address.
        url: The address that the source gives; it counts before the name.
    """
    said = " ".join((text or "").split())
    for address in (url or "", said):
        if match := _CC_URL.search(address.casefold()):
            return _creative_commons(match[1], match[2], match[3])
    lower = said.casefold()
    if match := _CC_CODE.match(lower):
        return _with_version(f"CC {match[1].upper()}", match[2])
    if "creative commons" in lower and "attribution" in lower:
        return _spelled_out(lower)
    for pattern, name in _OTHER:
        if match := pattern.search(lower):
            version = re.search(r"\d\.\d", lower)
            return _with_version(name, version[0] if version else None)
    return said or (url or "").strip() or NOT_STATED


def _creative_commons(kind: str, code: str, version: str | None) -> str:
    if kind == "publicdomain":
        return _with_version("CC0", version) if code == "zero" else "Public domain"
    return _with_version(f"CC {code.upper()}", version)


def _spelled_out(lower: str) -> str:
    letters = re.sub(r"[^a-z]", "", lower)
    parts = ["BY", *(short for word, short in _WORDS if word in letters)]
    version = re.search(r"\d\.\d", lower)
    return _with_version(f"CC {'-'.join(parts)}", version[0] if version else None)


def _with_version(name: str, version: str | None) -> str:
    return f"{name} {version}" if version else name
