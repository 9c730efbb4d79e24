"""Variants of solvers that answer an exam for its item analysis.

Discrimination needs solvers of different ability, so that a solver is used with several settings,
and with and without the passages. Variants of one solver make similar mistakes; the analysis says
how many independent solvers they are worth.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmexam.errors import MissingDependencyError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.registry import create_solver, solver_entries
from llmexam.solvers.scoring import solve

DEFAULT_SOLVERS = ("lexical", "bi-encoder", "longest")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Variant:
    """A solver with settings, for the panel.

    Attributes:
        name: Name of the variant.
        solver: Name of the solver.
        settings: Its settings.
        n_passages: Passages that it may read: None for all, 0 for none.
    """

    name: str
    solver: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_passages: int | None = None


def _only(feature: str) -> dict[str, Any]:
    features = ("coverage", "nearness", "mass", "run", "best_sentence")
    return {"weights": {name: float(name == feature) for name in features}}


_VARIANTS: dict[str, tuple[Variant, ...]] = {
    "lexical": (
        Variant("lexical", "lexical"),
        Variant("lexical, coverage", "lexical", _only("coverage")),
        Variant("lexical, nearness", "lexical", _only("nearness")),
        Variant("lexical, mass", "lexical", _only("mass")),
        Variant("lexical, run", "lexical", _only("run")),
        Variant("lexical, first passage", "lexical", n_passages=1),
    ),
    "bi-encoder": (
        Variant("bi-encoder, closed book", "bi-encoder", n_passages=0),
        Variant("bi-encoder", "bi-encoder"),
        Variant("bi-encoder, similarity", "bi-encoder", {"weights": {"support": 0.0}}),
        Variant("bi-encoder, first passage", "bi-encoder", n_passages=1),
    ),
    "longest": (
        Variant("longest", "longest"),
        Variant("longest, words", "longest", {"unit": "words"}),
    ),
}


def variants_of(solver: str) -> tuple[Variant, ...]:
    """Return the variants of a solver; a solver without any is its own only variant.

    >>> [variant.name for variant in variants_of("first")]
    ['first']
    """
    return _VARIANTS.get(solver, (Variant(solver, solver),))


def panel_of(solvers: Sequence[str]) -> tuple[tuple[Variant, ...], dict[str, str]]:
    """Return the variants of solvers, and why default solvers are missing.

    Args:
        solvers: Names of solvers; without any, the default ones that are installed.

    Raises:
        SettingsError: There is no solver of a name.
        MissingDependencyError: A package that a named solver needs is not installed.
    """
    missing: dict[str, str] = {}
    found: list[Variant] = []
    for name in dict.fromkeys(solvers or DEFAULT_SOLVERS):
        try:
            create_solver(name)
        except MissingDependencyError as error:
            if solvers:
                raise
            missing[name] = str(error)
            continue
        found += variants_of(name)
    return tuple(found), missing


def answer(
    exam: Exam,
    variants: Sequence[Variant],
    progress: Progress = lambda name, n, of: None,
    *,
    taken: Container[str] = (),
) -> tuple[dict[str, ScoreMatrix], dict[str, str]]:
    """Return the scores of each variant, and the solver that it is a variant of, by its name.

    Variants that read passages are skipped on an exam without any, and those that read one passage
    where no question has more.

    Args:
        exam: The questions.
        variants: Who answers.
        progress: Called with the name of a variant, the questions done and of all.
        taken: Names that answers from files have; a variant of such a name gets another.
    """
    most = max((len(question.passages) for question in exam), default=0)
    scores: dict[str, ScoreMatrix] = {}
    kinds: dict[str, str] = {}
    for variant in variants:
        reads = solver_entries()[variant.solver].uses_evidence and variant.n_passages != 0
        if (reads and most == 0) or (variant.n_passages == 1 and most < 2):
            continue
        asked = exam
        if variant.n_passages is not None:
            asked = exam.with_passages([q.passages[: variant.n_passages] for q in exam])
        solver = create_solver(variant.solver, variant.settings)
        name = f"{variant.name}, now" if variant.name in taken else variant.name
        label = f"{exam.source}: {name}" if exam.source else name
        progress(label, 0, len(exam))
        scores[name] = solve(asked, solver, progress=_named(progress, label))
        kinds[name] = variant.solver
    return scores, kinds


def _named(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda n, of: progress(name, n, of)
