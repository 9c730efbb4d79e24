"""Solver `openai`: a served model, scored by log-probabilities of letters or by text answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from llmexam.errors import EndpointError, MissingDependencyError
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.prompts.shots import ShotPool, require_unquoted
from llmexam.solvers.protocol import BaseSolver, Cost, Explanation
from llmexam.solvers.served.asking import Asker, require_key
from llmexam.solvers.served.cache import AnswerCache
from llmexam.solvers.served.failures import LogprobsRefusedError, logprobs_refused
from llmexam.solvers.served.prompts import (
    OwnWording,
    TemplateWording,
    Wording,
    served_template,
    write_shot,
)
from llmexam.solvers.served.reading import Reading, average, read_answer, reason
from llmexam.solvers.served.replies import Reply
from llmexam.solvers.served.requests import Request, probe_key, write_requests
from llmexam.solvers.served.settings import ServedSettings
from llmexam.solvers.served.tally import Tally
from llmexam.solvers.served.usage import Meter, Usage
from llmexam.storage.hashing import hash_json

_OFFERED = "offered"
_LIMIT = "limit"
# Answers of which one at least can be read, or the model is not understood.
_MANY = 5

# A request, and the order that the options have in it.
_Turned = tuple[tuple[int, ...], Request]


class ServedSolver(BaseSolver):
    """Scores options by the answers of a model at an OpenAI-compatible endpoint.

    A request has the passages, the question, and its options as a list with letters. Where the
    endpoint tells log-probabilities, an option's score is that of its letter; else it is
    1 / place in the order that the model answers. Each answer is kept on disk as it arrives: the
    same request is sent once, in whatever run, and explaining costs nothing after scoring.

    Args:
        settings: The settings.
        offline: Whether nothing is sent: answers come from the cache, such as those of batches.
            Then `answers: auto` means ranking, unless the cache knows that the endpoint offers
            log-probabilities.
        values: Single settings by name.

    Raises:
        MissingDependencyError: The package openai is not installed.
        EndpointError: The environment variable for the key holds none.
        SettingsError: The prompt template cannot be used.
    """

    settings_class = ServedSettings
    settings: ServedSettings

    def __init__(
        self, settings: ServedSettings | None = None, *, offline: bool = False, **values: Any
    ) -> None:
        if find_spec("openai") is None:
            raise MissingDependencyError("solver 'openai'", "openai", "openai")
        super().__init__(settings, **values)
        settings = self.settings
        self._offline = offline
        if not offline:
            require_key(settings)
        self._template = served_template(settings.template) if settings.template else None
        self._pool = ShotPool(settings.shots) if settings.shots is not None else None
        self._meter = Meter(settings)
        self._cache = AnswerCache(settings.cache_dir)
        self._asker = Asker(settings, self._cache, self._meter, offline=offline)
        self._ranking = {"ranking": True, "logprobs": False}.get(settings.answers)
        self._tally = Tally(self._meter.usage, settings)
        # The settings with as many log-probabilities as the endpoint allows.
        self._requested = settings

    @property
    def usage(self) -> Usage:
        """Usage so far: requests, tokens and cost, with cached answers counted separately."""
        return replace(self._meter.usage)

    @property
    def costs_money(self) -> bool:
        """Whether answers may be billed."""
        return True

    @property
    def cost(self) -> Cost:
        """Cost model: by requests."""
        return "served"

    def used(self) -> Usage:
        """Return the usage so far; cached answers are counted separately."""
        return self.usage

    @property
    def latencies(self) -> tuple[float, ...]:
        """Seconds per requested answer so far, retries included."""
        return tuple(self._meter.latencies)

    def requests(self, questions: Sequence[Question]) -> list[list[Request]]:
        """Return the requests for each question.

        Raises:
            EndpointError: Whether the endpoint tells log-probabilities could not be found out.
            SettingsError: An example is a question of the exam.
        """
        return [[request for _, request in turned] for turned in self._asked(questions)]

    def replies(self, requests: Sequence[Request]) -> list[Reply | None]:
        """Return the cached answers, None where there is none; nothing is sent."""
        return [self._asker.kept(request) for request in requests]

    def missing(self, questions: Sequence[Question]) -> list[Request]:
        """Return the requests that `score` would send, each once.

        Raises:
            SettingsError: An example is a question of the exam.
        """
        return [one for one in self.possible(questions) if self._asker.kept(one) is None]

    def possible(self, questions: Sequence[Question]) -> list[Request]:
        """Return the requests that `score` needs, cached or not, each once.

        Those that ask again for letters as text are among them where the first answers are cached.

        Raises:
            SettingsError: An example is a question of the exam.
        """
        asked = self._asked(questions) if questions else []
        unsure = [
            question
            for question, turned in zip(questions, asked, strict=True)
            if self._is_unsure(
                [
                    self._read_one(question, order, reply)
                    for order, request in turned
                    if (reply := self._asker.kept(request)) is not None
                ]
            )
        ]
        again = self._asked(unsure, ranking=True)
        return list({one.key: one for turned in (*asked, *again) for _, one in turned}.values())

    def keep(self, replies: Mapping[str, Reply]) -> None:
        """Cache answers that came in another way, such as those of a batch.

        Args:
            replies: Answers by the key of their request.

        Raises:
            EndpointError: The cache cannot be written.
        """
        self._asker.keep(replies)

    def cost_of(self, request: Request, reply: Reply) -> float:
        """Return the price of an answer, in the currency of the settings' prices."""
        return self._meter.cost_of(request, reply)

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 of model name, template and examples, so that results of others are not reused.

        Raises:
            ExamError: The examples cannot be read.
        """
        template = self._template.model_dump() if self._template is not None else None
        shown = self._pool.exam.content_hash if self._pool is not None else ""
        return hash_json([self.settings.model, template, shown])

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score per option, shape `[n_questions, n_options]`.

        `truncated` tells where passages or a question had to be cut.

        Raises:
            EndpointError: The endpoint failed, or the budget is used up, or no answer of many
                could be read. Answers that came are kept: the same again goes on from them.
        """
        read, truncated = self._read(questions)
        self._require_readable([reading for one in read for reading in one])
        return ScoreMatrix.from_rows(
            [q.id for q in questions], [average(one) for one in read], truncated
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations from the answers; cached answers are not requested again.

        Raises:
            EndpointError: The endpoint failed, or the budget is used up.
        """
        return [
            Explanation(q.id, tuple(reason(readings, i) for i in range(len(q.options))))
            for q, readings in zip(questions, self._read(questions)[0], strict=True)
        ]

    def _read(self, questions: Sequence[Question]) -> tuple[list[list[Reading]], list[bool]]:
        """Return the readings of each question, one a rotation, and what was cut."""
        if not questions:
            return [], []
        asked, replies = self._answers(questions)
        read = [
            [self._read_one(q, order, replies[one.key]) for order, one in requests]
            for q, requests in zip(questions, asked, strict=True)
        ]
        unsure = [place for place, readings in enumerate(read) if self._is_unsure(readings)]
        if unsure:
            self._tally.count_fallen_back(
                [request for place in unsure for _, request in asked[place]]
            )
            some = [questions[place] for place in unsure]
            again = self._asked(some, ranking=True)
            flat = [request for requests in again for _, request in requests]
            texts = dict(zip((one.key for one in flat), self._asker.ask(flat), strict=True))
            for place, question, requests in zip(unsure, some, again, strict=True):
                asked[place] = requests
                read[place] = [
                    self._read_one(question, order, texts[one.key]) for order, one in requests
                ]
            self._tally.warn_fallen_back(len(unsure), len(questions))
        self._tally.count(
            [
                (request, reading)
                for turned, readings in zip(asked, read, strict=True)
                for (_, request), reading in zip(turned, readings, strict=True)
            ]
        )
        return read, [any(one.truncated for _, one in requests) for requests in asked]

    def _answers(
        self, questions: Sequence[Question]
    ) -> tuple[list[list[_Turned]], dict[str, Reply]]:
        """Return the requests of each question and the replies by key."""
        while True:
            asked = self._asked(questions)
            flat = [request for requests in asked for _, request in requests]
            try:
                replies = self._asker.ask(flat)
            except LogprobsRefusedError as error:
                if not self._ask_for_fewer(error):
                    raise
                continue
            found = dict(zip((one.key for one in flat), replies, strict=True))
            if self.settings.answers == "logprobs":
                self._require_told(flat, found)
            return asked, found

    def _ask_for_fewer(self, error: LogprobsRefusedError) -> bool:
        """Ask for as many log-probabilities from now on as the endpoint allows, if it said so."""
        if error.limit is None or error.limit >= self._requested.top_logprobs:
            return False
        self._requested = self._requested.model_copy(update={"top_logprobs": error.limit})
        return True

    def _asked(
        self, questions: Sequence[Question], *, ranking: bool | None = None
    ) -> list[list[_Turned]]:
        """Return the requests of each question, one a rotation, with the options' order."""
        # Before anything is sent: no request may hold an answer of the exam.
        self._require_unquoted(questions)
        none: list[list[Question]] = [[] for _ in questions]
        chosen = self._pool.choose(questions) if self._pool is not None else none
        if ranking is None:
            if self._ranking is None and questions:
                self._ranking = not self._offers_logprobs(questions[0], chosen[0])
            ranking = bool(self._ranking)
        return [
            self._write(q, shots, ranking=ranking)
            for q, shots in zip(questions, chosen, strict=True)
        ]

    def _write(
        self, question: Question, examples: Sequence[Question], *, ranking: bool
    ) -> list[_Turned]:
        wording: Wording = OwnWording(ranking=ranking)
        if self._template is not None:
            wording = TemplateWording(self._template)
        shots = [write_shot(wording, one) for one in examples]
        return write_requests(
            question, self._requested, ranking=ranking, wording=wording, shots=shots
        )

    def _require_unquoted(self, questions: Sequence[Question]) -> None:
        """Check that no question stands in what is said with every question."""
        if self._template is not None:
            one = self._template
            texts = "\n".join([one.instructions, one.question, one.separator])
            require_unquoted(questions, texts, file=self.settings.template or "")
        if self.settings.system:
            require_unquoted(questions, self.settings.system, file="system")

    def _read_one(self, question: Question, order: Sequence[int], reply: Reply) -> Reading:
        least = self.settings.min_letter_share
        return read_answer(self._own_part(reply), question, order, min_letter_share=least)

    def _is_unsure(self, readings: Sequence[Reading]) -> bool:
        """Return whether the letters hold too little probability, and the text names none."""
        return any(
            one.letter_share is not None and one.how not in ("logprobs", "strict")
            for one in readings
        )

    def _own_part(self, reply: Reply) -> Reply:
        """Return an answer without what a model that goes on with a text asks itself next."""
        is_plain = self._template is None and self._pool is None
        if self.settings.endpoint == "chat" or is_plain:
            return reply
        separator = self._template.separator if self._template is not None else "\n\n"
        text = reply.text.lstrip()
        own = text.split(separator, 1)[0] if separator else text
        return reply.model_copy(update={"text": own})

    def _offers_logprobs(self, question: Question, examples: Sequence[Question]) -> bool:
        """Find out by one request, once for an endpoint and such requests; it is kept."""
        while True:
            request = self._write(question, examples, ranking=False)[0][1]
            key = probe_key(self._requested, request)
            known = self._cache.get(key)
            refused = LogprobsRefusedError("")
            if known is not None and isinstance(known.get(_OFFERED), bool):
                offered = bool(known[_OFFERED])
                refused.limit = known.get(_LIMIT)
            elif self._offline:
                # So that a later run asks in the same way, and finds the answers.
                offered = False
                self._cache.put(key, {_OFFERED: offered, _LIMIT: None})
            else:
                try:
                    offered = self._asker.ask([request])[0].tokens is not None
                except LogprobsRefusedError as error:
                    offered, refused = False, error
                self._cache.put(key, {_OFFERED: offered, _LIMIT: refused.limit})
            if offered or not self._ask_for_fewer(refused):
                return offered

    def _require_readable(self, readings: Sequence[Reading]) -> None:
        """Check that a model which cannot be understood gives no result of ties."""
        if len(readings) < _MANY or any(one.how != "none" for one in readings):
            return
        said = next((one.text.strip() for one in readings if one.text.strip()), "")
        raise EndpointError(
            f"none of {len(readings)} answers could be parsed: "
            + (f"the first is {said[:80]!r}" if said else "all are empty"),
            hint="For reasoning models set `answers: ranking` and raise `max_tokens`; for "
            "others set a `template` or `system` that requests the letter only",
        )

    def _require_told(self, requests: Sequence[Request], replies: dict[str, Reply]) -> None:
        if all(replies[one.key].tokens is None for one in requests):
            raise logprobs_refused(self.settings, "the reply has none")
