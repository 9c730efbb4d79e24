"""Train a reranker to rank relevant passages first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llmexam.errors import ExamError
from llmexam.evidence.judgements import Judgements, read_qrels
from llmexam.evidence.reranker import FAMILY, rerank_pairs
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.training.base.family import Prepared, QuestionTrainer
from llmexam.training.base.trainee import Trainee
from llmexam.training.negatives import (
    SortedPassages,
    choose_negatives,
    cut_passages,
    sort_by_judgements,
    sort_by_words,
)
from llmexam.training.pairs.estimate import estimate
from llmexam.training.pairs.lists import EncodedLists, PairList, encode_lists
from llmexam.training.pairs.training import LiveScorer, load_trainee, prepare
from llmexam.training.protocol import Estimate
from llmexam.training.reranker.settings import RerankerTrainingSettings


class RerankerTrainer(QuestionTrainer[RerankerTrainingSettings]):
    """Trains a cross-encoder to rank relevant passages first.

    Each training question needs passages, best those that retrieval finds for it: `k` of the
    recipe's evidence says how many are looked at. The result loads as `evidence.reranker`. The
    best step is the last one: what counts is what a reader makes of the passages, which the dev
    questions cannot tell here. `metrics` has the mean reciprocal rank of the first helpful
    passage of the dev questions, before and after.
    """

    settings_class = RerankerTrainingSettings
    # Relevance may come from judgements, so answers are optional.
    needs_answers = False

    def prepare(self, train: Exam, dev: Exam | None, folder: Path, *, resume: bool) -> Prepared:
        """Return the encoder, and for each question a relevant passage and negatives."""
        settings = self.settings
        trainee = load_trainee(settings, settings.encoding.max_tokens)
        lists = self._lists(train, trainee)
        measured = self._lists(dev, trainee) if dev is not None else None

        def measure() -> dict[str, float]:
            if measured is None:
                return {}
            return {"dev_mrr": _mrr(LiveScorer(trainee.reader, measured, settings), measured)}

        return prepare(
            lists,
            trainee,
            settings,
            folder,
            card={"family": FAMILY, "encoding": settings.encoding.model_dump(mode="json")},
            measure=measure,
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        trainee = load_trainee(self.settings, self.settings.encoding.max_tokens)
        return estimate(self._lists(self.to_train_on(train), trainee), trainee, self.settings)

    def _lists(self, exam: Exam, trainee: Trainee) -> EncodedLists:
        """Return a list for each question that has a passage that helps and some that do not.

        Raises:
            ExamError: No question has.
        """
        settings = self.settings
        judged = read_qrels(settings.judgements) if settings.judgements else None
        cut = [cut_passages(question.passages, settings.passage_tokens) for question in exam]
        lists = []
        for place, (question, own) in enumerate(zip(exam, cut, strict=True)):
            found = self._sort(question, own, judged)
            # Random negatives are drawn from a few other questions, not the whole exam each time.
            near = [cut[(place + step) % len(cut)] for step in range(1, min(len(cut), 6))]
            bad = choose_negatives(
                found,
                [passage for passages in near for passage in passages],
                settings.n_negatives,
                seed=settings.seed,
                name=question.id,
            )
            if found.good and bad:
                lists.append(self._list(question, found.good[0], bad))
        if not lists:
            raise ExamError(
                "no training question has a relevant passage",
                file=exam.source or None,
                hint="Add evidence, lower min_cover or min_lead, or give judgements",
            )
        encoding = settings.encoding
        return encode_lists(lists, trainee.tokenizer, encoding.max_tokens, encoding.cut)

    def _sort(
        self, question: Question, passages: list[Passage], judged: Judgements | None
    ) -> SortedPassages:
        if judged is not None:
            return sort_by_judgements(question, passages, judged)
        return sort_by_words(
            question,
            passages,
            min_cover=self.settings.min_cover,
            min_lead=self.settings.min_lead,
        )

    def _list(self, question: Question, good: Passage, bad: list[Passage]) -> PairList:
        # Each query of a question gives separate pairs with equal weight.
        rows = rerank_pairs(question, [good, *bad], self.settings.encoding)
        pairs = [pair for row in rows for pair in row]
        n_queries = len(rows[0])
        return PairList(
            question.id, tuple(pairs), (*[1] * n_queries, *[0] * (len(pairs) - n_queries))
        )


def _mrr(scorer: LiveScorer, lists: EncodedLists) -> float:
    """Return the mean reciprocal rank of the best positive of each list; ties count against it."""
    ranks = []
    for scores, own in zip(scorer.score(), lists.lists, strict=True):
        right = np.array(own.labels, dtype=bool)
        ranks.append(1 + int((scores[~right] >= scores[right].max()).sum()))
    return float(np.mean([1 / rank for rank in ranks]))
