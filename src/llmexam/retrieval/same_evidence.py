"""Check that a trained model gets evidence from the same retrieval settings as in its training.

A model trained on four short passages per question from BM25 scores worse with ten long ones from a
dense index, and nothing else would reveal the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.lm.models.card import EvidenceOrigin
from llmexam.retrieval.gather import evidence_origin
from llmexam.retrieval.plan import EvidencePlan
from llmexam.solvers.protocol import Solver

_LABELS = {
    "source": "evidence",
    "kinds": "kinds of index",
    "model": "bi-encoder of the dense index",
    "chunking": "chunking",
    "query_form": "query formulation",
    "k": "passages per question",
    "reranker": "reranker",
    "depth": "reranking depth",
}


def require_same_evidence(trained: EvidenceOrigin, asked: EvidenceOrigin, solver: str) -> None:
    """Check that retrieval settings equal those of a model's training.

    Args:
        trained: Retrieval settings in training, from the model card.
        asked: Retrieval settings now.
        solver: Name of the solver, for the error text.

    Raises:
        SettingsError: The retrieval settings differ; the error lists the differences.
    """
    differing = [
        f"{_LABELS.get(field, field)} {_shown(getattr(asked, field))}, in training "
        f"{_shown(getattr(trained, field))}"
        for field in EvidenceOrigin.model_fields
        if getattr(asked, field) != getattr(trained, field)
    ]
    # If all else differs because one of them has no search at all, the source says it.
    if asked.source != trained.source:
        differing = differing[:1]
    if differing:
        raise SettingsError(
            f"solver '{solver}' was trained with evidence retrieved in another way: "
            + "; ".join(differing),
            field="evidence",
            hint="Use the retrieval settings of the training, train with this evidence, "
            "or set `allow_other_evidence: true` for the solver",
        )


def check_evidence(solvers: Iterable[tuple[str, Solver]], plan: EvidencePlan, exam: Exam) -> None:
    """Check that all trained solvers and members get evidence retrieved as in their training.

    Solvers that were not trained, or read no evidence, accept any evidence.

    Args:
        solvers: Solvers by name.
        plan: How evidence is found.
        exam: The exam as it was read, before evidence is gathered.

    Raises:
        SettingsError: A solver was trained on evidence retrieved in another way, and
                `allow_other_evidence` is not set.
    """
    trained = list(_trained(solvers))
    # Hashing weights and reading manifests takes time; most solvers are not trained.
    asked = evidence_origin(plan, exam) if trained else None
    for name, origin in trained:
        if asked is not None:
            require_same_evidence(origin, asked, name)


def _trained(solvers: Iterable[tuple[str, Solver]]) -> Iterator[tuple[str, EvidenceOrigin]]:
    for name, solver in solvers:
        description = solver.describe()
        if description.takes_other_evidence:
            continue
        if description.trained_on is not None:
            yield name, description.trained_on
        yield from _trained(description.members.items())


def _shown(value: object) -> str:
    if isinstance(value, str):
        # Hashes of weights are told apart by their first digits.
        return f"'{value[:12]}…'" if len(value) == 64 else f"'{value}'"
    if isinstance(value, tuple):
        return " + ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items()) or "whole documents"
    return str(value)
