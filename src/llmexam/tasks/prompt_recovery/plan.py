"""The plan of a prompt-recovery run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from llmexam.recovery.likelihood import MAX_TEXT_TOKENS
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.recoverers.registry import recoverer_class
from llmexam.recovery.recoverers.spec import RecovererSpec
from llmexam.recovery.rewrites import RewriteExam
from llmexam.sample import BUNDLED, REWRITES_PATH
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import CacheDir, ModelRef, SampleOrPath
from llmexam.tasks.plan import ExamPlan, GradingPlan, RunPlan

OFFICIAL_EMBEDDER = "sentence-transformers/sentence-t5-base"


def rewrites_path(path: str | Path) -> Path:
    """Return the path of a file of rewrites; `bundled` is the sample's."""
    return REWRITES_PATH if str(path) == BUNDLED else Path(path)


class RewritesPlan(ExamPlan):
    """Files of rewritten texts."""

    path: SampleOrPath = Field(description="CSV or JSON Lines file; `bundled` is the sample")
    format: str | None = Field(None, description="`csv` or `jsonl`; auto-detected by default")
    more: OneOrMany[SampleOrPath] = Field((), description="further files, read as one exam")
    fields: dict[str, str] = Field(
        {}, description="maps a standard column name to the file's: `original_text: text`"
    )

    @property
    def file(self) -> Path:
        """The first file."""
        return rewrites_path(self.path)

    @property
    def files(self) -> list[Path]:
        """The files to read."""
        return [rewrites_path(path) for path in (self.path, *self.more)]

    def read_selected(self) -> RewriteExam:
        """Return the rows of the files that match `where`: those that a run answers.

        Raises:
            ExamError: They cannot be read, or no row matches.
        """
        exam = read_rewrites(self.files, fields=self.fields, format=self.format)
        rows = self.select([row.metadata for row in exam])
        return exam if rows is None else exam.subset(rows)


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
        None, description="second embedder, to check that results do not depend on the first"
    )
    n_ranked: int = Field(
        10, ge=2, le=1000, description="number of prompts in the ranking, including the true one"
    )
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="numeric precision of embedders and language model"
    )
    facet_bank: SampleOrPath | None = Field(
        None,
        description="CSV file of prompts with a column rewrite_prompt and one for each facet, such "
        "as tone, to see which facets are recovered; `bundled` is the sample's",
    )
    facet_threshold: float = Field(
        0.6,
        gt=0,
        le=1,
        description="cosine similarity from which a prompt is labelled as the nearest one of the "
        "facet bank; depends on the embedder",
    )
    likelihood_model: ModelRef | None = Field(
        None,
        description="causal language model for the gain in log-likelihood of the rewritten text, "
        "a folder or a Hugging Face name; without it that metric is left out",
    )
    likelihood_tokens: int = Field(
        MAX_TEXT_TOKENS,
        ge=8,
        le=100_000,
        description="tokens that the language model reads of each text and prompt",
    )
    vector_cache: CacheDir | None = Field(
        None,
        description="folder that caches embeddings across runs; the plan's `vector_cache` by "
        "default",
    )


class RecoveryPlan(RunPlan):
    """The plan of a run that recovers prompts."""

    task: str = Field(
        "prompt-recovery",
        description="kind of exam: multiple-choice, prompt-recovery, or the task of a plug-in",
    )
    exam: RewritesPlan
    train: RewritesPlan | None = Field(
        None, description="rows with known prompts to fit recoverers on"
    )
    folds: FoldsPlan | None = Field(
        None, description="cross-validation on the exam, which must have known prompts"
    )
    solvers: tuple[RecovererSpec, ...] = Field(min_length=1, description="the recoverers to run")
    evaluation: RecoveryGradingPlan = RecoveryGradingPlan()
    vector_cache: CacheDir | None = Field(
        None,
        description="folder that caches embeddings across runs; does not affect results",
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
