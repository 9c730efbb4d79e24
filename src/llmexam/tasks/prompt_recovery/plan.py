"""The plan of a prompt-recovery run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from llmexam.recovery.recoverer import Recoverer
from llmexam.recovery.recoverers.registry import recoverer_class
from llmexam.sample import BUNDLED, REWRITES_PATH
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import CacheDir, ModelRef, SampleOrPath
from llmexam.solvers.spec import SolverSpec
from llmexam.tasks.plan import ExamPlan, GradingPlan, RunPlan

OFFICIAL_EMBEDDER = "sentence-transformers/sentence-t5-base"


def rewrites_path(path: str | Path) -> Path:
    """Return the path of a file of rewrites; `bundled` is the sample's."""
    return REWRITES_PATH if str(path) == BUNDLED else Path(path)


class RecovererSpec(SolverSpec):
    """A recoverer and its settings."""

    @classmethod
    def class_of(cls, solver: str) -> type[Recoverer]:
        """Return the class of a recoverer."""
        return recoverer_class(solver)

    def keeping_vectors(self, folder: Path | None) -> Self:
        """Return it with a folder of vectors, if it takes one and has none of its own."""
        if getattr(self.settings, "vector_cache", folder) is not None:
            return self
        settings = self.settings.model_copy(update={"vector_cache": folder})
        return self.model_copy(update={"settings": settings})


class RewritesPlan(ExamPlan):
    """Files of rewritten texts."""

    path: SampleOrPath = Field(description="CSV or JSON Lines file; `bundled` is the sample")
    format: str | None = Field(
        None, description="`csv` or `jsonl`; found out from the content by default"
    )
    more: OneOrMany[SampleOrPath] = Field((), description="further files, read as one exam")
    fields: dict[str, str] = Field(
        {}, description="names of the file's columns where they differ: `original_text: text`"
    )

    @property
    def file(self) -> Path:
        """The first file."""
        return rewrites_path(self.path)

    @property
    def files(self) -> list[Path]:
        """The files to read."""
        return [rewrites_path(path) for path in (self.path, *self.more)]


class FoldsPlan(Settings):
    """Folds of the exam: each is recovered by recoverers that were fitted on the others."""

    n: int = Field(5, ge=2, le=100, description="number of folds")
    by: str = Field(
        "prompt",
        description="`prompt` keeps near-equal prompts in one fold; the name of a column leaves "
        "out one of its values at a time, such as one source",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the folds")


class RecoveryGradingPlan(GradingPlan):
    """Evaluation settings."""

    embedder: ModelRef = Field(
        OFFICIAL_EMBEDDER,
        description="embedder of the sharpened cosine; `bundled` works offline",
    )
    second_embedder: ModelRef | None = Field(
        None, description="another embedder, to see what holds beside the first"
    )
    n_ranked: int = Field(
        10, ge=2, le=1000, description="number of prompts that the true one is ranked among"
    )
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="number type of both embedders"
    )
    vector_cache: CacheDir | None = Field(
        None,
        description="folder that keeps the vectors of texts across runs; the plan's `vector_cache` "
        "by default",
    )


class RecoveryPlan(RunPlan):
    """The plan of a run that recovers prompts."""

    exam: RewritesPlan
    train: RewritesPlan | None = Field(
        None, description="rows with known prompts to fit recoverers on"
    )
    folds: FoldsPlan | None = Field(
        None, description="fit on the other folds of the exam, which has prompts"
    )
    solvers: tuple[RecovererSpec, ...] = Field(min_length=1, description="the recoverers to run")
    evaluation: RecoveryGradingPlan = RecoveryGradingPlan()
    vector_cache: CacheDir | None = Field(
        None,
        description="folder that keeps the vectors of texts across runs, for metrics and "
        "recoverers; no result depends on it",
    )

    @property
    def grading(self) -> RecoveryGradingPlan:
        """The evaluation settings, with the plan's folder of vectors where they name none."""
        if self.evaluation.vector_cache is not None:
            return self.evaluation
        return self.evaluation.model_copy(update={"vector_cache": self.vector_cache})

    @property
    def recoverers(self) -> tuple[RecovererSpec, ...]:
        """The recoverers, with the plan's folder of vectors where they name none."""
        return tuple(one.keeping_vectors(self.vector_cache) for one in self.solvers)

    @model_validator(mode="after")
    def _check_fitted(self) -> Self:
        if self.train is None and self.folds is None:
            for solver in self.solvers:
                if recoverer_class(solver.solver).is_fitted:
                    raise ValueError(
                        f"'{solver.name}' learns from rows with known prompts: give `train`, or "
                        "`folds` to learn from the other rows of the exam"
                    )
        return self
