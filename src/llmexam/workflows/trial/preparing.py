"""From what a request names to a solver or recoverer that is ready to answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError, nearest
from llmexam.evidence.reranker import load_reranker
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.recovery.recoverer import Recoverer
from llmexam.recovery.recoverers.registry import recoverer_class
from llmexam.recovery.rewrites import RewriteExam, join
from llmexam.retrieval.plan import EvidencePlan
from llmexam.retrieval.same_evidence import check_evidence
from llmexam.sample import BUNDLED
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver, served_solvers, solver_class, solver_entries
from llmexam.tasks.multiple_choice.plan import Plan
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.recover import load_rewrites
from llmexam.workflows.run.plan import read_plan
from llmexam.workflows.trial.evidence import (
    indexes_of,
    open_indexes,
    temperature_of,
    weights_of,
)
from llmexam.workflows.trial.offers import SAFE_RECOVERERS, SAFE_SOLVERS, Offers
from llmexam.workflows.trial.recovering import PreparedRecoverer
from llmexam.workflows.trial.requests import Way, check_plain
from llmexam.workflows.trial.safety import check_references, check_solver
from llmexam.workflows.trial.solving import PreparedSolver, evidence_notes

Prepared = PreparedSolver | PreparedRecoverer
_SERVED_RECOVERERS = frozenset({"served-lm", "served-few-shot-lm"})
_MOST_ROWS = 5_000


def check_solver_settings(
    name: str, values: Mapping[str, Any], offers: Offers, workspace: Workspace
) -> dict[str, Any]:
    """Return the settings of a solver from a page, with the model's path.

    Args:
        name: Name of the solver.
        values: Settings by key; `model` is a trained model of the workspace.
        offers: What the workspace has.
        workspace: The folder.

    Raises:
        SettingsError: The solver needs something that a page must not give.
    """
    checked = dict(values)
    model = checked.pop("model", None)
    if model == BUNDLED:
        model = None
    path = _model_path(name, model, offers, workspace)
    if path is None and name not in SAFE_SOLVERS:
        known = {*SAFE_SOLVERS, *(one.solver for one in offers.of("multiple-choice") if one.solver)}
        reason = "needs a model or a plan" if name in solver_entries() else "is not known"
        raise SettingsError(
            f"solver '{name[:100]}' {reason}",
            field="solver",
            hint=nearest(name[:100], known),
        )
    known_settings = solver_class(name).settings_class
    check_plain(checked, known_settings, f"solver '{name}'")
    found = checked if path is None else {**checked, "model": str(path)}
    known_settings.parse(found, subject=f"solver '{name}'")
    return found


def check_recoverer_settings(
    name: str, values: Mapping[str, Any], offers: Offers, workspace: Workspace
) -> dict[str, Any]:
    """Return the settings of a recoverer from a page; see `check_solver_settings`."""
    checked = dict(values)
    path = _model_path(name, checked.pop("model", None), offers, workspace)
    if path is None and name not in SAFE_RECOVERERS:
        raise SettingsError(
            f"recoverer '{name[:100]}' needs a model or a plan, or is not known",
            field="recoverer",
            hint=nearest(name[:100], SAFE_RECOVERERS),
        )
    kind = recoverer_class(name)
    check_plain(checked, kind.settings_class, f"recoverer '{name}'")
    found = checked if path is None else {**checked, "model": str(path)}
    kind.settings_class.parse(found, subject=f"recoverer '{name}'")
    return found


def _model_path(name: str, model: object, offers: Offers, workspace: Workspace) -> Path | None:
    if model is None:
        return None
    found = offers.find("model", model) if isinstance(model, str) else None
    if found is None or found.solver != name:
        models = [one.name for one in offers.ways if one.kind == "model" and one.solver == name]
        raise SettingsError(
            f"there is no trained model '{str(model)[:200]}' for '{name[:100]}' in the folder",
            field="settings.model",
            hint=nearest(str(model)[:200], models) if models else "Train one, or copy it there",
        )
    return workspace.path(found.name)


def prepare(way: Way, workspace: Workspace) -> Prepared:
    """Return what answers, not yet loaded.

    Args:
        way: Who answers, and with what.
        workspace: The folder that paths are relative to.

    Raises:
        LlmExamError: A plan, model or index cannot be used, or must not be used by a page.
    """
    if way.kind == "solver":
        return _solver(way, workspace)
    if way.kind == "solver-plan":
        return _solver_plan(way, workspace)
    if way.kind == "recoverer":
        return _recoverer(way, workspace)
    return _recoverer_plan(way, workspace)


def _solver(way: Way, workspace: Workspace) -> PreparedSolver:
    solver = create_solver(way.name, json.loads(way.settings))
    indexes = open_indexes(workspace, way.indexes, threaded=way.threaded)
    trained = solver.describe().trained_on
    retrieved = trained if trained is not None and trained.source == "retrieved" else None
    evidence = EvidencePlan.parse(
        {
            "index": [str(one) for one in indexes.folders] if indexes else [],
            # As in the training, unless the page says otherwise.
            "k": way.k or (retrieved.k if retrieved else 4) or 4,
            "query_form": way.query_form
            or (retrieved.query_form if retrieved else "")
            or "prompt+each-option",
        },
        subject="the evidence",
    )
    readers = {way.name} if solver_entries()[way.name].uses_evidence else set()
    return PreparedSolver(
        name=way.shown or way.name,
        members={way.name: solver},
        retriever=indexes,
        query_form=evidence.query_form,
        k=evidence.k,
        readers=frozenset(readers),
        check=_checks({way.name: solver}, evidence),
    )


def _solver_plan(way: Way, workspace: Workspace) -> PreparedSolver:
    path = workspace.path(way.name)
    plan = read_plan(path)
    if not isinstance(plan, Plan):
        raise SettingsError(
            f"expected a plan of multiple choice, got one of {plan.task}", file=way.name
        )
    final = plan.final
    wanted = [one for one in plan.solvers if final in (None, one.name)]
    check_references(plan.evidence, f"the evidence of {way.name}")
    for one in wanted:
        check_references(one.settings, f"solver '{one.name}' of {way.name}")
        if one.solver in served_solvers() or one.solver == "answers":
            raise SettingsError(
                f"solver '{one.name}' sends requests to an endpoint, or reads answers from a file",
                file=way.name,
                hint="Choose a plan without it, or name another solver as `final`",
            )
    members = {one.name: create_solver(one.solver, one.settings) for one in wanted}
    for name, solver in members.items():
        check_solver(name, solver)
    indexes = open_indexes(workspace, way.indexes) or indexes_of(plan, path)
    evidence = plan.evidence.model_copy(
        update={
            "index": tuple(str(one) for one in indexes.folders) if indexes else (),
            "corpus": (),
            "k": way.k or plan.evidence.k,
            "query_form": way.query_form or plan.evidence.query_form,
        }
    )
    ensemble, notes = weights_of(plan, path) if len(members) > 1 else (plan.ensemble, ())
    temperature = temperature_of(path)
    readers = {one.name for one in wanted if solver_entries()[one.solver].uses_evidence}
    return PreparedSolver(
        name=way.shown or way.name,
        members=members,
        final=final,
        ensemble=ensemble,
        retriever=indexes,
        reranker=load_reranker(evidence.reranker) if evidence.reranker and indexes else None,
        query_form=evidence.query_form,
        k=evidence.k,
        given=evidence.given,
        temperature=temperature or 1.0,
        calibrated=temperature is not None,
        notes=notes,
        readers=frozenset(readers),
        check=_checks(members, evidence),
    )


def _checks(members: Mapping[str, Solver], evidence: EvidencePlan) -> Any:
    def check(question: Question) -> None:
        given = question.passages if any(p.score is None for p in question.passages) else ()
        asked = Exam((question.with_passages(given),))
        check_evidence(list(members.items()), evidence, asked)

    return evidence_notes(check)


def _recoverer(way: Way, workspace: Workspace) -> PreparedRecoverer:
    kind = recoverer_class(way.name)
    settings = kind.settings_class.parse(
        json.loads(way.settings), subject=f"recoverer '{way.name}'", given_as="{key}: {value}"
    )
    train = _rows(way.train or BUNDLED, workspace) if kind.is_fitted else None
    return PreparedRecoverer(
        name=way.shown or way.name,
        members={way.name: kind(settings)},
        final=way.name,
        train=train,
        notes=(_learned(train),) if train is not None else (),
    )


def _recoverer_plan(way: Way, workspace: Workspace) -> PreparedRecoverer:
    path = workspace.path(way.name)
    plan = read_plan(path)
    if not isinstance(plan, RecoveryPlan):
        raise SettingsError(
            f"expected a plan of prompt recovery, got one of {plan.task}", file=way.name
        )
    wanted = [one for one in plan.recoverers if plan.final in (None, one.name)]
    for one in wanted:
        check_references(one.settings, f"recoverer '{one.name}' of {way.name}")
        if one.solver in _SERVED_RECOVERERS:
            raise SettingsError(
                f"recoverer '{one.name}' sends requests to an endpoint, which is not allowed from "
                "a page",
                file=way.name,
                hint="Choose a plan without it, or name another recoverer as `final`",
            )
    members: dict[str, Recoverer] = {one.name: one.make() for one in wanted}
    train = None
    if any(one.is_fitted for one in members.values()):
        train = _rows(way.train, workspace) if way.train else _rows_of(plan)
    return PreparedRecoverer(
        name=way.shown or way.name,
        members=members,
        final=plan.final or wanted[0].name,
        train=train,
        notes=(_learned(train),) if train is not None else (),
    )


def _rows_of(plan: RecoveryPlan) -> RewriteExam:
    """Return the rows that the recoverers of a plan learn from, those of all folds included."""
    rows = []
    if plan.train is not None:
        rows.append(plan.train.read_selected())
    if plan.folds is not None:
        rows.append(plan.exam.read_selected())
    return _bounded(rows[0] if len(rows) == 1 else join(rows))


def _rows(name: str, workspace: Workspace) -> RewriteExam:
    return _bounded(load_rewrites(BUNDLED if name == BUNDLED else workspace.path(name)))


def _bounded(rows: RewriteExam) -> RewriteExam:
    # Fitting takes a worker for as long as it lasts.
    return rows if len(rows) <= _MOST_ROWS else rows.subset(range(_MOST_ROWS))


def _learned(rows: RewriteExam) -> str:
    return f"Learned from {len(rows):,} rows with known prompts."
