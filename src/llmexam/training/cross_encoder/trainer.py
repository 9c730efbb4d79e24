"""Train a cross-encoder to score each option with prompt and evidence."""

from __future__ import annotations

from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.readers.text_pairs import TextPair
from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.solvers.readers.encoding import option_pairs
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.family import Prepared, QuestionTrainer
from llmexam.training.base.trainee import Trainee
from llmexam.training.cross_encoder.settings import CrossEncoderTrainingSettings
from llmexam.training.pairs.estimate import estimate
from llmexam.training.pairs.lists import EncodedLists, PairList, encode_lists
from llmexam.training.pairs.training import LiveScorer, load_trainee, prepare
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Estimate


class CrossEncoderTrainer(QuestionTrainer[CrossEncoderTrainingSettings]):
    """Trains an encoder to score each option jointly with prompt and evidence.

    The result loads as `model` of solver `cross-encoder`; with `head: native` also with
    `CrossEncoder(folder)` of sentence-transformers.
    """

    settings_class = CrossEncoderTrainingSettings

    def prepare(self, train: Exam, dev: Exam | None, folder: Path, *, resume: bool) -> Prepared:
        """Return the encoder, a list of pairs per question, and the scoring of dev questions."""
        settings = self.settings
        trainee = load_trainee(settings, settings.encoding.max_tokens)
        return prepare(
            encode_exam(train, settings.encoding, trainee),
            trainee,
            settings,
            folder,
            card={
                "family": "cross-encoder",
                "encoding": settings.encoding.model_dump(mode="json"),
            },
            dev=None if dev is None else DevSet(dev, _Grading(dev, trainee, settings).score),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        trainee = load_trainee(self.settings, self.settings.encoding.max_tokens)
        lists = encode_exam(self.to_train_on(train), self.settings.encoding, trainee)
        return estimate(lists, trainee, self.settings)


class _Grading:
    """Scores the dev questions, which are encoded once, under the current weights."""

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
        """Return the scores under the current weights."""
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
