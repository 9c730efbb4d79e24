"""Prepare a plan for a machine without a network: build its indexes, and find what cannot work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.evidence.index.manifest import read_manifest
from llmexam.harness.answers.solver import AnswersSettings
from llmexam.lm.models.loading import BUNDLED
from llmexam.packing.requirements import nested_settings
from llmexam.retrieval.build import build_index, corpus_sources
from llmexam.retrieval.plan import EvidencePlan
from llmexam.solvers.ranker.model import RANKER_FILE, read_ranker_file
from llmexam.solvers.ranker.solver import RankerSettings
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.spec import SolverSpec
from llmexam.stages.stage import Announce
from llmexam.storage.atomic import write_text
from llmexam.storage.hashing import hash_json
from llmexam.tasks.plan import RunPlan

# What selects questions of one exam, and so would leave questions of another one unanswered.
_SELECTING = ("limit", "sample", "where", "more", "format")


def refuse_network(plan: RunPlan, *, hidden_exam: bool) -> None:
    """Check that a plan can run without a network, on an exam that is not known yet.

    Raises:
        SettingsError: A solver needs a served model, has answers of one exam only, or learns from
            the exam itself.
    """
    for spec in _specs(plan):
        if isinstance(spec.settings, EndpointSettings):
            raise SettingsError(
                f"solver '{spec.name}' sends requests to a served model, which needs a network",
                field="solvers",
                hint="Leave it out, or use its cached answers: run the plan here, and replace it "
                f"by `solver: answers` with `file: RUN/scores/{spec.name}.parquet`, for this exam",
            )
        if hidden_exam and isinstance(spec.settings, AnswersSettings):
            raise SettingsError(
                f"solver '{spec.name}' has the answers of one file, and none for the hidden "
                "questions of a competition",
                field="solvers",
                hint="Leave it out",
            )
    learns_from_exam = getattr(plan, "folds", None) and not getattr(plan, "train", None)
    if hidden_exam and learns_from_exam:
        raise SettingsError(
            "the plan learns from the exam itself (`folds`), and the hidden exam of a competition "
            "has no prompts to learn from",
            field="folds",
            hint="Give rows with known prompts as `train`",
        )


def hidden_changes(plan: RunPlan) -> dict[str, Any]:
    """Return the keys of a plan to change before it runs on another exam.

    Whatever selects some questions would leave others unanswered, and files to compare with, of
    clusters or of shared questions belong to the exam of the plan.
    """
    changes: dict[str, Any] = {}
    for key, value in sample_changes(plan).items():
        if key.removeprefix("exam.") in _SELECTING:
            changes[key] = value
    for key in ("compare", "slice_by"):
        if getattr(plan.evaluation, key, None):
            changes[f"evaluation.{key}"] = [] if key == "compare" else None
    if plan.evaluation.cluster_by.endswith(".csv"):
        changes["evaluation.cluster_by"] = "auto"
    if getattr(plan, "audit_against", ()):
        changes["audit_against"] = []
    if getattr(plan, "folds", None) is not None and getattr(plan, "train", None) is not None:
        changes["folds"] = None
    return changes


def sample_changes(plan: RunPlan) -> dict[str, Any]:
    """Return the keys of a plan's exam to reset, for a file in the standard format."""
    fields = type(plan.exam).model_fields
    return {
        f"exam.{key}": _plain(field.default)
        for key, field in fields.items()
        if key != "path" and getattr(plan.exam, key) != field.default
    }


def with_indexes(plan: RunPlan, work: Path, announce: Announce) -> RunPlan:
    """Return a plan whose evidence comes from indexes alone: those of its corpora are built.

    The model of a dense index that was built with a local model becomes part of the plan, because
    its folder has another place on the other machine.

    Args:
        plan: The plan.
        work: Folder of the new indexes; an index of an earlier run is kept if it still fits.
        announce: Called with the name of each step.
    """
    evidence = getattr(plan, "evidence", None)
    if not isinstance(evidence, EvidencePlan) or not evidence.searches:
        return plan
    indexes = list(evidence.index)
    if evidence.corpus:
        for kind in evidence.kinds:
            announce(f"index {kind}", 0, None)
            indexes.append(str(_built(evidence, kind, work)))
    model = evidence.model
    for path in indexes:
        encoder = read_manifest(path).encoder
        if encoder is not None and encoder.model != BUNDLED and model == BUNDLED:
            model = encoder.model
    changed = evidence.model_copy(update={"corpus": (), "index": tuple(indexes), "model": model})
    return plan.model_copy(update={"evidence": changed})


def with_members(plan: RunPlan) -> RunPlan:
    """Return a plan that names the models of the members of its rankers.

    The folder of a ranker records them with their places on this machine.
    """
    solvers = tuple(_with_members(spec) for spec in plan.solvers)
    return plan.model_copy(update={"solvers": solvers})


def _with_members(spec: SolverSpec) -> SolverSpec:
    settings = spec.settings
    if (
        not isinstance(settings, RankerSettings)
        or not (Path(settings.model) / RANKER_FILE).is_file()
    ):
        return spec
    members = {name: dict(values) for name, values in settings.members.items()}
    for member in read_ranker_file(settings.model).members:
        model = member.settings.get("model")
        if isinstance(model, str) and Path(model).expanduser().exists():
            members.setdefault(member.name, {}).setdefault("model", model)
    if members == settings.members:
        return spec
    changed = settings.model_copy(update={"members": members})
    return spec.model_copy(update={"settings": changed})


def _built(evidence: EvidencePlan, kind: str, work: Path) -> Path:
    sources = [source.model_dump() for source in corpus_sources(evidence.corpora)]
    key = hash_json(
        [sources, evidence.model_dump(mode="json", include={"corpus", "chunking", "model"}), kind]
    )
    folder, mark = work / f"evidence-{kind}", work / f"evidence-{kind}.key"
    if not (mark.is_file() and mark.read_text(encoding="utf-8") == key):
        mark.unlink(missing_ok=True)
        build_index(
            evidence.corpora,
            folder,
            kind=kind,
            chunking=evidence.chunking,
            model=evidence.model if kind == "dense" else None,
        )
        write_text(mark, key)
    return folder


def _specs(plan: RunPlan) -> Sequence[SolverSpec]:
    return [one for one in nested_settings(plan) if isinstance(one, SolverSpec)]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
