"""Train a cross-encoder to tell which prompt explains a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from llmexam.errors import ExamError
from llmexam.lm.readers.text_pairs import TextPair
from llmexam.recovery.ranking.judges import RERANKER_FAMILY, pair_text
from llmexam.recovery.ranking.prompt_lists import PromptList
from llmexam.recovery.recoverers.bank_ranker import BankRanker
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.trained_rows import save_trained_rows
from llmexam.training.base.family import GradientTrainer, Prepared
from llmexam.training.base.trainee import Trainee
from llmexam.training.pairs.estimate import estimate
from llmexam.training.pairs.lists import EncodedLists, PairList, encode_lists
from llmexam.training.pairs.training import LiveScorer, load_trainee, prepare
from llmexam.training.prompt_reranker.settings import PromptRerankerTrainingSettings
from llmexam.training.protocol import Estimate


class PromptRerankerTrainer(GradientTrainer[PromptRerankerTrainingSettings, RewriteExam]):
    """Trains an encoder to score a prompt jointly with the beginnings of both texts.

    A list of a row has its true prompt and the best candidates of `bank-ranker`, retrieved by a
    search that saw neither the row nor its prompt. A negative is not equally wrong whatever it
    says: its label is its sharpened cosine to the true prompt, at least 0.

    The result loads as `cross_encoder` of recoverer `bank-ranker`. `metrics` has the mean
    reciprocal rank of the true prompt of the dev rows among the candidates that a search of the
    training rows finds for them, and the mean label of the candidate that is ranked first.

    Raises:
        ExamError: The prompt of a row is not known, or there are too few groups of prompts.
    """

    settings_class = PromptRerankerTrainingSettings

    def require_usable(self, items: RewriteExam) -> None:
        """Check that there are rows, all with known prompts."""
        if not len(items):
            raise ExamError("there are no training rows", file=items.source or None)
        _ = items.prompts

    def prepare(
        self, train: RewriteExam, dev: RewriteExam | None, folder: Path, *, resume: bool
    ) -> Prepared:
        """Return the encoder, the lists of the training rows, and the grading of dev rows."""
        settings = self.settings
        trainee = load_trainee(settings, settings.encoding.max_tokens)
        ranker, lists = self._lists(train)
        measured = None if dev is None else self._encode(ranker.lists_for(dev, self._n), trainee)

        def measure() -> dict[str, float]:
            if measured is None:
                return {}
            return _figures(LiveScorer(trainee.reader, measured, settings), measured)

        def save(place: Path) -> None:
            trainee.reader.save(place)
            save_trained_rows(place, train)

        made = prepare(
            self._encode(lists, trainee),
            trainee,
            settings,
            folder,
            card={"family": RERANKER_FAMILY, "encoding": settings.encoding.model_dump(mode="json")},
            measure=measure,
        )
        return replace(made, save=save)

    def estimate(self, train: RewriteExam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        self.require_usable(train)
        trainee = load_trainee(self.settings, self.settings.encoding.max_tokens)
        _, lists = self._lists(train)
        return estimate(self._encode(lists, trainee), trainee, self.settings)

    @property
    def _n(self) -> int:
        return self.settings.n_negatives

    def _lists(self, train: RewriteExam) -> tuple[BankRanker, list[PromptList]]:
        """Return the ranker of the training rows, and lists of rows that it has not seen."""
        ranker = BankRanker(self.settings.candidates)
        ranker.fit(train)
        lists = ranker.training_lists(self._n)
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


def _figures(scorer: LiveScorer, lists: EncodedLists) -> dict[str, float]:
    """Return the rank of the true prompt, which is first in its list, and what is chosen."""
    ranks, chosen = [], []
    for scores, own in zip(scorer.score(), lists.lists, strict=True):
        # Ties count against the true prompt.
        ranks.append(1 / (1 + int((scores[1:] >= scores[0]).sum())))
        chosen.append(own.labels[1 + int(scores[1:].argmax())])
    return {"dev_mrr": float(np.mean(ranks)), "dev_chosen": float(np.mean(chosen))}
