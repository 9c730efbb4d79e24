"""The plan of a run: what the YAML file says, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from llmexam.ensemble.combine import check_weights
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import nearest
from llmexam.evidence.chunking import ChunkSettings
from llmexam.evidence.corpus import CorpusSettings
from llmexam.evidence.queries import QueryForm
from llmexam.evidence.reranker import RerankerSettings
from llmexam.evidence.retriever import Given
from llmexam.sample import BUNDLED, corpus_path, exam_path
from llmexam.settings.base import Settings
from llmexam.solvers.registry import parse_solver_settings
from llmexam.solvers.spec import SolverSpec
from llmexam.workflows.yaml_file import (
    Change,
    merge_changes,
    place_model,
    place_path,
    place_settings,
    read_yaml_file,
)


class ExamPlan(Settings):
    """The exam."""

    path: str = Field(description="the file, or `bundled` for the sample")
    format: str | None = Field(None, description="its format; found out where it is not given")

    @property
    def file(self) -> Path:
        """The file to read."""
        return exam_path(self.path)


class EvidencePlan(Settings):
    """Where evidence comes from."""

    corpus: tuple[CorpusSettings, ...] = Field((), description="corpora to index and search")
    index: tuple[str, ...] = Field((), description="folders of indexes that are there already")
    kinds: tuple[Literal["sparse", "dense"], ...] = Field(
        ("sparse",), min_length=1, description="indexes to build; several are fused"
    )
    model: str = Field("bundled", description="bi-encoder of the dense index")
    chunking: ChunkSettings = Field(
        ChunkSettings(), description="how documents are cut into passages"
    )
    query_form: QueryForm = Field("prompt+each-option", description="what is looked for")
    k: int = Field(4, ge=1, le=1000, description="passages a question gets")
    given: Given = Field(
        "keep",
        description="passages in the exam file: use them alone, drop them, or add what is found",
    )
    reranker: RerankerSettings | None = Field(
        None, description="a cross-encoder that chooses the passages among more of them"
    )

    @field_validator("corpus", mode="before")
    @classmethod
    def _read_corpora(cls, value: Any) -> Any:
        items = value if isinstance(value, list | tuple) else [value]
        return [{"path": item} if isinstance(item, str) else item for item in items]

    @field_validator("index", mode="before")
    @classmethod
    def _read_indexes(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("reranker", mode="before")
    @classmethod
    def _read_reranker(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value

    @property
    def corpora(self) -> tuple[CorpusSettings, ...]:
        """The corpora, `bundled` being the sample's."""
        return tuple(c.model_copy(update={"path": corpus_path(c.path)}) for c in self.corpus)

    @property
    def searches(self) -> bool:
        """Whether there is anything to search."""
        return bool(self.corpus or self.index)


class SolverPlan(SolverSpec):
    """A solver of a run and its settings.

    In YAML a name, a mapping with `solver` and its settings, or a name with a mapping of them.
    """


class EvaluationPlan(Settings):
    """How results are graded."""

    k: int = Field(3, ge=1, le=26, description="the k of MAP@k")
    n_resamples: int = Field(10_000, ge=100, le=1_000_000, description="bootstrap resamples")
    positions: bool = Field(True, description="score all rotations of the options")
    compare: tuple[str, ...] = Field(
        (), description="submissions or score files to compare the result with"
    )


class Plan(Settings):
    """A whole run."""

    title: str = Field("", description="headline of the report")
    exam: ExamPlan
    evidence: EvidencePlan = EvidencePlan()
    solvers: tuple[SolverPlan, ...] = Field(min_length=1, description="who answers")
    ensemble: EnsembleSettings = EnsembleSettings()
    final: str | None = Field(
        None,
        description="name of the solver whose scores are the result, such as a ranker, all "
        "others being scored and compared; the ensemble of all if not set",
    )
    evaluation: EvaluationPlan = EvaluationPlan()
    audit_against: tuple[str, ...] = Field(
        (), description="files the exam should share no questions with, such as training files"
    )
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="seed of everything that draws numbers")

    @field_validator("exam", mode="before")
    @classmethod
    def _read_exam(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_names(self) -> Plan:
        names = [solver.name for solver in self.solvers]
        # Names are file names, and some file systems do not tell A from a.
        folded = [name.casefold() for name in names]
        twice = sorted(name for name in names if folded.count(name.casefold()) > 1)
        if twice:
            raise ValueError(f"two solvers are called '{twice[0]}': give one another `name`")
        for name in names:
            if not name or not set(name) <= set(_NAME_CHARACTERS) or name in (".", ".."):
                raise ValueError(
                    f"solver name '{name}' has characters other than letters, digits, . _ + -"
                )
            if len(name) > _LONGEST_NAME:
                raise ValueError(f"a solver name has {len(name)} characters: {name[:20]}...")
            if name == ENSEMBLE_NAME:
                raise ValueError(f"no solver can be called '{ENSEMBLE_NAME}'")
        return self

    @model_validator(mode="after")
    def _check_final(self) -> Plan:
        names = [solver.name for solver in self.solvers]
        if self.final is not None and self.final not in names:
            raise ValueError(f"there is no solver '{self.final}': {nearest(self.final, names)}")
        return self

    @property
    def combines(self) -> bool:
        """Whether the result is an ensemble of several solvers."""
        return self.final is None and len(self.solvers) > 1

    @model_validator(mode="after")
    def _check_weights(self) -> Plan:
        """Find a wrong weight before the solvers have worked for hours."""
        if isinstance(self.ensemble.weights, dict):
            check_weights([solver.name for solver in self.solvers], self.ensemble.weights)
        return self


ENSEMBLE_NAME = "ensemble"
# It becomes part of file names, which may have 255 bytes.
_LONGEST_NAME = 100
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"

DEMO = {
    "title": "The bundled sample exam",
    "exam": BUNDLED,
    "evidence": {"corpus": [BUNDLED]},
    "solvers": ["lexical", "bi-encoder"],
    "evaluation": {"positions": True},
}


def read_plan(path: str | Path, changes: Mapping[str, Any] | None = None) -> Plan:
    """Read and check a plan; relative paths in it start at its folder, those of models too.

    Args:
        path: A YAML file, or `demo` for the plan over the bundled sample.
        changes: Keys to change, nested like the plan.

    Raises:
        SettingsError: The file cannot be read, or a key or value in it is wrong.
        MissingDependencyError: A solver in it needs a package that is not installed.
    """
    if str(path) == "demo":
        return parse_plan(merge_changes(DEMO, changes or {}), base=Path.cwd(), file=None)
    values = read_yaml_file(path, kind="plan", keys="exam and solvers")
    return parse_plan(merge_changes(values, changes or {}), base=Path(path).parent, file=path)


def parse_plan(values: Mapping[str, Any], *, base: Path, file: str | Path | None) -> Plan:
    """Check a plan given as a mapping, and fill in all defaults.

    Args:
        values: The plan.
        base: The folder that relative paths start at.
        file: The file it came from, for error texts.

    Raises:
        SettingsError: A key or value is wrong.
        MissingDependencyError: A solver needs a package that is not installed.
    """
    plan = Plan.parse(values, subject="the plan", file=file, given_as="{name}: {value}")
    solvers = tuple(
        solver.model_copy(
            update={
                "settings": parse_solver_settings(
                    solver.solver, _seeded(solver, plan.seed)
                ).model_dump(mode="json")
            }
        )
        for solver in plan.solvers
    )
    return with_paths(
        plan.model_copy(update={"solvers": solvers}),
        lambda path: place_path(path, base),
        lambda name: place_model(name, base),
    )


def with_paths(plan: Plan, change_path: Change, change_model: Change) -> Plan:
    """Return a plan with every path in it changed; `bundled` is no path.

    Args:
        plan: The plan.
        change_path: Changes the path of a file or folder.
        change_model: Changes the name of a model, which may be a folder's.
    """

    def of(path: str) -> str:
        return path if path == BUNDLED else change_path(path)

    def of_all(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(of(path) for path in paths)

    def of_solver(solver: SolverPlan) -> SolverPlan:
        placed = place_settings(solver.settings, change_path, change_model, solver=solver.solver)
        return solver.model_copy(update={"settings": placed})

    compare = of_all(plan.evaluation.compare)
    return plan.model_copy(
        update={
            "exam": plan.exam.model_copy(update={"path": of(plan.exam.path)}),
            "evidence": with_evidence_paths(plan.evidence, change_path, change_model),
            "solvers": tuple(of_solver(solver) for solver in plan.solvers),
            "evaluation": plan.evaluation.model_copy(update={"compare": compare}),
            "audit_against": of_all(plan.audit_against),
        }
    )


def with_evidence_paths(
    plan: EvidencePlan, change_path: Change, change_model: Change
) -> EvidencePlan:
    """Return the part of a plan that is about evidence with every path in it changed."""

    def of(path: str) -> str:
        return path if path == BUNDLED else change_path(path)

    reranker = plan.reranker
    if reranker is not None:
        reranker = reranker.model_copy(update={"model": change_model(reranker.model)})
    return plan.model_copy(
        update={
            "corpus": tuple(
                one.model_copy(update={"path": Path(of(str(one.path)))}) for one in plan.corpus
            ),
            "index": tuple(of(path) for path in plan.index),
            "model": change_model(plan.model),
            "reranker": reranker,
        }
    )


def _seeded(solver: SolverPlan, seed: int) -> dict[str, Any]:
    """Give the plan's seed to solvers that have one and were not given another."""
    from llmexam.solvers.registry import solver_class

    takes_seed = "seed" in solver_class(solver.solver).settings_class.model_fields
    return {"seed": seed, **solver.settings} if takes_seed else solver.settings
