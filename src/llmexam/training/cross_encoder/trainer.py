"""Train a cross-encoder to score each option, read with prompt and evidence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.readers.text_pairs import TextPair
from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.solvers.readers.encoding import option_pairs
from llmexam.tracking.tracker import Tracker
from llmexam.training.checkpoint import finished_checkpoint
from llmexam.training.cross_encoder.lists import EncodedLists, PairList, encode_lists
from llmexam.training.cross_encoder.pair_training import (
    LiveScorer,
    Trainee,
    load_trainee,
    make_trainer,
)
from llmexam.training.cross_encoder.settings import (
    CrossEncoderTrainingSettings,
    PairTrainingSettings,
)
from llmexam.training.dev_metric import dev_values
from llmexam.training.finish import finish_training
from llmexam.training.loop import DevSet, run_training
from llmexam.training.lora import merge_lora
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Checkpoint, Estimate
from llmexam.training.states import is_first_process
from llmexam.training.undisturbed import undisturbed

FAMILY = "cross-encoder"


class CrossEncoderTrainer:
    """Trains an encoder to score each option, read together with prompt and evidence.

    The result loads as `model` of solver `cross-encoder`; with `head: native` also with
    `CrossEncoder(folder)` of sentence-transformers.
    """

    settings_class = CrossEncoderTrainingSettings

    def __init__(self, settings: CrossEncoderTrainingSettings) -> None:
        self.settings = settings

    def fit(
        self,
        train: Exam,
        dev: Exam | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> Checkpoint:
        """Train, and leave the best weights in `folder`; see `Trainer.fit`."""
        if resume and (done := finished_checkpoint(folder)) is not None:
            return done
        settings = self.settings
        transformers.set_seed(settings.seed)
        trainee = load_trainee(settings, settings.encoding.max_tokens)
        lists = encode_exam(train, settings.encoding, trainee)
        graded = None
        if dev is not None:
            graded = DevSet(dev, _Grading(dev, trainee, settings).score)
        return fit_lists(
            lists, graded, trainee, settings, folder, card=card, tracker=tracker, resume=resume
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return what training would take, from the data and a few timed steps."""
        from llmexam.training.cross_encoder.estimate import estimate

        trainee = load_trainee(self.settings, self.settings.encoding.max_tokens)
        return estimate(encode_exam(train, self.settings.encoding, trainee), trainee, self.settings)


class _Grading:
    """The dev questions, encoded once, and scored by the weights of now."""

    def __init__(self, dev: Exam, trainee: Trainee, settings: CrossEncoderTrainingSettings) -> None:
        self._dev = dev
        pairs = [tuple(option_pairs(question, settings.encoding)) for question in dev]
        lists = [
            PairList(question.id, own, (0,) * len(own))
            for question, own in zip(dev, pairs, strict=True)
        ]
        self._lists = encode_lists(lists, trainee.tokenizer, settings.encoding.max_tokens)
        self._scorer = LiveScorer(trainee.reader, self._lists, settings)

    def score(self) -> ScoreMatrix:
        """Return the scores by the weights of now."""
        return ScoreMatrix.from_rows(self._dev.ids, self._scorer.score(), self._lists.truncated)


def encode_exam(exam: Exam, encoding: CrossEncoderEncoding, trainee: Trainee) -> EncodedLists:
    """Return a list of pairs for each question, its right option first.

    Raises:
        ExamError: A question has no answer, or there are no questions.
    """
    require_trainable(exam)
    lists = []
    for question, answer in zip(exam, exam.answers.tolist(), strict=True):
        pairs: list[TextPair] = list(option_pairs(question, encoding))
        right = pairs.pop(answer)
        lists.append(PairList(question.id, (right, *pairs), (1, *[0] * len(pairs))))
    return encode_lists(lists, trainee.tokenizer, encoding.max_tokens)


def fit_lists(
    lists: EncodedLists,
    dev: DevSet | None,
    trainee: Trainee,
    settings: PairTrainingSettings,
    folder: Path,
    *,
    card: dict[str, Any],
    tracker: Tracker,
    resume: bool,
    family: str = FAMILY,
    measure: Callable[[], dict[str, float]] = dict,
) -> Checkpoint:
    """Train on lists of pairs, and leave the best weights in `folder`.

    Args:
        lists: What to train on.
        dev: What to grade while training.
        trainee: What training begins with.
        settings: How to train.
        folder: Where the model goes.
        card: Fields of the card that the caller knows.
        tracker: Told of every point of the curve.
        resume: Go on from the newest whole state, if there is one.
        family: What the card says the model is for.
        measure: Measures the weights of now; called before and after.
    """
    trainer = make_trainer(trainee, lists, settings, folder)
    with undisturbed():
        before = dev.score() if dev is not None and is_first_process() else None
        measured = {"before": measure()}
    trained = run_training(trainer, folder, settings, tracker=tracker, dev=dev, resume=resume)
    merge_lora(trainee.reader)
    measured["after"] = measure()
    for name, scores in (("before", before), ("after", trained.dev_scores)):
        if dev is not None and scores is not None:
            measured[name] |= dev_values(dev.exam, scores)
    encoding: Any = getattr(settings, "encoding")  # noqa: B009 - each family has its own class
    return finish_training(
        folder,
        trained,
        settings,
        trainee.reader.save,
        source=trainee.source,
        told={
            "family": family,
            "head": settings.head,
            "encoding": encoding.model_dump(mode="json"),
            "metrics": {name: values for name, values in measured.items() if values},
        },
        card=card,
        tokenizer=trainee.tokenizer,
        notes=_notes(lists),
    )


def _notes(lists: EncodedLists) -> tuple[str, ...]:
    if not lists.n_truncated:
        return ()
    return (
        f"{lists.n_truncated} of {len(lists.lists)} training questions had text cut, "
        f"{lists.share_cut:.0%} of their tokens",
    )
