"""The folder of a trained model: weights, tokenizer, card and README."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from llmexam.errors import ModelError, RunError
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import CARD_FILE, ModelCard, read_card, write_card
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.permissions import open_to_readers
from llmexam.training.base.checkpoints import BEST_FOLDER, CHECKPOINT_FOLDER
from llmexam.training.base.processes import is_first_process
from llmexam.training.model_page import model_page
from llmexam.training.protocol import CurvePoint, TrainedModel

_RESULT_FILE = "training.json"
_SCORES_FILE = "dev_scores.json"
_NEW = ".model.new"
_PACKAGES = (
    "llmexam",
    "torch",
    "transformers",
    "sentence-transformers",
    "peft",
    "lightgbm",
    "keras",
    "keras-hub",
    "jax",
)
_PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".ckpt"})


def write_trained_model(
    folder: Path,
    save: Callable[[Path], None],
    card: ModelCard,
    *,
    tokenizer: Any = None,
    curve: Sequence[CurvePoint] = (),
    best_step: int = 0,
    dev_scores: ScoreMatrix | None = None,
    notes: Sequence[str] = (),
) -> TrainedModel:
    """Write a trained model into its folder, then delete checkpoints.

    The card is moved in last: a folder that has one is whole. Of several processes only
    the first writes.

    Args:
        folder: The folder of the training.
        save: Writes the model into a folder it is given.
        card: What the model says of itself; `versions` is filled in where it is empty.
        tokenizer: Saved beside the model, if given.
        curve: What was measured on the way.
        best_step: The step whose weights these are.
        dev_scores: Scores of the dev questions by these weights.
        notes: What a person should know.

    Raises:
        ModelError: `save` wrote a pickled file, which is not given away.
    """
    if not card.versions:
        card = card.model_copy(update={"versions": package_versions()})
    model = TrainedModel(folder, card, tuple(curve), best_step, dev_scores, tuple(notes))
    if is_first_process():
        _write(model, save, tokenizer)
    return model


def _write(model: TrainedModel, save: Callable[[Path], None], tokenizer: Any) -> None:
    folder, card = model.folder, model.card
    new = folder / _NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    save(new)
    if tokenizer is not None:
        tokenizer.save_pretrained(str(new))
    pickled = sorted(path.name for path in new.rglob("*") if path.suffix in _PICKLED)
    if pickled:
        raise ModelError(f"the model was saved as a pickled file: {pickled[0]}", file=new)
    write_result(new, model)
    write_text(new / "README.md", model_page(card, model.notes))
    write_card(new, card)
    open_to_readers(new)
    for path in sorted(new.iterdir(), key=lambda one: one.name == CARD_FILE):
        target = folder / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)
    _clear_state(folder)


def _clear_state(folder: Path) -> None:
    """Delete what only an unfinished training needs."""
    for name in (_NEW, CHECKPOINT_FOLDER, BEST_FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)


def finished_model(folder: Path) -> TrainedModel | None:
    """Return the trained model of a folder to go on with, or None if the training is unfinished.

    A process that was killed after it wrote the card may have left checkpoints, which are deleted.

    Raises:
        ModelError: The card is damaged.
        RunError: What lies beside it is damaged.
    """
    found = read_trained_model(folder)
    if found is not None and is_first_process():
        _clear_state(folder)
    return found


def read_trained_model(folder: Path) -> TrainedModel | None:
    """Return the trained model of a folder, or None if the training is unfinished.

    Raises:
        ModelError: The card is damaged.
        RunError: What lies beside it is damaged.
    """
    card = read_card(folder)
    if card is None:
        return None
    path = folder / _RESULT_FILE
    try:
        told = json.loads(path.read_text("utf-8"))
        points = told["curve"]
        curve = tuple(CurvePoint(point.pop("step"), point) for point in points)
        scores = _read_scores(folder / _SCORES_FILE)
        return TrainedModel(folder, card, curve, told["best_step"], scores, tuple(told["notes"]))
    except FileNotFoundError:
        return TrainedModel(folder, card)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            f"cannot be read: {error}", file=path, hint="Train again with --overwrite"
        ) from None


def update_card(folder: Path, card: ModelCard, notes: Sequence[str] = ()) -> None:
    """Replace the card and the README of a finished model, for example after its evaluation."""
    write_text(folder / "README.md", model_page(card, notes))
    write_card(folder, card)


def package_versions() -> dict[str, str]:
    """Return the versions of installed packages that training depends on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_result(folder: Path, model: TrainedModel) -> None:
    """Write what `read_trained_model` reads beside the card; call it before the card is written."""
    curve = [{"step": point.step, **point.values} for point in model.curve]
    told = {"best_step": model.best_step, "notes": list(model.notes), "curve": curve}
    write_json(folder / _RESULT_FILE, told)
    scores = model.dev_scores
    if scores is not None:
        rows = [[float(value) for value in row] for row in scores.rows()]
        cut = [bool(value) for value in scores.truncated]
        ids = list(scores.question_ids)
        write_json(folder / _SCORES_FILE, {"ids": ids, "scores": rows, "truncated": cut})


def _read_scores(path: Path) -> ScoreMatrix | None:
    if not path.is_file():
        return None
    told = json.loads(path.read_text("utf-8"))
    return ScoreMatrix.from_rows(told["ids"], told["scores"], told["truncated"])
