"""Read the frozen packages of an image: the output of `pip freeze`, as real images print it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from llmexam.errors import SettingsError

_HINT = "Write it in the image with: pip list --format=freeze > image.txt"
# pip writes this line above the address of an editable install.
_EDITABLE = re.compile(r"#.*\(([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s)]+)\)\s*$")
_PYTHON = re.compile(r"#.*\bpython[\s:=v]*(3\.\d+(?:\.\d+)?)", re.IGNORECASE)
# Wheels of the stable ABI, such as cp38-abi3, are for later versions, too.
_TAG = re.compile(r"-cp3(\d+)-cp3\1-")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
# pip accepts an option such as --hash after a requirement.
_OPTIONS = re.compile(r"\s--[a-z-]+[= ]\S+")


@dataclass(frozen=True)
class Image:
    """The packages that a machine already has.

    Attributes:
        packages: Version of each package, by normalised name.
        unversioned: Packages of which the file does not give the version, with their rows.
        python: Python version that the file tells of, such as `3.11`; None if it does not.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    unversioned: Mapping[str, int] = field(default_factory=dict)
    python: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Normalised names of all packages."""
        return frozenset(self.packages) | frozenset(self.unversioned)


def read_freeze(path: str | Path) -> Image:
    """Return the packages of a file that `pip freeze` or `pip list --format=freeze` wrote.

    Comments, options, hashes, extras and markers are ignored. Of a package that was installed from
    a file (`name @ file://...`), the version is taken from the name of the file, if it has one.

    Raises:
        SettingsError: The file cannot be read, or a line is not a package.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError("file of frozen packages not found", file=path, hint=_HINT) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise SettingsError("expected a text file in UTF-8", file=path, hint=_HINT) from None
    packages: dict[str, str] = {}
    unversioned: dict[str, int] = {}
    pythons: list[str] = []
    for row, line in _lines(text):
        if line.startswith("#"):
            if found := _EDITABLE.match(line):
                packages[canonicalize_name(found[1])] = found[2]
            elif found := _PYTHON.match(line):
                pythons.append(found[1])
            continue
        if (tag := _TAG.search(line)) is not None:
            pythons.append(f"3.{tag[1]}")
        name, version = _parse(line, path, row)
        if name and version:
            packages[name] = version
        elif name:
            unversioned[name] = row
    if not packages and not unversioned:
        raise SettingsError("the file lists no packages", file=path, hint=_HINT)
    known = {name: row for name, row in unversioned.items() if name not in packages}
    return Image(packages, known, pythons[0] if pythons else None)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield row and content of each line that is not blank; continued lines are joined."""
    whole, start = "", 0
    for row, line in enumerate(text.splitlines(), 1):
        start = start if whole else row
        if line.rstrip().endswith("\\") and not line.lstrip().startswith("#"):
            whole += line.rstrip()[:-1] + " "
            continue
        whole += line
        if whole.strip():
            yield start, whole.strip()
        whole = ""
    if whole.strip():
        yield start, whole.strip()


def _parse(line: str, path: str | Path, row: int) -> tuple[str, str]:
    """Return normalised name and version of a line; empty where it does not say them."""
    if line.startswith(("-e ", "--editable")):
        egg = _EGG.search(line)
        return (canonicalize_name(egg[1]) if egg else "", "")
    if line.startswith("-"):
        return "", ""
    # In an address, `#` begins the hash of the file.
    plain = _OPTIONS.sub("", line.partition(" #")[0]).strip()
    try:
        requirement = Requirement(plain)
    except InvalidRequirement:
        raise SettingsError(
            f"expected NAME==VERSION, got '{line[:80]}'", file=path, row=row, hint=_HINT
        ) from None
    name = canonicalize_name(requirement.name)
    if requirement.url is not None:
        return name, _version_in(requirement.url)
    pinned = [one.version for one in requirement.specifier if one.operator in ("==", "===")]
    if len(pinned) != 1 or len(list(requirement.specifier)) != 1 or "*" in pinned[0]:
        raise SettingsError(
            f"expected one exact version of '{requirement.name}', got "
            f"'{requirement.specifier or 'none'}'",
            file=path,
            row=row,
            hint=_HINT,
        )
    try:
        return name, str(Version(pinned[0]))
    except InvalidVersion:
        # Some old packages have versions that the standard does not allow.
        return name, ""


def _version_in(url: str) -> str:
    """Return the version in the name of a wheel or a source archive, or an empty text."""
    file = unquote(urlsplit(url).path.rpartition("/")[2])
    try:
        if file.endswith(".whl"):
            return str(parse_wheel_filename(file)[1])
        return str(parse_sdist_filename(file)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""
