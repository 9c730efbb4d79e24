"""Read the YAML file of a cleaning: its steps in order, each with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from llmexam.collecting.cleaning.registry import step_class
from llmexam.collecting.cleaning.step import Step
from llmexam.errors import SettingsError
from llmexam.settings.base import Settings
from llmexam.settings.walk import key_values, resolve_references
from llmexam.settings.yaml_file import read_yaml_file


class CleaningSettings(Settings):
    """The keys of a cleaning file; the keys of each step are those of its settings class."""

    steps: list[Any] = Field(
        description="steps in order: a name, or a name with its settings, such as "
        "`length: {min_words: 5}`"
    )
    columns: tuple[str, ...] = Field(
        default=(), description="further columns of the corpus to keep, such as [book]"
    )
    documents_per_file: int = Field(
        default=5000, ge=1, description="documents read, cleaned and written together"
    )

    @field_validator("steps")
    @classmethod
    def _require_steps(cls, steps: list[Any]) -> list[Any]:
        if not steps:
            raise ValueError("expected at least one step, got an empty list")
        return steps


@dataclass(frozen=True)
class CleaningPlan:
    """The steps of a cleaning, in order.

    Attributes:
        names: Name of each step.
        steps: Settings of each step, with resolved paths.
        columns: Further columns of the corpus to keep.
        documents_per_file: Documents read, cleaned and written together.
    """

    names: tuple[str, ...]
    steps: tuple[Step, ...]
    columns: tuple[str, ...] = ()
    documents_per_file: int = 5000

    def key(self) -> dict[str, Any]:
        """Return the settings that affect the result, as JSON values."""
        return {
            "steps": [
                [name, key_values(step, str)]
                for name, step in zip(self.names, self.steps, strict=True)
            ],
            "columns": list(self.columns),
            "documents_per_file": self.documents_per_file,
        }

    @property
    def packages(self) -> frozenset[str]:
        """Distributions beside llmexam whose version affects the result."""
        return frozenset(name for step in self.steps for name in step.packages)

    def check(self) -> None:
        """Check files and packages that the steps need.

        Raises:
            LlmExamError: A file cannot be read, or a package is not installed.
        """
        for step in self.steps:
            step.check()


def read_plan(path: str | Path) -> CleaningPlan:
    """Return the plan in a YAML file; relative paths are resolved against its folder.

    Raises:
        SettingsError: The file cannot be read, or a key, a step or a value is wrong.
    """
    values = read_yaml_file(path, kind="cleaning", keys="steps")
    return parse_plan(values, file=path, base=Path(path).resolve().parent)


def parse_plan(
    values: Mapping[str, Any], *, file: str | Path | None = None, base: Path | None = None
) -> CleaningPlan:
    """Return the plan that a mapping describes.

    Args:
        values: The keys of a cleaning file.
        file: The file they came from, for error texts.
        base: The folder against which relative paths are resolved; by default the current one.

    Raises:
        SettingsError: A key, a step or a value is wrong.
    """
    settings = CleaningSettings.parse(values, subject="the cleaning", file=file)
    names, steps = [], []
    for number, value in enumerate(settings.steps, 1):
        name, own = _name_and_values(value, number, file)
        try:
            kind = step_class(name)
        except SettingsError as error:
            raise SettingsError(
                error.message, file=file, field=f"steps.{number}", hint=error.hint
            ) from None
        step = kind.parse(own, subject=f"step {number}, '{name}',", file=file)
        names.append(name)
        steps.append(resolve_references(step, base or Path.cwd()))
    return CleaningPlan(tuple(names), tuple(steps), settings.columns, settings.documents_per_file)


def _name_and_values(
    value: Any, number: int, file: str | Path | None
) -> tuple[str, Mapping[str, Any]]:
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and len(value) == 1:
        name, own = next(iter(value.items()))
        if own is None:
            return str(name), {}
        if isinstance(own, Mapping):
            return str(name), {str(key): one for key, one in own.items()}
    raise SettingsError(
        f"expected the name of a step, or one name with its settings, got {str(value)[:80]!r}",
        file=file,
        field=f"steps.{number}",
        hint="Write `- length` or `- length: {min_words: 5}`",
    )
