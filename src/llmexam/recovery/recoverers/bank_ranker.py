"""Bank ranker: retrieve prompts by a predicted vector, then rerank them by learned weights.

The prompt's vector is estimated from the pair and a bank is searched with it. A ranker predicts
the score of each candidate from cosines, shared words, votes of similar rows and, where models
are given, from a cross-encoder and the likelihood of the rewritten text. Its weights are fitted
on inner folds: on candidates for training rows whose prompts, with near-equal ones of other
training rows, were neither fitted on nor in the bank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.lm.models.loading import resolve_model
from llmexam.recovery.embeddings import sharpen
from llmexam.recovery.estimates import (
    PromptEstimates,
    known_prompts,
    training_rows,
)
from llmexam.recovery.groups import column_folds, grouped_folds, prompt_groups
from llmexam.recovery.pair_kernel import PairKernel
from llmexam.recovery.ranking.bank_search import PromptBank
from llmexam.recovery.ranking.candidates import CandidateSearch
from llmexam.recovery.ranking.judges import Judge, judges_hash, load_judges
from llmexam.recovery.ranking.keywords import KeywordChoice, with_keywords
from llmexam.recovery.ranking.prompt_lists import PromptList, prompt_lists
from llmexam.recovery.ranking.rows import RowViews, StemWeights
from llmexam.recovery.ranking.settings import BankRankerSettings
from llmexam.recovery.ranking.weights import CandidateWeights, judged_features
from llmexam.recovery.recoverer import Candidate, Progress, Recovery, no_progress
from llmexam.recovery.recoverers.embedding import EmbeddingRecoverer
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.trained_rows import TrainedRows, read_trained_rows
from llmexam.storage.hashing import hash_json

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_N_SHOWN = 8
_SEED = 0


@dataclass(frozen=True)
class _HeldOut:
    """Candidates of training rows by a search that saw neither these rows nor their prompts."""

    items: RewriteExam
    bank: PromptBank
    texts: Floats
    places: Ints
    features: Floats
    targets: Floats
    scores: Floats


@dataclass(frozen=True)
class _Ranked:
    """Candidates of rows, their features and their expected scores."""

    places: Ints
    features: Floats
    values: Floats

    @property
    def best_places(self) -> Ints:
        """The place of the best candidate of each row, shape `[n_rows]`."""
        chosen: Ints = self.places[np.arange(len(self.places)), self.values.argmax(axis=1)]
        return chosen


class BankRanker(EmbeddingRecoverer):
    """Answers with the prompt of training rows or of a bank that has the best expected score.

    Attributes:
        keywords: How many words of the rewritten text are added, and where; set by `fit`.
    """

    settings_class = BankRankerSettings

    @property
    def weights_hash(self) -> str:
        """Hash of the embedder, the cross-encoder and the language model."""
        others = judges_hash([self.settings.cross_encoder, self.settings.likelihood_model])
        return hash_json([super().weights_hash, *others])

    @property
    def seen_rows(self) -> TrainedRows:
        """The rows that the cross-encoder was trained on."""
        model = self.settings.cross_encoder
        return TrainedRows() if model is None else read_trained_rows(resolve_model(model).path)

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Fit the estimates on all rows, and the ranker's weights on inner folds of them.

        Raises:
            ExamError: There are too few rows, or a prompt is not known.
        """
        self._fit(train, progress)

    def fit_lists(
        self, train: RewriteExam, n_negatives: int, progress: Progress = no_progress
    ) -> list[PromptList]:
        """Fit as `fit` does, and return a list for each row that the weights were fitted on.

        Args:
            train: The rows.
            n_negatives: Number of candidates beside the true prompt.
            progress: Called with how many steps are done, and how many there are.

        Raises:
            ExamError: There are too few rows, or a prompt is not known.
        """
        return [
            one
            for own in self._fit(train, progress)
            for one in self._lists(own.items, own.bank, own.places, own.features, n_negatives)
        ]

    def _fit(self, train: RewriteExam, progress: Progress) -> Sequence[_HeldOut]:
        """Fit estimates and weights, and return the candidates that the weights were fitted on."""
        vectors = self.vectors
        rows = self._rows = training_rows(train, self.settings)
        # Of all rows, as the bank has all their prompts.
        self._group_of = dict(
            zip(train.prompts, prompt_groups(train.prompts).tolist(), strict=True)
        )
        self._kernel = PairKernel(rows, vectors, words=self.settings.words)
        self._views = RowViews.of(rows, self._kernel.train, vectors)
        self._targets = vectors.encode(rows.prompts)
        prompts = known_prompts(train, self.settings)
        self._bank = PromptBank(prompts, vectors.encode(prompts))
        everything = np.arange(len(rows))
        self._search = self._search_of(everything, self._bank)
        self._first, self._second = CandidateWeights(), CandidateWeights()
        self.keywords = KeywordChoice(self.settings.keywords)
        held = list(self._held_out(progress))
        self._fit_weights(held)
        return held

    def lists_for(self, items: RewriteExam, n_negatives: int) -> list[PromptList]:
        """Return a list for each of other rows with known prompts.

        Args:
            items: The rows.
            n_negatives: Number of candidates beside the true prompt.
        """
        views = RowViews.of(items, self._kernel.between(items), self.vectors)
        found = self._search.find(views)
        return self._lists(items, self._bank, found.places, found.features, n_negatives)

    def _lists(
        self, items: RewriteExam, bank: PromptBank, places: Ints, features: Floats, n: int
    ) -> list[PromptList]:
        scores = _scores(bank, places, self.vectors.encode(items.prompts))
        values = self._first.predict(features)
        found = [[bank.prompts[place] for place in own] for own in places]
        return prompt_lists(items, found, scores, values, n)

    def recover_part(self, part: RewriteExam) -> list[Recovery]:
        """Return a known prompt or one of the bank for each row."""
        views = RowViews.of(part, self._kernel.between(part), self.vectors)
        found = self._search.find(views)
        ranked = self._ranked(*self._seen(part, self._bank, found.places, found.features))
        numbers = self.keywords.choose(_row_features(ranked, views.texts))
        recovered = [self._recovery(*one) for one in zip(ranked.places, ranked.values, strict=True)]
        return [
            replace(one, text=with_keywords(one.text, row, int(n)))
            for one, row, n in zip(recovered, part, numbers, strict=True)
        ]

    @cached_property
    def _judges(self) -> list[Judge]:
        return load_judges(self.settings.cross_encoder, self.settings.likelihood_model)

    def _search_of(self, train: Ints, bank: PromptBank) -> CandidateSearch:
        """Return the search of a bank by estimates that are fitted on some training rows."""
        views = self._views.take(train, train)
        targets = self._targets[train]
        estimates = PromptEstimates(
            views.similar.whole, views.added, targets, alpha=self.settings.alpha
        )
        weights = StemWeights(views)
        return CandidateSearch(bank, estimates, targets, weights, self.settings, self.settings.k)

    def _fit_weights(self, held: Sequence[_HeldOut]) -> None:
        """Fit the weights on candidates of drawn rows, retrieved without the rows of their fold."""
        if not held:
            return
        # A small bank has fewer candidates without the prompts of a fold.
        k = min(one.places.shape[1] for one in held)
        self._first.fit(
            np.concatenate([one.features[:, :k] for one in held]),
            np.concatenate([one.scores[:, :k] for one in held]),
        )
        seen = [self._seen(one.items, one.bank, one.places, one.features) for one in held]
        if self._judges:
            n = min(self.settings.n_judged, k)
            scores = [
                _scores(own.bank, places, own.targets)[:, :n]
                for own, (places, _) in zip(held, seen, strict=True)
            ]
            features = [found[:, :n] for _, found in seen]
            self._second.fit(np.concatenate(features), np.concatenate(scores))
        if any(self.settings.keywords):
            self._fit_keywords(held, [self._ranked(*one) for one in seen])

    def _fit_keywords(self, held: Sequence[_HeldOut], ranking: Sequence[_Ranked]) -> None:
        """Fit which prompts get words on the prompts that are recovered for held-out rows."""
        rows: list[Rewrite] = []
        prompts: list[str] = []
        features = []
        for one, ranked in zip(held, ranking, strict=True):
            rows += one.items.rows
            prompts += [one.bank.prompts[place] for place in ranked.best_places]
            features.append(_row_features(ranked, one.texts))
        items = replace(held[0].items, rows=tuple(rows))
        self.keywords.fit(items, prompts, np.concatenate(features), self.vectors)

    def _seen(
        self, items: RewriteExam, bank: PromptBank, places: Ints, features: Floats
    ) -> tuple[Ints, Floats]:
        """Return the candidates that are ranked, and their features with those of the models."""
        if not self._judges:
            return places, features
        return self._judge(items, bank, places, features)

    def _ranked(self, places: Ints, features: Floats) -> _Ranked:
        """Return candidates with their expected scores."""
        weights = self._second if self._judges else self._first
        return _Ranked(places, features, weights.predict(features))

    def _held_out(self, progress: Progress = no_progress) -> Iterator[_HeldOut]:
        """Yield the candidates of drawn training rows, fold by fold."""
        rows = self._rows
        groups = np.array([self._group_of[prompt] for prompt in rows.prompts])
        folds = self._inner_folds(groups)
        if not folds.any():
            return
        n_folds = int(folds.max()) + 1
        drawn = self._drawn()
        for fold in range(n_folds):
            held = np.intersect1d(np.flatnonzero(folds == fold), drawn)
            train = np.flatnonzero(folds != fold)
            if len(held):
                known = set(groups[train].tolist())
                bank = self._bank.without(
                    frozenset(p for p, group in self._group_of.items() if group not in known)
                )
                views = self._views.take(held, train)
                found = self._search_of(train, bank).find(views)
                targets = self._targets[held]
                scores = _scores(bank, found.places, targets)
                items = rows.subset(held.tolist())
                yield _HeldOut(
                    items, bank, views.texts, found.places, found.features, targets, scores
                )
            progress(fold + 1, n_folds)

    def _drawn(self) -> Ints:
        """Return the rows that the weights are fitted on: none that the cross-encoder has seen.

        Raises:
            ExamError: There are too few others.
        """
        drawn = np.random.default_rng(_SEED).permutation(len(self._rows))
        new = self.seen_rows.unseen(self._rows, model="the cross-encoder", field="cross_encoder")
        return drawn[np.isin(drawn, new)][: self.settings.n_fitted]

    def _inner_folds(self, groups: Ints) -> Ints:
        """Return the inner fold of each row; all 0 if there is one group of prompts.

        Raises:
            ExamError: The column has fewer than two values.
        """
        if self.settings.folds_by == "prompt":
            n_folds = min(self.settings.n_folds, len(set(groups.tolist())))
            return grouped_folds(groups, n_folds, seed=_SEED) if n_folds > 1 else groups * 0
        folds = column_folds(self._rows, self.settings.folds_by)
        if not folds.any():
            raise ExamError(
                f"expected training rows with at least 2 values of '{self.settings.folds_by}' to "
                "make inner folds by, got one",
                file=self._rows.source or None,
                field="folds_by",
                hint="Name a column of the training rows, or use `folds_by: prompt`",
            )
        return folds

    def _judge(
        self, items: RewriteExam, bank: PromptBank, places: Ints, features: Floats
    ) -> tuple[Ints, Floats]:
        """Return the best candidates by the first weights, and their features with the judges'."""
        values = self._first.predict(features)
        # A likely prompt is often near the expected vector too; it is judged once.
        again = np.array([[place in own[:i] for i, place in enumerate(own)] for own in places])
        order = np.where(again, -np.inf, values)
        best = np.argsort(-order, axis=1, kind="stable")[:, : self.settings.n_judged]
        places = np.take_along_axis(places, best, axis=1)
        parts = [np.take_along_axis(features, best[:, :, None], axis=1)]
        parts.append(np.take_along_axis(values, best, axis=1)[:, :, None])
        prompts = [[bank.prompts[i] for i in own] for own in places]
        for judge in self._judges:
            parts.append(judged_features(judge.score(items, prompts), bank.vectors[places]))
        return places, np.concatenate(parts, axis=2)

    def _recovery(self, places: Ints, values: Floats) -> Recovery:
        best: dict[int, float] = {}
        for i in np.argsort(-values, kind="stable"):
            best.setdefault(int(places[i]), float(values[i]))
        candidates = [Candidate(self._bank.prompts[place], value) for place, value in best.items()]
        text, value = candidates[0].text, candidates[0].score
        return Recovery(text, tuple(candidates[:_N_SHOWN]), confidence=value)


def _row_features(ranked: _Ranked, texts: Floats) -> Floats:
    """Return what tells where words help: the best candidate's features and the row's texts.

    Args:
        ranked: The candidates.
        texts: Vectors of the row's texts, shape `[4, n_rows, dim]`.
    """
    rows = np.arange(len(ranked.values))
    best = ranked.values.argmax(axis=1)
    own = [ranked.values[rows, best][:, None], ranked.features[rows, best]]
    return np.concatenate([*own, *texts], axis=1)


def _scores(bank: PromptBank, places: Ints, targets: Floats) -> Floats:
    """Return the sharpened cosine of each candidate to the true prompt, shape `[n_rows, k]`."""
    return sharpen(np.einsum("ikj,ij->ik", bank.vectors[places], targets))
