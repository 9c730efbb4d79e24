"""Export a trained reader to a fast CPU runtime, and compare its scores."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from llmexam import sample
from llmexam.errors import ModelError, SettingsError, nearest
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.evidence.corpus import read_corpus
from llmexam.evidence.judgements import read_qrels
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Question
from llmexam.lm.models.card import CARD_FILE, ModelCard, read_card, write_card
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, require_packages, resolve_model
from llmexam.lm.readers.exported_engine import ExportBackend
from llmexam.solvers.registry import create_solver
from llmexam.storage.temporary import temporary_beside

_TASKS = {"multiple-choice": "multiple-choice", "cross-encoder": "classification"}


@dataclass(frozen=True, slots=True)
class ExportResult:
    """Comparison of an exported model with its source.

    Attributes:
        folder: The exported model.
        backend: What runs it.
        n_questions: Questions of the sample exam that both scored.
        largest_difference: Between two scores of one option.
        spread: Standard deviation of the source's scores, to judge the difference by.
        same_first: Share of questions with the same option first.
        same_top3: Share of questions with the same first three in the same order.
        metric: Label of the primary metric.
        value_source: Its value for the source on the sample exam.
        value_export: Its value for the export on it.
        megabytes_source: Size of the source's weights, in MB (10^6 bytes).
        megabytes_export: Size of the export's.
        seconds_source: Time to score the questions, best of two.
        seconds_export: The same for the export.
    """

    folder: Path
    backend: str
    n_questions: int
    largest_difference: float
    spread: float
    same_first: float
    same_top3: float
    metric: str
    value_source: float
    value_export: float
    megabytes_source: float
    megabytes_export: float
    seconds_source: float
    seconds_export: float

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable values."""
        return {**asdict(self), "folder": str(self.folder)}


def export_model(model: str, out: Path, *, to: str, n_questions: int = 40) -> ExportResult:
    """Export a trained reader, load it back and compare it with its source.

    Args:
        model: Folder of a model that `llmexam train` made.
        out: Folder to write; it must not be there, or be empty.
        to: `onnx-int8` or `openvino`.
        n_questions: Questions of the sample exam to compare on.

    Raises:
        SettingsError: `to` or `out` cannot be, or the model's family cannot be exported.
        MissingDependencyError: A package of the backend is not installed.
        ModelError: The model cannot be loaded or exported.
    """
    if to not in get_args(ExportBackend):
        raise SettingsError(
            f"unknown backend '{to}'", field="to", hint=nearest(to, get_args(ExportBackend))
        )
    require_packages("exporting a model")
    source = resolve_model(model)
    card = _exportable(source)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError("output folder exists already", file=out, hint="Choose a new folder")
    # An empty folder is replaced, and a link to one stays.
    out = out.resolve()
    temporary = temporary_beside(out)
    try:
        _write(source, card, to, temporary)
        # Compared before it takes its name, so that a folder that is there can be loaded.
        result = _compare(source, resolve_model(str(temporary)), card.family, n_questions)
        if out.exists():
            out.rmdir()
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return replace(result, folder=out, backend=to)


def _exportable(source: ModelFolder) -> ModelCard:
    card = read_card(source.path)
    if card is None:
        raise SettingsError(
            f"the model has no {CARD_FILE}, which records how questions are encoded",
            file=source.path,
            hint="Export a model that `llmexam train` trained",
        )
    if card.export is not None:
        raise SettingsError(
            "the model is an export already",
            file=source.path,
            hint="Give the model that it was exported from",
        )
    if card.family not in _TASKS:
        raise SettingsError(
            f"a model of family '{card.family}' cannot be exported",
            file=source.path,
            hint=f"Supported families: {', '.join(_TASKS)}",
        )
    return card


def _write(source: ModelFolder, card: ModelCard, to: str, folder: Path) -> None:
    from llmexam.lm.readers.exporting import export_reader, origin_of
    from llmexam.lm.readers.reader import load_reader

    reader = load_reader(
        source,
        head="mean" if card.head == "mean" else "native",
        task="classification" if _TASKS[card.family] == "classification" else "multiple-choice",
    )
    backend = next(known for known in get_args(ExportBackend) if known == to)
    folder.mkdir(parents=True)
    files = export_reader(reader, backend, folder)
    load_tokenizer(source).save_pretrained(str(folder))
    reader.config.save_pretrained(str(folder))
    origin = origin_of(reader, backend, source.weights_hash, files)
    write_card(folder, card.model_copy(update={"export": origin}))


def _compare(
    source: ModelFolder, export: ModelFolder, family: str, n_questions: int
) -> ExportResult:
    questions = _sample_questions()[:n_questions]
    exam, metric = Exam(tuple(questions)), choice_metrics()[0]
    before, seconds_source = _timed(family, source, questions)
    after, seconds_export = _timed(family, export, questions)
    if not np.isfinite(after.values).all():
        raise ModelError("the exported model returns scores that are not finite", file=export.path)
    first, second = before.ranking[:, :3], after.ranking[:, :3]
    return ExportResult(
        folder=export.path,
        backend="",
        n_questions=len(questions),
        largest_difference=float(np.abs(before.values - after.values).max()),
        spread=float(before.values.std()),
        same_first=float((first[:, 0] == second[:, 0]).mean()),
        same_top3=float((first == second).all(axis=1).mean()),
        metric=metric.label,
        value_source=float(metric.values(exam, before.ranking).mean()),
        value_export=float(metric.values(exam, after.ranking).mean()),
        megabytes_source=_megabytes(source),
        megabytes_export=_megabytes(export),
        seconds_source=seconds_source,
        seconds_export=seconds_export,
    )


def _timed(family: str, folder: ModelFolder, questions: Sequence[Question]) -> tuple[Any, float]:
    """Return the scores of a model, and the seconds they took, the better of two rounds."""
    solver = create_solver(family, {"model": str(folder.path)})
    solver.score(questions[:1])  # loads the model
    times = []
    for _ in range(2):
        # A solver keeps the scores of questions that it knows: these are equal but new.
        fresh = [replace(question) for question in questions]
        start = time.perf_counter()
        scores = solver.score(fresh)
        times.append(time.perf_counter() - start)
    return scores, min(times)


def _sample_questions() -> list[Question]:
    """Return the sample exam with the passages that were judged to answer it."""
    documents = {document.id: document for document in read_corpus(sample.CORPUS_PATH)}
    judged = read_qrels(sample.JUDGEMENTS_PATH)
    found = []
    for question in read_exam(sample.EXAM_PATH).questions:
        names = judged.get(question.id, {})
        passages = tuple(documents[name] for name in names if name in documents)
        found.append(replace(question, passages=passages))
    return found


def _megabytes(folder: ModelFolder) -> float:
    return sum(path.stat().st_size for path in folder.weight_files) / 1e6
