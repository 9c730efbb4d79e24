"""The parts of a pack, and `pack.json`: every file with its size and checksum."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from llmexam.errors import RunError
from llmexam.evidence.index.files import is_passing
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_file

PACK_FILE = "pack.json"
"""The list of all files of a pack; a folder without it is not a whole pack."""
NOT_STATED = "not stated"
"""What stands for a licence that no file states."""

Kind = Literal["wheels", "weights", "indexes", "caches", "files"]
NOT_LISTED = "not listed"
"""What `check_pack` says of a file that is not one of the pack."""
_VERSION = 1
_UNLISTED = (PACK_FILE, "dataset-metadata.json")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a pack, for the table of sizes and licences.

    Attributes:
        kind: What it is; also the folder that it is in.
        name: Name of the package, model, index, cache or file.
        place: Its path in the pack.
        n_bytes: Its size.
        licence: Its licence, or `not stated`.
        version: Version of a package.
        replaces: Version of the package that the machine has and that this one replaces.
    """

    kind: Kind
    name: str
    place: str
    n_bytes: int
    licence: str = NOT_STATED
    version: str = ""
    replaces: str = ""


def size_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder, in bytes."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of every file of a pack, by path, without its own list."""
    return {name: _facts_of(folder / name) for name in _names_in(folder)}


def _facts_of(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hash_file(path)}


def _names_in(folder: Path) -> Iterator[str]:
    """Yield the paths of all files of a pack, without those of its virtual environment."""
    for top in sorted(folder.iterdir()):
        if (top / "pyvenv.cfg").is_file():
            continue
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            name = path.relative_to(folder).as_posix()
            # Readers of an index create lock files, at any time.
            is_ours = name in _UNLISTED or is_passing(path)
            if path.is_file() and not is_ours:
                yield name


def write_list(folder: Path, parts: Iterable[Part], facts: Mapping[str, Any]) -> None:
    """Write `pack.json`, which makes the folder a whole pack."""
    value = {
        "format": _VERSION,
        **facts,
        "parts": [asdict(part) for part in parts],
        "files": list_files(folder),
    }
    write_json(folder / PACK_FILE, value)


def read_list(folder: Path) -> dict[str, Any]:
    """Return the content of `pack.json`.

    Raises:
        RunError: The folder is not a pack, or its list is damaged.
    """
    path = folder / PACK_FILE
    try:
        value = json.loads(path.read_bytes())
        files = value["files"]
        if not isinstance(files, dict) or value.get("format") != _VERSION:
            raise ValueError("expected the list of a pack")
    except FileNotFoundError:
        raise RunError(
            f"not a pack: it has no {PACK_FILE}", file=folder, hint="Make it: llmexam pack"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"the list of the pack is damaged: {error}", file=path) from None
    return dict(value)


def check_pack(folder: Path, *, contents: bool = True) -> Sequence[str]:
    """Return what is wrong with the files of a pack: missing, changed or not listed.

    Caches may change while a pack is used, and are not checked, nor is its virtual environment.

    Args:
        folder: The pack.
        contents: Whether to read all files and compare their checksums.

    Raises:
        RunError: The folder is not a pack, or its list is damaged.
    """
    listed = read_list(folder)["files"]
    problems = []
    present = set(_names_in(folder))
    for name, expected in listed.items():
        parts = PurePosixPath(name).parts
        if ".." in parts or PurePosixPath(name).is_absolute():
            problems.append(f"{name}: a path outside the pack")
        elif parts[0] == "caches":
            continue
        elif name not in present:
            problems.append(f"{name}: missing")
        elif contents and _facts_of(folder / name) != expected:
            problems.append(f"{name}: changed")
    more = sorted(name for name in present - set(listed) if not name.startswith("caches/"))
    return problems + [f"{name}: {NOT_LISTED}" for name in more]
