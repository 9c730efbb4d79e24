"""Copy what a plan names into a pack, and return the plan with paths inside the pack."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from llmexam.errors import SettingsError
from llmexam.evidence.index.files import is_passing
from llmexam.evidence.index.manifest import is_index
from llmexam.evidence.index.opening import verify_index
from llmexam.lm.models.gguf import GEMMA
from llmexam.lm.models.loading import BUNDLED, resolve_model
from llmexam.packing.licences import licence_of_model
from llmexam.packing.parts import Kind, Part, size_of
from llmexam.packing.secret_texts import is_secret_file
from llmexam.settings.kinds import FolderReference, ModelReference, Reference
from llmexam.settings.walk import change_references
from llmexam.storage.answer_store import FILE as STORE_FILE
from llmexam.storage.atomic import atomic_path
from llmexam.storage.hashing import hash_file
from llmexam.storage.temporary import is_temporary

Model = TypeVar("Model", bound=BaseModel)

_PATTERN = re.compile(r"[*?\[]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 60
_PICKLED = frozenset({".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"})
# Weights in other formats and plots, which nothing here reads.
_UNREAD = frozenset({".h5", ".msgpack", ".ot", ".png", ".jpg", ".gitattributes", ".html"})
_RANKER = "ranker.json"


def require_files(settings: Model) -> None:
    """Check that the files and folders that a plan names exist, before any work is done.

    Raises:
        SettingsError: One does not exist, or is a pattern of several files.
    """

    def check(value: str, kind: Reference) -> str:
        is_file = not isinstance(kind, ModelReference | FolderReference)
        if is_file and value != BUNDLED and value.strip():
            _require_path(value)
        return value

    change_references(settings, check)


def _require_path(value: str) -> None:
    path = Path(value)
    if path.exists():
        return
    if _PATTERN.search(path.name):
        raise SettingsError(
            "expected one file or folder, got a pattern",
            file=value,
            hint="Convert its files into one: llmexam convert",
        )
    raise SettingsError("the plan names a file that does not exist", file=value)


class Copier:
    """Copies models, indexes, caches and files into a pack.

    Files that an earlier, interrupted run has copied are kept if their content is the same.

    Args:
        folder: The pack.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[Part] = []
        self._places: dict[tuple[Kind, str], str] = {}

    def place_all(self, settings: Model) -> Model:
        """Return settings in which every file, folder and model is one of the pack.

        Raises:
            SettingsError: A file or folder does not exist.
            ModelError: A model cannot be found, or has no safetensors weights.
            EvidenceIndexError: An index is damaged.
        """
        return change_references(settings, self._place)

    def add(self, kind: Kind, name: str, source: Path, *, licence: str = "") -> str:
        """Copy a file or folder and return its path in the pack, which begins with `./`.

        Args:
            kind: What it is.
            name: Name of the part; a number is added if another part has it.
            source: The file or folder.
            licence: Its licence, if it is known.
        """
        key = (kind, str(source.resolve()))
        if key not in self._places:
            place = self._free_place(kind, name)
            target = self.folder / place
            _copy_caches(source, target) if kind == "caches" else _copy(source, target, kind)
            part = Part(kind, name, place, size_of(target))
            if licence:
                part = Part(kind, name, place, part.n_bytes, licence)
            self.parts.append(part)
            self._places[key] = f"./{place}"
        return self._places[key]

    def _place(self, value: str, kind: Reference) -> str:
        if value == BUNDLED or not value.strip():
            return value
        if isinstance(kind, ModelReference):
            return self._place_model(value)
        path = Path(value)
        if isinstance(kind, FolderReference):
            return self._place_cache(path.expanduser())
        _require_path(value)
        if is_index(path):
            place_of_index = self.add("indexes", path.name, path)
            verify_index(self.folder / place_of_index)
            _drop_locks(self.folder / place_of_index)
            return place_of_index
        return self.add("files", path.name, path)

    def _place_cache(self, folder: Path) -> str:
        default = Path.home() / ".cache" / "llmexam"
        if folder.is_relative_to(default):
            # It holds the answers of all plans of the user, and exists on every machine.
            return f"~/.cache/llmexam/{folder.relative_to(default).as_posix()}"
        if folder.is_dir():
            return self.add("caches", folder.name, folder)
        return f"~/.cache/llmexam/packed/{_safe(folder.name)}"

    def _place_model(self, name: str) -> str:
        if name == GEMMA:
            return name
        path = Path(name).expanduser()
        if path.is_file() and path.suffix.lower() == ".gguf":
            return self.add("weights", path.name, path)
        if (path / _RANKER).is_file():
            return self.add("weights", path.name, path)
        # Finds models in the cache of the hub, and refuses folders with pickled weights or code.
        folder = resolve_model(name).path
        if path.is_dir():
            folder = path
        short = name.rstrip("/").rpartition("/")[2]
        return self.add("weights", short, folder, licence=licence_of_model(folder))

    def _free_place(self, kind: Kind, name: str) -> str:
        stem = _safe(name) or kind
        taken = {place.removeprefix("./") for place in self._places.values()}
        taken |= {part.place for part in self.parts}
        place, number = f"{kind}/{stem}", 2
        while place in taken:
            place = f"{kind}/{number}-{stem}"
            number += 1
        return place


def _safe(name: str) -> str:
    return _UNSAFE.sub("-", name).strip("-.")[-_LONGEST_NAME:]


def _copy(source: Path, target: Path, kind: Kind) -> None:
    """Copy a file or a folder; files of the target that the source does not have are deleted."""
    if source.is_file():
        _copy_file(source, target)
        return
    wanted = {path.relative_to(source): path for path in _files_of(source, kind)}
    if target.is_dir():
        for path in target.rglob("*"):
            if path.is_file() and path.relative_to(target) not in wanted:
                path.unlink()
    for relative, path in wanted.items():
        _copy_file(path, target / relative)


def _files_of(folder: Path, kind: Kind) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        # A cloned folder has addresses with tokens in .git/config, and all weights again in
        # .git/lfs. The hidden file of a tantivy index is for writers alone.
        if any(part.startswith(".") or part == "__pycache__" for part in parts):
            continue
        if not path.is_file() or is_temporary(path) or is_passing(path) or is_secret_file(path):
            continue
        if kind != "weights" or _is_read(path):
            yield path


def _is_read(path: Path) -> bool:
    """Return whether llmexam reads a file of a model's folder; pickled weights are never read."""
    if path.suffix == ".bin":
        # OpenVINO's weights have the name of their XML file, PyTorch's are pickled.
        return path.with_suffix(".xml").is_file()
    return path.suffix.lower() not in _PICKLED | _UNREAD


def _copy_file(source: Path, target: Path) -> None:
    if _is_same(source, target):
        return
    with atomic_path(target) as temporary:
        # Follows links: the cache of the hub consists of them.
        shutil.copyfile(source, temporary)
    if not _is_same(source, target):
        raise SettingsError("the file changed while it was copied", file=source, hint="Try again")


def _is_same(source: Path, target: Path) -> bool:
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        return False
    return hash_file(target) == hash_file(source)


def _copy_caches(source: Path, target: Path) -> None:
    """Copy the stores of a cache folder, also while another process writes to them."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.rglob(STORE_FILE)):
        place = target / path.relative_to(source)
        with (
            atomic_path(place) as temporary,
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(temporary)) as copy,
        ):
            original.backup(copy)


def _drop_locks(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and is_passing(path):
            path.unlink(missing_ok=True)
