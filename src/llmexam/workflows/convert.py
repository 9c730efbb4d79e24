"""Convert an exam to another format, optionally split into parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import ExamSource
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tasks.capabilities import Converter, ExamFile
from llmexam.tasks.lookup import capability, task_of_exam

_PART_NAMES: dict[int, tuple[str, ...]] = {2: ("train", "test"), 3: ("train", "dev", "test")}


@dataclass(frozen=True)
class WrittenPart:
    """One file that was written.

    Attributes:
        name: Name of the part, or "all".
        path: The file.
        n_questions: How many questions, or rows, are in it.
    """

    name: str
    path: str
    n_questions: int


@dataclass(frozen=True)
class ConvertResult:
    """The files written by a conversion.

    Attributes:
        format: Name of the form.
        parts: The files.
        lost: What the exam had and the form cannot hold.
        noun: What one item is called.
        notes: What the user should know about how the exam was read.
    """

    format: str
    parts: tuple[WrittenPart, ...]
    lost: tuple[str, ...]
    noun: str = "question"
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return asdict(self)


def convert_exam(
    exam: str | Path | ExamSource | Exam | RewriteExam,
    out: str | Path,
    *,
    to: str | None = None,
    task: str | None = None,
    format: str | None = None,
    fields: Mapping[str, str] | None = None,
    split: str | Sequence[float] | Mapping[str, float] | None = None,
    n_folds: int | None = None,
    seed: int = 0,
    stratify: str | None = None,
    group_by: str | None = None,
    shuffle_options: int | None = None,
    force: bool = False,
) -> ConvertResult:
    """Write an exam to a file, or its parts to files beside it (`OUT-train.csv`, `OUT-fold1.csv`).

    Args:
        exam: An exam, the path of one, or `bundled` for the sample.
        out: The file; with `split` or `n_folds`, the parts' names go before its suffix.
        to: Name of the form; None takes it from the suffix of `out`.
        task: Task of the exam; None finds out.
        format: Name of the form of `exam` if it is a path; None finds out.
        fields: Names of the exam's columns where they differ, for prompt recovery.
        split: Shares of the parts: "0.7,0.15,0.15" (train, dev, test), "0.8,0.2" (train, test),
            or with names, "train=0.8,test=0.2".
        n_folds: Number of folds; each file holds one fold.
        seed: Of the dealing.
        stratify: "answer" or a metadata key: each part gets its share of every value; "none" for
            nothing. By default the answer for multiple choice, and nothing for prompt recovery.
        group_by: "prompt" or a metadata key: items that agree in it stay together. By default
            nothing for multiple choice, and near-equal prompts for prompt recovery.
        shuffle_options: Seed by which the options of each question are shuffled, before the exam
            is dealt; None keeps their order. For multiple choice.
        force: Replace files that are there.

    Raises:
        ExamError: The exam cannot be read, dealt or written so, or a file is there already.
        SettingsError: Options are to be shuffled, and the items have none.
    """
    if split is not None and n_folds is not None:
        raise ExamError(
            "expected either a split or folds, got both", field="split", hint="Choose one"
        )
    if group_by is not None and split is None and n_folds is None:
        raise ExamError(
            f"grouping by '{group_by}' needs a split or folds",
            field="group_by",
            hint="Give --split or --folds as well",
        )
    out = Path(out)
    converter: Converter[Any] = capability(
        task_of_exam(exam, task), "converter", "`llmexam convert`"
    )()
    form = _form_for(out, converter) if to is None else to
    read: Any = exam
    if isinstance(exam, str | Path | ExamSource):
        read = ExamFile.of(exam, format, fields)
    whole = converter.load(read)
    if shuffle_options is not None:
        whole = converter.shuffled(whole, shuffle_options)
    parts: dict[str, Any] = {"all": whole}
    if split is not None:
        shares = _shares(split)
        parts = dict(
            converter.split(whole, shares, seed=seed, stratify=stratify, group_by=group_by)
        )
    elif n_folds is not None:
        folds = converter.folds(whole, n_folds, seed=seed, stratify=stratify, group_by=group_by)
        parts = {f"fold{i}": fold for i, fold in enumerate(folds, 1)}
    paths = {
        name: out if part is whole else out.with_name(f"{out.stem}-{name}{out.suffix}")
        for name, part in parts.items()
    }
    files = [file for path in paths.values() for file in converter.files(path, form)]
    _refuse_to_replace(files, force)
    for name, part in parts.items():
        converter.write(paths[name], part, form)
    return ConvertResult(
        form,
        tuple(WrittenPart(name, str(paths[name]), len(part)) for name, part in parts.items()),
        converter.lost(whole, form),
        converter.noun,
        whole.notes if isinstance(whole, Exam) else (),
    )


def _form_for(out: Path, converter: Converter[Any]) -> str:
    form = converter.suffixes.get(out.suffix.lower())
    if form is None:
        raise ExamError(
            f"cannot tell the format from the suffix '{out.suffix}'",
            file=out,
            hint=f"Choose one with --to: {', '.join(converter.formats)}",
        )
    return form


def _refuse_to_replace(paths: Iterable[Path], force: bool) -> None:
    for path in paths:
        if path.is_dir():
            raise ExamError(
                "expected a file, got a folder", file=path, hint="Give the path of a file inside it"
            )
        if path.exists() and not force:
            raise ExamError(
                "file exists already",
                file=path,
                hint="Choose another name, or replace it with --force",
            )


def _shares(split: str | Sequence[float] | Mapping[str, float]) -> dict[str, float]:
    if isinstance(split, Mapping):
        return dict(split)
    if not isinstance(split, str):
        return _named([float(share) for share in split])
    words = [word.strip() for word in split.split(",")]
    if all("=" in word for word in words):
        named = dict(word.split("=", 1) for word in words)
        if len(named) == len(words) and all(_is_plain(name) for name in named):
            return {name: _number(share, split) for name, share in named.items()}
        raise ExamError(
            f"expected distinct names of letters and digits for the parts, got '{split}'",
            field="split",
            hint="Write, for example, train=0.8,test=0.2",
        )
    return _named([_number(word, split) for word in words])


def _named(shares: list[float]) -> dict[str, float]:
    names = _PART_NAMES.get(len(shares)) or [f"part{i}" for i in range(1, len(shares) + 1)]
    return dict(zip(names, shares, strict=True))


def _is_plain(name: str) -> bool:
    return name.replace("-", "").replace("_", "").isalnum()


def _number(word: str, split: str) -> float:
    try:
        share = float(word)
    except ValueError:
        share = math.nan
    if not math.isfinite(share):
        raise ExamError(
            f"expected a number, got '{word}' in '{split}'",
            field="split",
            hint="Write shares such as 0.7,0.15,0.15",
        )
    return share
