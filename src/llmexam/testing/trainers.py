"""Contract checks of trainers: resume, accumulation, chance, parity, estimate, card."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.lm.models.card import EvidenceOrigin, read_card
from llmexam.solvers.protocol import Solver
from llmexam.testing.require import require
from llmexam.training.dev_metric import dev_metric
from llmexam.training.protocol import CurvePoint, TrainedModel, Trainer

MakeTrainer = Callable[..., Trainer[Any]]
# These files contain times, so they differ between runs.
_UNEQUAL = frozenset({"training.json", "curve.jsonl"})
_PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl"})


def check_trainer(
    make: MakeTrainer,
    train: Exam,
    dev: Exam,
    folder: Path,
    *,
    serve: Callable[[Path], Solver] | None = None,
    accumulate: Mapping[str, Any] | None = None,
    tolerance: float = 1e-5,
) -> TrainedModel:
    """Check that a trainer satisfies the contract of `Trainer`, and return the trained model.

    Six small training runs are made. They should log every step, save a checkpoint every few steps,
    and grade seldom.

    Args:
        make: Makes a trainer; keywords are settings to change.
        train: Questions with answers.
        dev: The same; the check of chance is the sharper the more there are (100 are enough).
        folder: An empty folder.
        serve: Makes the solver of a trained folder; None for a model that answers no questions.
        accumulate: Settings with which half a batch, twice, is the same step as the whole one:
            without dropout, and with a loss that is a mean over what is in a batch. None where
            nothing is accumulated.
        tolerance: Largest difference between scores of training and of serving.

    Raises:
        AssertionError: A law does not hold; the text says which.
    """
    told = {"train": train.content_hash, "dev": dev.content_hash}
    card = {"data": told, "evidence": EvidenceOrigin(source="given"), "command": "check"}
    heard = _Listener()
    done = make().fit(train, dev, folder / "whole", card=card, tracker=heard)
    _check_result(make(), done, card)
    require(heard.steps == [p.step for p in done.curve], "the tracker receives each curve point")
    _check_estimate(make(), train, done)
    check_resume(make, train, dev, folder / "killed", done, card=card)
    again = make().fit(train, dev, done.folder, card=card, tracker=_Listener())
    require(again.card == done.card, "a finished training gives the same card again")
    if accumulate is not None:
        check_accumulation(make, train, folder / "accumulated", **accumulate)
    if serve is not None:
        check_parity(serve, dev, done, tolerance=tolerance)
        check_chance(make, train, dev, folder / "chance")
    return done


def check_resume(
    make: MakeTrainer,
    train: Exam,
    dev: Exam | None,
    folder: Path,
    whole: TrainedModel,
    *,
    card: Mapping[str, Any] | None = None,
) -> None:
    """Check that a killed and resumed training run ends with bit-equal weights.

    As both trainings begin with the same seed, this shows that the seed decides all that is drawn.

    Args:
        make: Makes the trainer that trained `whole`.
        train: The questions it was trained on.
        dev: The dev questions.
        folder: An empty folder.
        whole: What the trainer gave without being killed.
        card: What the trainer was told for the card.

    Raises:
        AssertionError: The training starts again from its first step, or its result differs.
    """
    steps = [point.step for point in whole.curve]
    killed = _Listener(kill_at=steps[len(steps) // 2] if steps else None)
    given = dict(card or {})
    with suppress(_KilledError):
        make().fit(train, dev, folder, card=given, tracker=killed)
    require(killed.was_killed or not steps, "an error of the tracker ends the training")
    heard = _Listener()
    resumed = make().fit(train, dev, folder, card=given, tracker=heard)
    if hasattr(make().settings, "checkpoint_every"):
        require(min(heard.steps) > min(steps), "an interrupted training resumes from a checkpoint")
    require(_values(resumed.curve) == _values(whole.curve), "a resumed training has the same curve")
    require(resumed.best_step == whole.best_step, "a resumed training has the same best step")
    require(resumed.card == whole.card, "a resumed training has the same card")
    require(_bits(folder) == _bits(whole.folder), "a resumed training ends with identical weights")


def check_accumulation(
    make: MakeTrainer, train: Exam, folder: Path, *, n_passes: int = 2, **values: Any
) -> None:
    """Check that gradient accumulation gives the same losses and gradients as one pass.

    Args:
        make: Makes a trainer; keywords are settings to change.
        train: Questions with answers.
        folder: An empty folder.
        n_passes: Forward passes of a step.
        **values: Settings of both trainings. `batch_size`, that of the one pass, can be divided
            by `n_passes`; all questions by default.

    Raises:
        AssertionError: Loss or gradient of a step differ.
    """
    size = values.pop("batch_size", len(train))
    curves = []
    for n in (1, n_passes):
        given = {**values, "batch_size": size // n, "gradient_accumulation": n}
        done = make(**given).fit(train, None, folder / str(n), card={}, tracker=_Listener())
        curves.append([(p.values["loss"], p.values["grad_norm"]) for p in done.curve])
    require(len(curves[0]) == len(curves[1]), f"{n_passes} forward passes per step are one step")
    np.testing.assert_allclose(
        curves[1], curves[0], rtol=1e-3, err_msg="gradient accumulation keeps losses and gradients"
    )


def check_parity(
    serve: Callable[[Path], Solver], dev: Exam, done: TrainedModel, *, tolerance: float = 1e-5
) -> None:
    """Check that a solver reproduces the dev scores of the training.

    Raises:
        AssertionError: Training gave none, or a score differs by more than the tolerance.
    """
    scores = done.dev_scores
    if scores is None:
        raise AssertionError("a training with dev questions returns their scores")
    served = serve(done.folder).score(list(dev))
    np.testing.assert_allclose(
        served.values,
        scores.values,
        atol=tolerance,
        err_msg="the solver returns the scores of the training",
    )


def check_chance(make: MakeTrainer, train: Exam, dev: Exam, folder: Path) -> None:
    """Check that training on random answers ends at chance level.

    Train and dev questions get random answers. A trainer that lets its model see the answer, by
    the place of the right option or its own score, gives more than chance on both.

    Raises:
        AssertionError: The primary metric is more than four standard errors from chance.
    """
    asked = _with_random_answers(dev, seed=1)
    trainer = make()
    done = trainer.fit(
        _with_random_answers(train, seed=0), asked, folder, card={}, tracker=_Listener()
    )
    if done.dev_scores is None:
        raise AssertionError("a training with dev questions returns their scores")
    metric = dev_metric()
    found = float(metric.values(asked, done.dev_scores.ranking).mean())
    by_rank = [metric.at_rank(np.arange(1.0, len(q.options) + 1)) for q in asked]
    chance = float(np.mean([values.mean() for values in by_rank]))
    error = sum(float(values.var()) for values in by_rank) ** 0.5 / len(asked)
    told = f"expected {metric.label} {chance:.3f} +- {4 * error:.3f}, got {found:.3f}"
    require(abs(found - chance) <= 4 * error, f"training on random answers ends at chance: {told}")


def _check_result(trainer: Trainer[Any], done: TrainedModel, told: Mapping[str, Any]) -> None:
    card = read_card(done.folder)
    require(card == done.card, "the folder has the card that is returned")
    require(done.card.data == told["data"], "the card has the content hashes of the data")
    require(done.card.evidence == told["evidence"], "the card contains the evidence settings")
    require(done.card.command == told["command"], "the card contains the command")
    require(
        done.card.training == trainer.settings.model_dump(mode="json"),
        "the card contains all settings of the training",
    )
    require(bool(done.card.family and done.card.versions), "the card contains family and versions")
    files = [path for path in done.folder.rglob("*") if path.is_file()]
    require(not [p for p in files if p.suffix in _PICKLED], "nothing in the folder is pickled")
    require(
        not any((done.folder / name).exists() for name in ("checkpoints", "best")),
        "a finished training leaves no checkpoints to resume from",
    )


def _check_estimate(trainer: Trainer[Any], train: Exam, done: TrainedModel) -> None:
    found = trainer.estimate(train)
    require(0 < found.n_questions <= len(train), "an estimate counts the questions")
    require(found.seconds is None or found.seconds > 0, "an estimate takes time or gives None")
    require(found.peak_mb > 0, "an estimate takes memory")
    require(0 <= found.share_cut <= 1, "an estimate contains the share of truncated text")
    if done.curve:
        last = done.curve[-1].step
        require(
            found.n_steps == last,
            f"an estimate counts the steps: expected {last}, got {found.n_steps}",
        )


def _with_random_answers(exam: Exam, seed: int) -> Exam:
    draw = random.Random(seed)
    return Exam(tuple(replace(q, answer=draw.randrange(len(q.options))) for q in exam))


def _values(curve: Sequence[CurvePoint]) -> list[tuple[int, dict[str, float]]]:
    return [
        (point.step, {name: value for name, value in point.values.items() if name != "seconds"})
        for point in curve
    ]


def _bits(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _UNEQUAL
    }


class _KilledError(Exception):
    """Stands for the end of the process."""


class _Listener:
    """A tracker that keeps the steps it is told of, and ends the training at one of them."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.steps: list[int] = []
        self.was_killed = False
        self._kill_at = kill_at

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Do nothing."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record the step; several points of one step count once."""
        if self._kill_at is not None and step >= self._kill_at:
            self.was_killed = True
            raise _KilledError
        if step not in self.steps:
            self.steps.append(step)

    def add_file(self, path: Path) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
