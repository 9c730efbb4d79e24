"""Solver `causal-lm`: score options by log-likelihood under a causal language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.loading import require_packages, resolve_model
from llmexam.solvers.causal_lm.asking import Asking, asking_of, shows_places
from llmexam.solvers.causal_lm.checks import require_read, require_telling
from llmexam.solvers.causal_lm.settings import CausalLmSettings
from llmexam.solvers.causal_lm.trained import as_trained, require_head
from llmexam.solvers.prompts.shots import ShotPool, require_unquoted
from llmexam.solvers.prompts.template import PromptTemplate, read_template
from llmexam.solvers.prompts.wording import Shot
from llmexam.solvers.protocol import BaseSolver, Cost, Explanation, OptionReason
from llmexam.storage.hashing import hash_json

if TYPE_CHECKING:
    from llmexam.lm.decoder import Continuation, Group, GroupScorer, SumScorer
    from llmexam.solvers.causal_lm.prompting import Prompted, Prompter

# Number of questions whose results are cached for `explain`.
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class _Answered:
    question: Question
    scores: NDArray[np.float64]
    n_cut: int


class CausalLmSolver(BaseSolver):
    """Scores options by log-likelihood under a causal language model, zero-shot or few-shot.

    Prefixes that prompts share (instructions and examples, a question's context) are computed
    once. Scores do not depend on the other questions, up to the order of summation.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        SettingsError: The prompt template is invalid.
    """

    settings_class = CausalLmSettings
    settings: CausalLmSettings

    def __init__(self, settings: CausalLmSettings | None = None, **values: Any) -> None:
        require_packages("solver 'causal-lm'")
        super().__init__(settings, **values)
        asked, settings = self.settings, as_trained(self.settings)
        self.settings = settings
        self.template: PromptTemplate = read_template(settings.template)
        self._asking: Asking = asking_of(
            self.template,
            norm=settings.norm,
            n_rotations=settings.rotations,
            calibrate=settings.calibrate,
        )
        # Checked with the user's settings only, without those that the model card adds.
        require_read(asked.model_copy(update={"template": settings.template}), self.template.mode)
        require_telling(self._asking, self.template, settings.template)
        self._pool = ShotPool(settings.shots) if settings.shots is not None else None
        self._cache: dict[str, _Answered] = {}
        self._of_free: dict[tuple[Continuation, ...], NDArray[np.float64]] = {}

    @property
    def order_invariant(self) -> bool:
        """Whether scores are independent of the positions of the options."""
        return not shows_places(self._asking)

    @property
    def reads_passages(self) -> bool:
        """Whether the prompt has passages of the question."""
        return self.settings.passages > 0

    @property
    def whole_exam(self) -> bool:
        """Whether one call should get all questions: with streaming, a call reads all weights."""
        return self.settings.streamed

    @property
    def cost(self) -> Cost:
        """Cost model: by tokens, or by whole timed passes for a streamed model."""
        return "timed" if self.settings.streamed else "decoder"

    def load(self, questions: Sequence[Question]) -> bool:
        """Load the tokenizer and the model's structure without weights."""
        self.prompts(questions)
        return True

    @property
    def weights_hash(self) -> str:
        """SHA-256 of weights, template and examples, so that results of others are not reused.

        Raises:
            ModelError: The model is missing or unusable.
            ExamError: The file of examples is invalid.
        """
        parts = [resolve_model(self.settings.model).weights_hash, self.template.model_dump()]
        if self._pool is not None:
            parts.append(self._pool.exam.content_hash)
        return hash_json(parts)

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score per option, shape `[n_questions, n_options]`; `Asking` defines it.

        `truncated` marks questions whose context was truncated.

        Raises:
            ModelError: The model is missing or unusable, or a prompt exceeds its context length.
            SettingsError: An example is a question of the exam.
        """
        answered = self._answer(questions)
        return ScoreMatrix.from_rows(
            [one.question.id for one in answered],
            [one.scores for one in answered],
            [one.n_cut > 0 for one in answered],
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the model's probabilities of each option."""
        return [
            Explanation(
                one.question.id, tuple(OptionReason(self._note(score)) for score in one.scores)
            )
            for one in self._answer(questions)
        ]

    def prompts(self, questions: Sequence[Question]) -> list[list[str]]:
        """Return the rendered prompts of each question, without answers."""
        return [[one.text for one in prompted] for prompted, _ in self._prompted(questions)]

    def requests(self, questions: Sequence[Question]) -> list[Group]:
        """Return the decoder's requests: one group per question, then the content-free groups."""
        read = self._prompted(questions)
        groups = [_requests(asked) for asked, _ in read]
        return [*groups, *dict.fromkeys(_requests(free) for _, free in read if free)]

    @property
    def scorer(self) -> GroupScorer:
        """The scorer of the decoder; a model that is not streamed is loaded for it."""
        return self._scorer.scorer

    def _answer(self, questions: Sequence[Question]) -> list[_Answered]:
        new = [q for q in questions if not self._is_cached(q)]
        fresh: dict[str, _Answered] = {}
        if new:
            read = self._prompted(new)
            # Content-free prompts share little with questions, but much with each other.
            free_groups = [
                group
                for group in dict.fromkeys(_requests(free) for _, free in read)
                if group not in self._of_free
            ]
            groups = [_requests(asked) for asked, _ in read]
            if self.settings.streamed:
                # Each call of a streamed model reads all weights, so there is only one call.
                sums = self._scorer.score([*groups, *free_groups])
                of_free = sums[len(groups) :]
            else:
                sums, of_free = self._scorer.score(groups), self._scorer.score(free_groups)
            self._of_free.update(zip(free_groups, of_free, strict=True))
            for question, (asked, free), found in zip(new, read, sums, strict=False):
                without = self._of_free[_requests(free)]
                scores = self._asking.scores(question, _heard(asked, found), _heard(free, without))
                n_cut = max(one.n_cut for one in asked)
                fresh[question.id] = _Answered(question, scores, n_cut)
        answered = [fresh.get(q.id) or self._cache[q.id] for q in questions]
        if len(self._cache) + len(fresh) > _MAX_CACHED:
            self._cache.clear()
            self._of_free.clear()
        self._cache.update(fresh)
        return answered

    def _prompted(
        self, questions: Sequence[Question]
    ) -> list[tuple[list[Prompted], list[Prompted]]]:
        """Return the tokenised prompts of each question, and its content-free prompts."""
        template = self.template
        texts = "\n".join([template.instructions, template.question, template.separator])
        require_unquoted(questions, texts, file=self.settings.template)
        prompter = self._prompter
        read = []
        for question, shots in zip(questions, self._shots(questions), strict=True):
            asked = prompter.prompts(question, self._asking.asks(question), shots)
            free = prompter.prompts(None, self._asking.content_free(question), shots)
            read.append((asked, free))
        return read

    def _shots(self, questions: Sequence[Question]) -> list[list[Shot]]:
        if self._pool is None:
            return [[] for _ in questions]
        rendered: dict[str, Shot] = {}
        chosen = self._pool.choose(questions)
        for shot in (shot for shots in chosen for shot in shots):
            if shot.id not in rendered:
                rendered[shot.id] = self._show(shot)
        return [[rendered[shot.id] for shot in shots] for shots in chosen]

    def _show(self, example: Question) -> Shot:
        ask, answer = self._asking.example(example)
        return Shot(self.template.render_question(context="", **ask.names), answer)

    @cached_property
    def _prompter(self) -> Prompter:
        from llmexam.solvers.causal_lm.prompting import Prompter

        scorer = self.scorer
        limits = [n for n in (self.settings.max_tokens, scorer.longest) if n is not None]
        return Prompter(
            self.template,
            scorer.tokenizer,
            max_tokens=min(limits) if limits else None,
            n_passages=self.settings.passages,
            chat=self.settings.chat,
        )

    @cached_property
    def _scorer(self) -> SumScorer:
        from llmexam.lm.decoder import SumScorer

        require_head(self.settings, self.template)
        return SumScorer(self._load(), self.settings.cache_dir)

    def _load(self) -> GroupScorer:
        settings = self.settings
        if not settings.streamed:
            from llmexam.lm.decoder import LikelihoodScorer, load_decoder

            decoder = load_decoder(
                settings.model, precision=settings.precision, device=settings.device
            )
            return LikelihoodScorer(decoder, n_tokens=settings.batch_tokens)
        from llmexam.lm.decoder import StreamedScorer

        limit = settings.memory_mb
        return StreamedScorer(
            resolve_model(settings.model),
            precision=settings.precision,
            device=settings.device,
            n_tokens=settings.batch_tokens,
            memory_bytes=None if limit is None else limit * 1_000_000,
        )

    def _is_cached(self, question: Question) -> bool:
        # By identity: another exam may have a question with the same id.
        cached = self._cache.get(question.id)
        return cached is not None and cached.question is question

    def _note(self, score: float) -> str:
        return {
            "letters": f"log-probability among the letters {score:.2f} ({np.exp(score):.0%})",
            "options": f"log-likelihood of the text ({self.settings.norm}) {score:.2f}",
            "yes-no": f"log-odds of yes {score:+.2f}",
            "pairs": f"mean log-odds against the other options {score:+.2f}",
            "binary-head": f"logit of the model's binary head {score:+.2f}",
        }[self.template.mode]


def _requests(asked: Sequence[Prompted]) -> tuple[Continuation, ...]:
    return tuple(request for one in asked for request in one.requests)


def _heard(prompted: Sequence[Prompted], sums: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return log-probability and number of tokens of each answer, by prompt."""
    heard = []
    begin = 0
    for one in prompted:
        rows = sums[begin : begin + len(one.requests)]
        lengths = [len(request.targets) for request in one.requests]
        heard.append(np.stack([rows, np.array(lengths, float)], axis=1))
        begin += len(one.requests)
    return heard
