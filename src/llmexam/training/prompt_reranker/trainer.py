"""Train a cross-encoder to tell which prompt explains a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.lm.readers.text_pairs import TextPair
from llmexam.recovery.ranking.judges import RERANKER_FAMILY, pair_text
from llmexam.recovery.ranking.prompt_lists import PromptList
from llmexam.recovery.ranking.settings import BankRankerSettings
from llmexam.recovery.recoverers.bank_ranker import BankRanker
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.trained_rows import save_trained_rows
from llmexam.training.base.family import Prepared, RewriteTrainer
from llmexam.training.base.trainee import Trainee
from llmexam.training.pairs.estimate import estimate
from llmexam.training.pairs.lists import EncodedLists, PairList, encode_lists
from llmexam.training.pairs.training import LiveScorer, load_trainee, prepare
from llmexam.training.prompt_reranker.grading import DevLists
from llmexam.training.prompt_reranker.settings import PromptRerankerTrainingSettings
from llmexam.training.protocol import Estimate


class PromptRerankerTrainer(RewriteTrainer[PromptRerankerTrainingSettings]):
    """Trains an encoder to score a prompt jointly with the beginnings of both texts.

    A list of a row has its true prompt and the best candidates of `bank-ranker`, retrieved by a
    search that saw neither the row nor its prompt. A negative is not equally wrong whatever it
    says: its label is its sharpened cosine to the true prompt, at least 0.

    The result loads as `cross_encoder` of recoverer `bank-ranker`. The best step has the highest
    mean reciprocal rank of the true prompt of the dev rows, among the candidates that a search of
    the training rows finds for them.

    Raises:
        ExamError: The prompt of a row is not known, or there are too few groups of prompts.
    """

    settings_class = PromptRerankerTrainingSettings

    def prepare(
        self, train: RewriteExam, dev: RewriteExam | None, folder: Path, *, resume: bool
    ) -> Prepared:
        """Return the encoder, the lists of the training rows, and the grading of dev rows."""
        settings = self.settings
        trainee = load_trainee(settings, settings.encoding.max_tokens)
        ranker, lists = self._lists(train)
        graded = None
        if dev is not None:
            measured = self._encode(ranker.lists_for(dev, settings.n_negatives), trainee)
            graded = DevLists(measured.lists, LiveScorer(trainee.reader, measured, settings).score)

        def save(place: Path) -> None:
            trainee.reader.save(place)
            save_trained_rows(place, [one.row for one in lists])

        made = prepare(
            self._encode(lists, trainee),
            trainee,
            settings,
            folder,
            card={
                "family": RERANKER_FAMILY,
                "encoding": settings.encoding.model_dump(mode="json"),
            },
            dev=graded,
        )
        notes = made.notes
        if len(lists) < len(train):
            notes += (f"trained on {len(lists)} of {len(train)} rows (candidates.n_fitted)",)
        return replace(made, save=save, notes=notes)

    def estimate(self, train: RewriteExam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        self.require_usable(train)
        trainee = load_trainee(self.settings, self.settings.encoding.max_tokens)
        _, lists = self._lists(train)
        return estimate(self._encode(lists, trainee), trainee, self.settings)

    def _lists(self, train: RewriteExam) -> tuple[BankRanker, list[PromptList]]:
        """Return the ranker of the training rows, and lists of rows that it has not seen."""
        ranker = BankRanker(BankRankerSettings(**dict(self.settings.candidates)))
        lists = ranker.fit_lists(train, self.settings.n_negatives)
        if not lists:
            raise ExamError(
                "expected training rows with at least 2 groups of near-equal prompts, got one",
                file=train.source or None,
                hint="Give rows with other prompts",
            )
        return ranker, lists

    def _encode(self, lists: Sequence[PromptList], trainee: Trainee) -> EncodedLists:
        pair_lists = [
            PairList(
                one.row.id,
                tuple(TextPair(pair_text(one.row), prompt) for prompt in one.prompts),
                one.labels,
            )
            for one in lists
        ]
        return encode_lists(pair_lists, trainee.tokenizer, self.settings.encoding.max_tokens)
