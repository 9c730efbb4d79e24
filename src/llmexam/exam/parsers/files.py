"""The files of an exam: one file, a folder, a pattern, a list of files, or standard input."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from llmexam.errors import ExamError
from llmexam.exam.parsers.qti_package import package_manifest
from llmexam.exam.parsers.source import STDIN
from llmexam.exam.parsers.unpacking import SUFFIXES as PACKED
from llmexam.sample import exam_path

ExamPath: TypeAlias = str | Path | Sequence[str | Path]

_SUFFIXES = frozenset(
    {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".txt", ".xml", ".gift"}
)
_MOST_NAMED = 5
_PATTERN = frozenset("*?[")


def exam_files(path: ExamPath) -> list[Path]:
    """Return the files of an exam, in order.

    Args:
        path: A file, `bundled`, `-` for standard input, a folder, a pattern such as `*.csv`,
            several paths separated by commas, or a list of them. In a folder, hidden files and
            folders are left out, and so are files without a suffix of exams.

    Raises:
        ExamError: There is no such file, or none in the folder.
    """
    if not isinstance(path, str | Path):
        found = [file for one in path for file in exam_files(one)]
        if not found:
            raise ExamError("expected at least 1 file, got none")
        return found
    given = exam_path(path)
    text = str(given)
    if text == STDIN or given.is_file():
        return [given]
    if given.is_dir():
        manifest = package_manifest(given)
        return [manifest] if manifest != given else _in_folder(given)
    if _PATTERN & set(text):
        return _matching(text)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and all(Path(part).exists() for part in parts if part):
        return exam_files([part for part in parts if part])
    # The error of opening it names files with similar names.
    return [given]


def left_out(path: ExamPath) -> list[str]:
    """Return a note on the files of a folder that are not read, hidden ones aside."""
    if not isinstance(path, str | Path) or not Path(path).is_dir():
        return []
    folder = Path(path)
    files = [file for file in _sorted(folder.rglob("*")) if file.is_file()]
    names = [
        file.relative_to(folder).as_posix()
        for file in files
        if not _is_hidden(file.relative_to(folder))
        and (_suffix(file) not in _SUFFIXES or _is_about_others(file))
    ]
    if not names:
        return []
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return [f"files whose names are not those of exams were left out: {shown}"]


def short_names(files: Sequence[Path]) -> list[str]:
    """Return a distinct name for each of several files: its path below their common folder.

    Suffixes are left out where the names stay distinct.
    """
    parts = [file.parts for file in files]
    n_common = 0
    while (
        all(len(one) > n_common + 1 for one in parts) and len({one[n_common] for one in parts}) == 1
    ):
        n_common += 1
    whole = ["/".join(one[n_common:]) for one in parts]
    bare = [_without_suffixes(name) for name in whole]
    counts = Counter(bare)
    return [short if counts[short] == 1 else name for short, name in zip(bare, whole, strict=True)]


def _without_suffixes(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    for suffixes in (PACKED, _SUFFIXES):
        suffix = Path(last).suffix
        if suffix.lower() in suffixes and len(last) > len(suffix):
            last = last.removesuffix(suffix)
    return f"{folder}{slash}{last}"


def _in_folder(folder: Path) -> list[Path]:
    files = [
        file
        for file in _sorted(folder.rglob("*"))
        if _suffix(file) in _SUFFIXES and not _is_hidden(file.relative_to(folder))
    ]
    files = [file for file in files if file.is_file() and not _is_about_others(file)]
    if not files:
        raise ExamError(
            "the folder contains no exam file",
            file=folder,
            hint=f"Known suffixes: {' '.join(sorted(_SUFFIXES))}, also with .gz, .bz2 or .zst",
        )
    return files


def _matching(pattern: str) -> list[Path]:
    # Path.glob takes no absolute patterns.
    files = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    files = [file for file in _sorted(files) if file.is_file()]
    if not files:
        raise ExamError("no file matches the pattern", file=pattern, hint="Check the path")
    return files


def _sorted(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda file: file.parts)


def _suffix(file: Path) -> str:
    name = Path(file.name)
    return (Path(name.stem) if name.suffix.lower() in PACKED else name).suffix.lower()


def _is_hidden(file: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in file.parts)


def _is_about_others(file: Path) -> bool:
    """Return whether a file describes a folder, as README.txt and dataset_infos.json do."""
    stem = file.name.partition(".")[0].casefold()
    return stem in ("readme", "license", "dataset_infos", "dataset_info", "requirements", "notice")
