"""What a plan needs to be installed: extras of llmexam, and packages of plug-ins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from llmexam.evidence.index.kinds import uses_model
from llmexam.evidence.index.manifest import is_index, read_manifest
from llmexam.evidence.reranker import RerankerSettings
from llmexam.lm.models.gguf import GEMMA, is_gguf
from llmexam.retrieval.plan import EvidencePlan
from llmexam.settings.kinds import ModelReference, Reference
from llmexam.settings.walk import change_references
from llmexam.solvers.registry import solver_entries
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.spec import SolverSpec

_EXPORTED = ("model.onnx", "model.xml")
_KERAS = ("keras", "keras-jax")


@dataclass(frozen=True)
class Needs:
    """What must be installed for a plan.

    Attributes:
        extras: Extras of llmexam.
        packages: Requirements of other packages.
        alone: Requirements that are installed without their dependencies.
    """

    extras: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """The requirement of llmexam itself."""
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return f"llmexam{extras}=={version('llmexam')}"


def nested_settings(value: Any) -> Iterator[BaseModel]:
    """Yield settings and all settings inside them."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, BaseModel):
            yield here
            waiting += [getattr(here, name) for name in type(here).model_fields]
        elif isinstance(here, Mapping):
            waiting += here.values()
        elif isinstance(here, tuple | list):
            waiting += here


def needs_of(plan: BaseModel, *, more: tuple[str, ...] = ()) -> Needs:
    """Return what must be installed for a plan.

    Args:
        plan: The plan, with resolved paths.
        more: Further extras that the user gave.
    """
    extras = set(more)
    packages = []
    for settings in nested_settings(plan):
        if isinstance(settings, SolverSpec):
            found, origin = _of_solver(settings)
            extras |= found
            packages += [f"{origin}=={version(origin)}"] if origin else []
        elif isinstance(settings, EvidencePlan):
            extras |= _of_evidence(settings)
        elif isinstance(settings, RerankerSettings):
            extras.add("encoders")
        elif isinstance(settings, EndpointSettings):
            extras.add("openai")
        path = getattr(settings, "path", None)
        if str(path).lower().endswith(".xlsx"):
            extras.add("xlsx")
    extras |= _of_models(plan)
    alone = ("keras-hub>=0.18",) if extras & set(_KERAS) else ()
    return Needs(frozenset(extras), tuple(dict.fromkeys(packages)), alone)


def _of_solver(spec: SolverSpec) -> tuple[set[str], str]:
    """Return the extras of a solver, and the package that it comes from if it is another one."""
    extras = set()
    if getattr(spec.settings, "precision", "") == "nf4":
        extras.add("llm")
    if type(spec) is not SolverSpec and spec.solver not in solver_entries():
        # Recoverers embed texts; those that rank or learn fit models of scikit-learn.
        return extras | {"encoders", "train"}, ""
    entry = solver_entries().get(spec.solver)
    if entry is None:
        return extras, ""
    if entry.extra:
        extras.add(entry.extra)
    return extras, "" if entry.origin == "llmexam" else entry.origin


def _of_evidence(plan: EvidencePlan) -> set[str]:
    manifests = [read_manifest(path) for path in plan.index if is_index(path)]
    kinds = {manifest.kind for manifest in manifests} | set(plan.kinds if plan.corpus else ())
    return {"encoders"} if any(map(uses_model, kinds)) else set()


def _of_models(plan: BaseModel) -> set[str]:
    """Return the extras for models in files of other formats."""
    extras: set[str] = set()

    def look(value: str, kind: Reference) -> str:
        if isinstance(kind, ModelReference):
            folder = Path(value).expanduser()
            if value == GEMMA or is_gguf(value):
                extras.add("gemma")
            if any((folder / name).is_file() for name in _EXPORTED):
                extras.add("export")
        return value

    change_references(plan, look)
    return extras
