"""Registry of solvers by name. To add one, add a package to this one and a line here.

Plug-ins use the entry-point group `llmexam.solvers`: the name of the entry point is that of the
solver, its object a class with `settings_class` and the methods of `Solver`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from llmexam.errors import MissingDependencyError, SettingsError, nearest
from llmexam.plugins import entry_points
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import Solver, SolverClass

ENTRY_POINT_GROUP = "llmexam.solvers"


@dataclass(frozen=True, slots=True)
class SolverEntry:
    """Import path and requirements of a solver.

    Attributes:
        target: `module:Class`, imported only when the solver is created.
        summary: One line for the list of solvers.
        uses_evidence: Whether it reads the question's passages.
        extra: The extra that installs its requirements, or empty for core.
        package: The import name of the main package of that extra.
        served: Whether `model` is the name of a served model instead of a folder.
        origin: The distribution that provides it.
    """

    target: str
    summary: str
    uses_evidence: bool = False
    extra: str = ""
    package: str = ""
    served: bool = False
    origin: str = "llmexam"


_BUILT_IN: dict[str, SolverEntry] = {
    "random": SolverEntry(
        "llmexam.solvers.baselines.solver:RandomSolver",
        "random order with a seed: the chance level",
    ),
    "first": SolverEntry(
        "llmexam.solvers.baselines.solver:FirstSolver",
        "options in file order (A, B, C, ...): measures position bias",
    ),
    "longest": SolverEntry(
        "llmexam.solvers.baselines.solver:LongestSolver",
        "longest option first: measures option-length bias",
    ),
    "answers": SolverEntry(
        "llmexam.harness.answers.solver:AnswersSolver",
        "answers of a file: scores, a submission, or a log of another harness",
    ),
    "lexical": SolverEntry(
        "llmexam.solvers.lexical.solver:LexicalSolver",
        "lexical overlap of each option with the retrieved passages",
        uses_evidence=True,
    ),
    "bi-encoder": SolverEntry(
        "llmexam.solvers.bi_encoder.solver:BiEncoderSolver",
        "cosine similarity of sentence embeddings of question, options and evidence",
        uses_evidence=True,
        extra="encoders",
        package="torch",
    ),
    "cross-encoder": SolverEntry(
        "llmexam.solvers.cross_encoder.solver:CrossEncoderSolver",
        "trained cross-encoder that scores question, evidence and option as a pair of texts",
        uses_evidence=True,
        extra="encoders",
        package="torch",
    ),
    "keras-choice": SolverEntry(
        "llmexam.solvers.keras_choice.solver:KerasChoiceSolver",
        "trained multiple-choice encoder or decoder, run by Keras on torch, JAX or TensorFlow",
        uses_evidence=True,
        extra="keras",
        package="keras",
    ),
    "multiple-choice": SolverEntry(
        "llmexam.solvers.multiple_choice.solver:MultipleChoiceSolver",
        "trained multiple-choice encoder that reads each option with its own evidence",
        uses_evidence=True,
        extra="encoders",
        package="torch",
    ),
    "causal-lm": SolverEntry(
        "llmexam.solvers.causal_lm.solver:CausalLmSolver",
        "log-likelihood under a causal language model, zero-shot or few-shot",
        uses_evidence=True,
        extra="encoders",
        package="torch",
    ),
    "cascade": SolverEntry(
        "llmexam.solvers.cascade.solver:CascadeSolver",
        "one solver for all questions, a second one for the least certain",
        uses_evidence=True,
    ),
    "openai": SolverEntry(
        "llmexam.solvers.served.solver:ServedSolver",
        "language model served at an OpenAI-compatible endpoint",
        uses_evidence=True,
        extra="openai",
        package="openai",
        served=True,
    ),
    "ranker": SolverEntry(
        "llmexam.solvers.ranker.solver:RankerSolver",
        "small trained model that combines the scores and features of other solvers",
        uses_evidence=True,
        extra="train",
        package="lightgbm",
    ),
}


def solver_entries() -> dict[str, SolverEntry]:
    """Return all solvers by name: the built-in ones and those of installed packages.

    A built-in solver takes precedence over a plug-in of the same name.
    """
    outside = {
        point.name: SolverEntry(
            point.value,
            "from an installed package",
            uses_evidence=True,
            origin=point.dist.name if point.dist else "unknown",
        )
        for point in entry_points(group=ENTRY_POINT_GROUP)
    }
    return {**outside, **_BUILT_IN}


def served_solvers() -> frozenset[str]:
    """Return the names of the solvers with served models."""
    return frozenset(name for name, entry in _BUILT_IN.items() if entry.served)


def solver_class(name: str) -> SolverClass:
    """Return the class of a solver.

    Raises:
        SettingsError: There is no solver of this name.
        MissingDependencyError: A package it needs is not installed.
    """
    entries = solver_entries()
    if name not in entries:
        raise SettingsError(f"unknown solver '{name}'", hint=nearest(name, entries))
    entry = entries[name]
    module, _, attribute = entry.target.partition(":")
    try:
        found: SolverClass = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not entry.extra or (error.name or "").startswith("llmexam"):
            raise
        raise MissingDependencyError(
            f"solver '{name}'", error.name or entry.package, entry.extra
        ) from error
    return found


def parse_solver_settings(name: str, values: Mapping[str, Any] | Settings) -> Settings:
    """Return validated settings of a solver without creating it.

    Args:
        name: A name from `solver_entries`.
        values: Settings by key, or settings of the solver's own class, which are returned.

    Raises:
        SettingsError: The name, a key or a value is wrong.
        MissingDependencyError: A package it needs is not installed.
    """
    return check_settings(name, values, solver_class(name).settings_class)


def check_settings(
    name: str, values: Mapping[str, Any] | Settings, known: type[Settings]
) -> Settings:
    """Check the settings of a solver.

    Args:
        name: The solver's name.
        values: Settings by key, or settings of the solver's own class, which are returned.
        known: The solver's own settings class.

    Raises:
        SettingsError: A key or a value is wrong.
    """
    if isinstance(values, Settings):
        if not isinstance(values, known):
            raise SettingsError(
                f"solver '{name}' expects settings of {known.__name__}, got {type(values).__name__}"
            )
        return values
    return known.parse(values, subject=f"solver '{name}'", given_as="--set {key}={value}")


def create_solver(name: str, values: Mapping[str, Any] | Settings | None = None) -> Solver:
    """Create a solver from its name and settings.

    Args:
        name: A name from `solver_entries`.
        values: Settings by key, or of the solver's own class; what is not given has its default.

    Raises:
        SettingsError: The name, a key or a value is wrong.
        MissingDependencyError: A package it needs is not installed.
    """
    made = solver_class(name)(parse_solver_settings(name, values or {}))
    if not isinstance(made, Solver):
        raise SettingsError(
            f"solver '{name}' does not implement all methods of a solver",
            hint="Let its class inherit from llmexam.solvers.protocol.BaseSolver",
        )
    return made
