"""The recipe of a training run, read from YAML and validated before training starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from llmexam.errors import ExamError, SettingsError
from llmexam.exam.reading_settings import ReadingSettings
from llmexam.exam.selection import matching_rows
from llmexam.retrieval.plan import EvidencePlan
from llmexam.sample import exam_path
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import NotInKey, SampleOrPath
from llmexam.settings.walk import resolve_references
from llmexam.settings.yaml_file import merge_changes, read_yaml_file
from llmexam.tracking.settings import TrackingSettings
from llmexam.training.registry import trained_task, training_settings

_PARTS = ("train", "dev", "test")


class ExamFile(ReadingSettings):
    """An exam file, or a sample of its questions."""

    shorthand = "path"

    path: SampleOrPath = Field(
        description="path of the exam file, or `bundled` for the sample exam"
    )
    format: str | None = Field(None, description="format of the file; auto-detected by default")
    where: dict[str, OneOrMany[str]] = Field(
        {},
        description="only the items with these values of metadata fields, one value or several: "
        "`source: [sciq/train]`",
    )
    n_questions: int | None = Field(
        None,
        ge=1,
        description="number of questions or rewrites to sample with `split_seed`; all by default",
    )

    @property
    def file(self) -> Path:
        """The file to read."""
        return exam_path(self.path)

    def select(
        self, metadata: Sequence[Mapping[str, str]], noun: str, seed: int
    ) -> list[int] | None:
        """Return which of the file's items are used, ascending; None for all.

        Args:
            metadata: Metadata of each item.
            noun: What they are called, in the plural.
            seed: Random seed.

        Raises:
            ExamError: No item has a value of `where`, or there are fewer than `n_questions`.
        """
        rows = matching_rows(metadata, self.where, file=self.path)
        if self.n_questions is None:
            return rows
        n = len(metadata) if rows is None else len(rows)
        if self.n_questions > n:
            raise ExamError(
                f"expected at least {self.n_questions} {noun}, got {n}",
                file=self.path,
                field="n_questions",
            )
        drawn = sorted(np.random.default_rng(seed).permutation(n)[: self.n_questions].tolist())
        return drawn if rows is None else [rows[place] for place in drawn]


class Recipe(Settings):
    """Recipe of a training run."""

    title: Annotated[str, NotInKey()] = Field("", description="title of the results")
    family: str = Field(
        description="training family: the solver that the model is for, `reranker`, "
        "`keras-letters` for solver `causal-lm`, or `recoverer` for prompt recovery"
    )
    train: OneOrMany[ExamFile] = Field(min_length=1, description="exam files to train on")
    dev: ExamFile | None = Field(
        None, description="exam file for choosing the best step and for early stopping"
    )
    split: dict[Literal["train", "dev", "test"], float] | None = Field(
        None,
        description="shares to split `train` into, instead of separate files: `dev` chooses the "
        "best step, `test` is reported",
    )
    split_seed: int = Field(
        0, ge=0, lt=2**32 - 1, description="random seed of the split and of folds"
    )
    split_seeds: tuple[Annotated[int, Field(ge=0, lt=2**32 - 1)], ...] = Field(
        (),
        description="instead of `split_seed`: repeats the whole training for each of these "
        "splits and reports the mean; only the weights of the first split are saved",
    )
    evidence: EvidencePlan = Field(
        EvidencePlan(), description="source of the evidence, the same for all exams"
    )
    settings: SerializeAsAny[Settings] = Field(
        default_factory=dict, validate_default=True, description="settings of the trainer"
    )
    folds: int | None = Field(
        None,
        ge=2,
        le=100,
        description="number of folds: also writes out-of-fold scores of the training questions",
    )
    seeds: tuple[int, ...] = Field(
        (), description="trains once with each seed, and reports mean and standard deviation"
    )
    report_on: OneOrMany[ExamFile] = Field((), description="exams that are scored once, at the end")
    n_resamples: int = Field(
        10_000, ge=100, le=1_000_000, description="number of bootstrap resamples"
    )
    tracking: Annotated[TrackingSettings, NotInKey()] = Field(
        TrackingSettings(), description="experiment tracker"
    )
    drop_leaks: bool = Field(
        False,
        description="drop training questions that also are in an evaluation exam, instead of "
        "refusing to train",
    )

    @field_validator("dev", mode="before")
    @classmethod
    def _read_dev(cls, value: Any) -> Any:
        return None if value == "none" else value

    @field_validator("settings", mode="before")
    @classmethod
    def _parse_settings(cls, value: Any, info: ValidationInfo) -> Any:
        if "family" not in info.data:
            # The error about the family says what is wrong.
            return Settings()
        known = training_settings(info.data["family"])
        if isinstance(value, known):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a mapping as settings of the trainer, got {value!r}")
        try:
            return known.parse(
                value,
                subject=f"training of '{info.data['family']}'",
                given_as="--set settings.{key}={value}",
            )
        except SettingsError as error:
            # The key as the recipe has it.
            field = ".".join(part for part in ("settings", error.field) if part)
            raise SettingsError(error.message, field=field, hint=error.hint) from None

    @model_validator(mode="after")
    def _check_parts(self) -> Recipe:
        if self.split is not None:
            if "train" not in self.split:
                raise ValueError("`split` needs a share for train")
            if self.dev is not None and "dev" in self.split:
                raise ValueError("`dev` is set both as a file and in `split`. Remove one of them")
        if self.family == "reranker" and (self.folds or self.report_on):
            raise ValueError(
                "`folds` and `report_on` are not supported for a reranker, which "
                "answers no questions. Evaluate it with a run that uses it for its "
                "evidence"
            )
        if trained_task(self.family) == "prompt-recovery":
            self._check_rewrites()
        if self.split_seeds:
            self._check_splits()
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("`seeds` contains a seed twice")
        if self.seeds and "seed" not in type(self.settings).model_fields:
            raise SettingsError(
                f"a {self.family} has no random seed, so `seeds` is not supported", field="seeds"
            )
        if "seed" in self.settings.model_fields_set and self.seeds:
            raise ValueError("`seeds` is set, and `seed` in `settings` as well. Remove one of them")
        return self

    @property
    def _files(self) -> tuple[ExamFile, ...]:
        return (*self.train, *self.report_on, *([self.dev] if self.dev is not None else []))

    def _check_rewrites(self) -> None:
        for name in ("folds", "report_on", "split_seeds"):
            if getattr(self, name):
                raise ValueError(
                    f"`{name}` is not supported for family '{self.family}'. Grade the model with "
                    "a run of task prompt-recovery"
                )
        if "test" in (self.split or {}):
            raise ValueError(
                f"`split` of family '{self.family}' has no test part. Grade the model with a run "
                "of task prompt-recovery"
            )
        if self.evidence != EvidencePlan():
            raise ValueError(f"family '{self.family}' reads no evidence. Remove `evidence`")

    def _check_splits(self) -> None:
        if "test" not in (self.split or {}):
            raise ValueError("`split_seeds` needs a `split` with a test part")
        if "split_seed" in self.model_fields_set:
            raise ValueError("`split_seed` and `split_seeds` are both set. Remove one of them")
        if len(set(self.split_seeds)) < max(len(self.split_seeds), 2):
            raise ValueError("`split_seeds` needs two or more different seeds")
        if self.folds or self.family == "reranker":
            other = "`folds`" if self.folds else "a reranker, which answers no questions"
            raise ValueError(
                f"`split_seeds` repeats evaluations, so it cannot be used with {other}"
            )

    @property
    def shares(self) -> dict[str, float]:
        """The shares of the split, in the order train, dev, test; empty without a split."""
        return {name: self.split[name] for name in _PARTS if name in (self.split or {})}  # type: ignore[index]

    @property
    def runs(self) -> tuple[tuple[str, Settings], ...]:
        """Name and settings of each training run: one, or one per seed."""
        if not self.seeds:
            return (("model", self.settings),)
        return tuple(
            (f"seed-{seed}", self.settings.model_copy(update={"seed": seed})) for seed in self.seeds
        )

    @property
    def splits(self) -> dict[str, Recipe]:
        """The recipe of each split by name; empty without `split_seeds`."""
        return {
            f"split-{seed}": self.model_copy(update={"split_seed": seed, "split_seeds": ()})
            for seed in self.split_seeds
        }


def read_recipe(path: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read and validate a recipe; relative paths and model folders start at its folder.

    Args:
        path: A YAML file.
        changes: Keys to change, nested like the recipe.

    Raises:
        SettingsError: The file cannot be read, or a key or value in it is wrong.
    """
    values = read_yaml_file(path, kind="recipe", keys="family and train")
    return parse_recipe(
        merge_changes(values, changes or {}, Recipe), base=Path(path).parent, file=path
    )


def parse_recipe(
    values: Mapping[str, Any], *, base: Path, file: str | Path | None = None
) -> Recipe:
    """Validate a recipe given as a mapping, and fill in all defaults.

    Args:
        values: The recipe.
        base: The folder that relative paths start at.
        file: The file it came from, for error texts.

    Raises:
        SettingsError: A key or value is wrong.
    """
    recipe = Recipe.parse(values, subject="the recipe", file=file, given_as="{name}: {value}")
    return resolve_references(recipe, base)


def recipe_yaml(recipe: Recipe) -> str:
    """Return a recipe as YAML with all defaults and absolute paths."""
    values = resolve_references(recipe, Path.cwd()).model_dump(mode="json")
    if recipe.seeds:
        del values["settings"]["seed"]
    del values["split_seed" if recipe.split_seeds else "split_seeds"]
    head = "# The recipe with all defaults filled in: llmexam train recipe.yaml\n"
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
