"""Open indexes, and what a run folder holds that its plan needs here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmexam.ensemble.build import build_ensemble
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import SettingsError
from llmexam.evaluation.results import RunMetrics
from llmexam.evidence.index.analysis import SearchSettings
from llmexam.evidence.index.manifest import is_index
from llmexam.evidence.index.opening import open_index
from llmexam.evidence.retriever import IndexRetriever, Retriever
from llmexam.exam.question import Passage
from llmexam.exam.score_files import read_scores
from llmexam.lm.models.loading import BUNDLED as BUNDLED_MODEL
from llmexam.retrieval.build import build_index
from llmexam.retrieval.search import open_retriever
from llmexam.sample import BUNDLED
from llmexam.tasks.multiple_choice.plan import Plan
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.trial.safety import run_folder_of


@dataclass(frozen=True)
class OpenIndexes:
    """Opened indexes, and the temporary folder of one that was built for the sample corpus.

    Attributes:
        retriever: Searches them.
        folders: Their folders.
        temporary: The folder that must exist as long as they are used; None without one.
    """

    retriever: Retriever
    folders: tuple[Path, ...]
    temporary: TemporaryDirectory[str] | None = None

    def retrieve(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first."""
        return self.retriever.retrieve(queries, k)


def open_indexes(
    workspace: Workspace, names: Sequence[str], *, threaded: bool = False
) -> OpenIndexes | None:
    """Open indexes of the workspace, or None without any.

    Args:
        workspace: The folder.
        names: Paths relative to it, or `bundled` for the sample corpus.
        threaded: Whether several threads search them at the same time. A search then uses one
            core.

    Raises:
        SettingsError: One is not in the workspace.
        EvidenceIndexError: One cannot be used.
    """
    places = [BUNDLED if name == BUNDLED else workspace.path(name) for name in names]
    return open_folders(places, threaded=threaded)


def open_folders(
    places: Sequence[Path | str], *, model: str | None = None, threaded: bool = False
) -> OpenIndexes | None:
    """Open indexes by their folders, or None without any; `bundled` is built now.

    Args:
        places: The folders, or `bundled`.
        model: The bi-encoder of dense indexes that name one on the hub.
        threaded: As in `open_indexes`; only for sparse indexes.

    Raises:
        EvidenceIndexError: One cannot be used.
    """
    if not places:
        return None
    temporary = None
    folders = []
    for place in places:
        if str(place) == BUNDLED:
            temporary = TemporaryDirectory(prefix="llmexam-index-", ignore_cleanup_errors=True)
            place = Path(temporary.name) / "sparse"
            build_index([BUNDLED], place, kind="sparse")
        folders.append(Path(place))
    retriever = (
        IndexRetriever(*(_OneCore(open_index(folder)) for folder in folders))
        if threaded
        else open_retriever(folders, model=model)
    )
    return OpenIndexes(retriever, tuple(folders), temporary)


@dataclass(frozen=True)
class _OneCore:
    """A sparse index, whole or in parts, each of whose searches uses one core."""

    index: Any

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        found: list[list[Passage]] = self.index.search(queries, k, SearchSettings(threads=1))
        return found


def indexes_of(plan: Plan, path: Path) -> OpenIndexes | None:
    """Open the indexes that a plan searches; those of its corpora are in the folder of its run.

    Args:
        plan: The plan.
        path: Its file.

    Raises:
        SettingsError: Its corpora are not indexed.
        EvidenceIndexError: An index cannot be used.
    """
    evidence = plan.evidence
    places: list[Path | str] = [Path(one) for one in evidence.index]
    if evidence.corpus:
        run = run_folder_of(path)
        built = [run / "index" / kind for kind in evidence.kinds] if run else []
        if built and all(map(is_index, built)):
            places += built
        elif evidence.kinds == ("sparse",) and _is_sample(plan):
            places.append(BUNDLED)
        else:
            raise SettingsError(
                "the corpora of this plan are not indexed",
                file=path.name,
                field="evidence.corpus",
                hint="Choose an index, or run the plan and choose the plan in the folder of the "
                "run",
            )
    model = None if evidence.model == BUNDLED_MODEL else evidence.model
    return open_folders(places, model=model)


def weights_of(plan: Plan, path: Path) -> tuple[EnsembleSettings, tuple[str, ...]]:
    """Return the ensemble of a plan with given weights, and notes on where they come from.

    Weights that the plan fits are those of all questions of its run; without a run, the solvers
    have equal weights.
    """
    if not (plan.combines and plan.ensemble.is_fitted):
        return plan.ensemble, ()
    run = run_folder_of(path)
    names = [solver.name for solver in plan.solvers]
    files = [run / "scores" / f"{name}.parquet" for name in names] if run else []
    if files and all(file.is_file() for file in files):
        matrices = {name: read_scores(file)[0] for name, file in zip(names, files, strict=True)}
        built = build_ensemble(matrices, plan.ensemble, plan.exam.read_selected())
        weights, note = built.weights, "Weights of the solvers are those fitted in the run."
    else:
        weights = {name: 1 / len(names) for name in names}
        note = "The plan fits the weights of its solvers in a run; here they are equal."
    return plan.ensemble.model_copy(update={"weights": weights}), (note,)


def temperature_of(path: Path) -> float | None:
    """Return the softmax temperature that the run of a plan fitted, or None without one."""
    run = run_folder_of(path)
    file = None if run is None else run / "metrics.json"
    if file is None or not file.is_file():
        return None
    try:
        metrics = RunMetrics.model_validate_json(file.read_bytes())
    except ValueError:
        # Metrics of another version of llmexam: probabilities are then not calibrated.
        return None
    choice = metrics.final.choice
    return None if choice is None or choice.calibration is None else choice.calibration.temperature


def _is_sample(plan: Plan) -> bool:
    return all(str(one.path) == BUNDLED for one in plan.evidence.corpus)
