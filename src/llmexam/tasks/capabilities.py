"""What the commands that work on files ask of a task, such as `audit` and `compare`.

A run asks a `Task`. Other commands need no plan, and only a part of a task each; these parts are
named as text, so that a command imports the one that it needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from llmexam.errors import ScoreError, SettingsError
from llmexam.exam.audit import Finding
from llmexam.exam.parsers.options import ExamSource, ReadOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from llmexam.evaluation.results import Evaluation, FullComparison
    from llmexam.settings.base import Settings

Items = TypeVar("Items")
Options = Mapping[str, Any]
"""Options of a command by name; those that were not given are left out."""


@dataclass(frozen=True)
class ExamFile:
    """An exam file, and how it is read.

    Attributes:
        path: Its path, or `bundled`.
        format: Its format; found out from the content by default.
        fields: Names of its columns where they differ.
        reading: Further options of reading it.
    """

    path: str | Path
    format: str | None = None
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    reading: ReadOptions = field(default_factory=ReadOptions)

    @classmethod
    def of(
        cls,
        exam: str | Path | ExamSource,
        format: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> ExamFile:
        """Return the file of an exam; `format` and `fields` come first, where they are given."""
        if not isinstance(exam, ExamSource):
            return cls(exam, format, fields or {})
        options = exam.options
        return cls(exam.path, format or options.format, fields or options.fields, options)

    @property
    def source(self) -> ExamSource:
        """The file with all options of reading it."""
        options = replace(self.reading, format=self.format, fields=self.fields)
        return ExamSource(self.path, options)

    def plain_fields(self) -> dict[str, str]:
        """Return the mapped columns, for tasks that have no other options of reading.

        Raises:
            SettingsError: One is given.
        """
        if self.reading.beyond_fields:
            name = self.reading.beyond_fields[0].replace("_", "-")
            raise SettingsError(
                f"--{name} is for multiple-choice exams", file=self.path, hint="Remove it"
            )
        return {
            name: column if isinstance(column, str) else ",".join(column)
            for name, column in self.fields.items()
        }


@dataclass(frozen=True)
class Capabilities:
    """Where the parts of a task are: `module:name`, or empty for a part that the task lacks.

    Attributes:
        items: The class of its items in memory.
        recognise_exam: Takes a `SourceFile` and returns whether it is an exam of this task. It
            must not be slow to import: it is called for every exam file.
        recognise_answers: The same for a file of answers, such as a submission.
        audit: Audits an exam file: see `Audit`.
        grader: A class derived from `Grader`.
        ensemble: Combines files of answers: see `CombineAnswers`.
        converter: A class derived from `Converter`.
        solvers: Returns what `llmexam solvers` lists: a sequence of `SolverInfo`.
        noun: What one item is called.
        instead: What to use instead of `llmexam solve` and `llmexam estimate`, which know solvers
            of multiple choice only; empty for that.
    """

    items: str = ""
    recognise_exam: str = ""
    recognise_answers: str = ""
    audit: str = ""
    grader: str = ""
    ensemble: str = ""
    converter: str = ""
    solvers: str = ""
    noun: str = "item"
    instead: Mapping[str, str] = field(default_factory=dict)


class AuditReport(Protocol):
    """Result of an audit, whatever the task.

    Attributes:
        source: The exam.
        findings: Worst first.
        is_clean: Whether nothing worse than a note was found.
        headings: Lines about the exam as a whole.
    """

    @property
    def source(self) -> str: ...  # noqa: D102 - described above

    @property
    def findings(self) -> tuple[Finding, ...]: ...  # noqa: D102 - described above

    @property
    def is_clean(self) -> bool: ...  # noqa: D102 - described above

    @property
    def headings(self) -> tuple[str, ...]: ...  # noqa: D102 - described above

    def count(self, severity: str) -> int:
        """Return how many findings have a severity."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        ...


class Audit(Protocol):
    """Audits an exam file."""

    def __call__(
        self, file: ExamFile, *, against: Sequence[str | Path], options: Options
    ) -> AuditReport:
        """Return what is wrong or odd.

        Args:
            file: The exam.
            against: Files that should share nothing with it, such as training files.
            options: Options of the task's audit, such as `seed`.
        """
        ...


class Grader(ABC, Generic[Items]):
    """Grades and compares files of answers to one exam."""

    @abstractmethod
    def load(self, exam: Items | ExamFile) -> Items:
        """Return items unchanged, or read them.

        Raises:
            ExamError: The file cannot be read.
        """

    @abstractmethod
    def evaluate(
        self, items: Items, prediction: Any, *, name: str, seed: int, level: float, options: Options
    ) -> Evaluation:
        """Return all metrics of answers, with intervals.

        Args:
            items: The items, with right answers.
            prediction: The answers, or their file.
            name: What to call them.
            seed: Random seed of the resampling.
            level: Level of the intervals.
            options: Keys of the task's evaluation settings, such as `n_resamples`.
        """

    @abstractmethod
    def compare(
        self,
        items: Items,
        a: Any,
        b: Any,
        *,
        name_a: str,
        name_b: str,
        seed: int,
        level: float,
        options: Options,
    ) -> FullComparison:
        """Return the paired comparison of two sets of answers."""

    @abstractmethod
    def check(self, items: Items, submission: str | Path, *, options: Options) -> int:
        """Check that graders would accept a submission, and return how many answers it has."""


@dataclass(frozen=True)
class CombineRequest:
    """What `llmexam ensemble` was asked for.

    Attributes:
        members: Files of answers; NAME=PATH names a member.
        exam: The exam, or None.
        weights: A weight for each member, `fitted` or `greedy`; None for the task's default.
        weights_file: File of weights that were fitted earlier.
        out: File for the combined scores.
        out_weights: File for fitted weights.
        submission: File for the combined answers.
        options: Further options of the task's ensembles.
    """

    members: Sequence[str]
    exam: ExamFile | None = None
    weights: Mapping[str, float | str] | str | None = None
    weights_file: Path | None = None
    out: Path | None = None
    out_weights: Path | None = None
    submission: Path | None = None
    options: Options = field(default_factory=dict)


class Combined(Protocol):
    """Combined answers, and what they are worth.

    Attributes:
        warning: Why the grades are too optimistic; empty if they are not.
        table: The members with their weights and grades.
    """

    @property
    def warning(self) -> str: ...  # noqa: D102 - described above

    @property
    def table(self) -> RenderableType: ...  # noqa: D102 - described above

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        ...


class CombineAnswers(Protocol):
    """Combines files of answers."""

    def __call__(self, request: CombineRequest) -> Combined:
        """Return the combined answers, and write them where files are named."""
        ...


class Converter(ABC, Generic[Items]):
    """Writes exams in the formats of the task, whole or in parts.

    Attributes:
        suffixes: Format by the suffix of a file.
        formats: Names of all formats.
        noun: What one item is called.
    """

    suffixes: Mapping[str, str]
    formats: Sequence[str]
    noun: str

    @abstractmethod
    def load(self, exam: Items | ExamFile) -> Items:
        """Return items unchanged, or read them."""

    @abstractmethod
    def split(
        self,
        items: Items,
        shares: Mapping[str, float],
        *,
        seed: int,
        stratify: str | None,
        group_by: str | None,
    ) -> Mapping[str, Items]:
        """Return the parts by name; `stratify` and `group_by` are None where not given."""

    @abstractmethod
    def folds(
        self, items: Items, n: int, *, seed: int, stratify: str | None, group_by: str | None
    ) -> Sequence[Items]:
        """Return the folds."""

    @abstractmethod
    def write(self, path: Path, items: Items, format: str) -> None:
        """Write items to a file, whole or not at all."""

    def shuffled(self, items: Items, seed: int) -> Items:
        """Return items with their options in random order.

        Raises:
            SettingsError: Items of this task have no options.
        """
        raise SettingsError(
            f"{self.noun}s of this exam have no options to shuffle", field="shuffle_options"
        )

    def files(self, path: Path, format: str) -> tuple[Path, ...]:
        """Return the files that are written for a path."""
        return (path,)

    def lost(self, items: Items, format: str) -> tuple[str, ...]:
        """Return what a format cannot store of the items."""
        return ()


@dataclass(frozen=True, slots=True)
class SolverInfo:
    """Name, description and requirements of a solver.

    Attributes:
        name: Its name.
        summary: What it does, in one line.
        uses_evidence: Whether it reads passages.
        needs: The extra that installs what it needs, or empty.
        ready: Whether that is installed.
        origin: The distribution it comes from.
        settings: From setting to its default and description; empty where it is not ready.
        task: The task whose items it answers.
        is_fitted: Whether it learns from rows with known answers before it answers.
    """

    name: str
    summary: str
    uses_evidence: bool
    needs: str
    ready: bool
    origin: str
    settings: dict[str, dict[str, Any]]
    task: str = "multiple-choice"
    is_fitted: bool = False


def describe_settings(kind: type[Settings]) -> dict[str, dict[str, Any]]:
    """Return the default and description of each setting by its name."""
    defaults = kind.model_construct().model_dump(mode="json")
    return {
        key: {"default": defaults.get(key), "description": field.get("description", "")}
        for key, field in kind.model_json_schema().get("properties", {}).items()
    }


def name_members(files: Sequence[str | Path]) -> dict[str, Path]:
    """Return the files of an ensemble's members by name.

    Args:
        files: A file is called by its name without the ending, or as NAME in `NAME=PATH`.

    Raises:
        ScoreError: Two members have one name.
    """
    members: dict[str, Path] = {}
    for given in files:
        name, equals, named = str(given).partition("=")
        # A path may hold a "=" itself, so what exists under the whole text is a path.
        path = Path(named) if equals and name and not Path(given).exists() else Path(given)
        name = name if path != Path(given) else path.stem
        if name in members:
            raise ScoreError(
                f"two members have the name '{name}'",
                file=path,
                hint=f"Rename one of them: other={path}",
            )
        members[name] = path
    return members
