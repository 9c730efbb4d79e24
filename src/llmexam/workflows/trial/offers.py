"""What can be tried: solvers and recoverers with default settings, and what a workspace holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from llmexam.errors import LlmExamError
from llmexam.evidence.index.manifest import FILE_NAME as MANIFEST
from llmexam.evidence.index.manifest import Manifest, read_manifest
from llmexam.lm.models.card import CARD_FILE, read_card
from llmexam.recovery.recoverers.registry import recoverer_names
from llmexam.sample import BUNDLED
from llmexam.solvers.registry import solver_entries
from llmexam.training.registry import trained_solver, trained_task, trainer_names
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.trial.files import files_in

Kind = Literal["solver", "recoverer", "model", "plan"]
Task = Literal["multiple-choice", "prompt-recovery"]

SAFE_SOLVERS = ("lexical", "bi-encoder", "longest", "first", "random")
"""Solvers that need neither a model of the user's nor an endpoint."""
SAFE_RECOVERERS = ("nearest-neighbours", "regressor", "copy", "constant")
"""Recoverers likewise, which learn within seconds."""
_RECOVERY_MODELS = {"recoverer": "fine-tuned", "keras-recoverer": "fine-tuned"}
_MOST = 200
_HEAD = 64 * 1024
_LARGEST_REWRITES = 20 * 1024 * 1024
_COLUMNS = (b"original_text", b"rewritten_text", b"rewrite_prompt")
_KEY = re.compile(r"^(exam|solvers|title|task):[ \t]*(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to answer that a user can choose.

    Attributes:
        kind: What it is.
        name: Name of the solver or recoverer, or path in the workspace.
        task: Task whose items it answers.
        label: What the page calls it.
        solver: Solver or recoverer that reads a model; empty for others.
    """

    kind: Kind
    name: str
    task: Task
    label: str
    solver: str = ""

    @property
    def id(self) -> str:
        """What a form sends."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True)
class Offers:
    """All that can be chosen.

    Attributes:
        ways: Solvers, recoverers, models and plans.
        indexes: Paths of indexes in the workspace with their descriptions, and `bundled`.
        sparse: Those of the indexes that need no model, and can be searched by several threads.
        rewrites: Files of rewritten texts that recoverers may learn from, and `bundled`.
    """

    ways: tuple[Offer, ...] = ()
    indexes: Mapping[str, str] = field(default_factory=dict)
    sparse: frozenset[str] = frozenset({BUNDLED})
    rewrites: tuple[str, ...] = ()

    def of(self, task: Task) -> tuple[Offer, ...]:
        """Return the ways to answer items of a task."""
        return tuple(one for one in self.ways if one.task == task)

    def find(self, kind: str, name: str) -> Offer | None:
        """Return an offer, or None if there is none of this name."""
        return next((one for one in self.ways if (one.kind, one.name) == (kind, name)), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the offers as JSON-serialisable values."""
        return {
            "ways": [{"id": one.id, **asdict(one)} for one in self.ways],
            "indexes": dict(self.indexes),
            "train": list(self.rewrites),
        }


def find_offers(workspace: Workspace) -> Offers:
    """Return what can be tried with the files of a workspace.

    Only names, sizes and first lines of files are read, so that a folder of hundreds of runs is
    looked through at once. Whether a plan or a model can be used shows when it is chosen.
    """
    root = workspace.folder
    plans: list[Offer] = []
    models: list[Offer] = []
    indexes: dict[str, str] = {BUNDLED: "the bundled sample corpus"}
    sparse = {BUNDLED}
    parts: set[Path] = set()
    rewrites: list[str] = [BUNDLED]
    for path in files_in(workspace):
        if path.suffix in (".yaml", ".yml") and len(plans) < _MOST:
            plans += _plan(root, path)
        elif path.name == CARD_FILE and len(models) < _MOST:
            models += _model(root, path.parent)
        elif path.name == MANIFEST and len(indexes) < _MOST and path.parent not in parts:
            found = _manifest(path.parent)
            if found is not None:
                name = path.parent.relative_to(root).as_posix()
                indexes[name] = f"{found.kind}, {found.n_passages:,} passages"
                # A part is an index, too, and its folder is deeper, so it comes later.
                parts.update(path.parent / part.folder for part in found.parts)
                if found.kind == "sparse":
                    sparse.add(name)
        elif path.suffix in (".csv", ".jsonl") and len(rewrites) < _MOST and _has_rewrites(path):
            rewrites.append(path.relative_to(root).as_posix())
    return Offers((*_registered(), *models, *plans), indexes, frozenset(sparse), tuple(rewrites))


def _registered() -> Iterator[Offer]:
    known = solver_entries()
    for name in SAFE_SOLVERS:
        yield Offer("solver", name, "multiple-choice", f"{name}: {known[name].summary}")
    for name in SAFE_RECOVERERS:
        if name in recoverer_names():
            yield Offer("recoverer", name, "prompt-recovery", name)


def _plan(root: Path, path: Path) -> Iterator[Offer]:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            keys = dict(_KEY.findall(stream.read(_HEAD)))
    except OSError:
        return
    if not {"exam", "solvers"} <= keys.keys():
        return
    task: Task = (
        "prompt-recovery" if "prompt-recovery" in keys.get("task", "") else "multiple-choice"
    )
    title = keys.get("title", "").strip("'\" ")
    name = path.relative_to(root).as_posix()
    yield Offer("plan", name, task, f"{name} ({title})" if title else name)


def _model(root: Path, folder: Path) -> Iterator[Offer]:
    try:
        card = read_card(folder)
    except LlmExamError:
        return
    name = folder.relative_to(root).as_posix()
    if card is None or name == "." or card.family not in {*trainer_names(), *solver_entries()}:
        return
    family = card.family
    if family in _RECOVERY_MODELS:
        solver = _RECOVERY_MODELS[family]
        yield Offer("model", name, "prompt-recovery", f"{name} ({solver})", solver)
    elif family in trainer_names() and trained_task(family) != "multiple-choice":
        return
    else:
        solver = trained_solver(family) if family in trainer_names() else family
        if solver in solver_entries():
            yield Offer("model", name, "multiple-choice", f"{name} ({solver})", solver)


def _manifest(folder: Path) -> Manifest | None:
    """Return the manifest of an index; None if it cannot be read."""
    try:
        return read_manifest(folder)
    except LlmExamError:
        return None


def _has_rewrites(path: Path) -> bool:
    try:
        if path.stat().st_size > _LARGEST_REWRITES:
            return False
        with path.open("rb") as stream:
            head = stream.readline(_HEAD)
    except OSError:
        return False
    return all(name in head for name in _COLUMNS)
