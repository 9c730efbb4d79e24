"""Questions that a language model writes from passages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from llmexam.authoring.generators.assembly import assemble, stable_random
from llmexam.authoring.generators.language_model.drafts import Draft, Reason, draft_of
from llmexam.authoring.generators.language_model.prompting import Prompting
from llmexam.authoring.generators.language_model.replies import read_reply, without_surrogates
from llmexam.authoring.generators.language_model.settings import LanguageModelSettings
from llmexam.authoring.generators.protocol import Request, Written
from llmexam.authoring.item import AuthoredItem, Source, Style
from llmexam.errors import SettingsError
from llmexam.exam.normalise import normalise
from llmexam.generation.writer import TextRequest, TextWriter, WritingForecast, WrittenText
from llmexam.storage.hashing import hash_json

NAME = "language-model"
T = TypeVar("T")
# Seeds of requests are this far apart, so that their draws differ.
_DRAWS_PER_SEED = 10_007


@dataclass(slots=True)
class _Slot:
    """One question to write from a passage."""

    source: Source
    style: Style
    number: int
    item: AuthoredItem | None = None


@dataclass(slots=True)
class _Work:
    """What is written of one passage."""

    source: Source
    slots: list[_Slot]
    reasons: Counter[str] = field(default_factory=Counter)
    questions: set[str] = field(default_factory=set)


class LanguageModelGenerator:
    """Writes whole questions with a language model.

    Each question has its own request. A draft that cannot be used is counted by reason and drawn
    again with another seed, at most `max_draws` times.

    Args:
        writer: The language model.
        settings: Number of draws, and lengths of passages.
    """

    def __init__(self, writer: TextWriter, settings: LanguageModelSettings | None = None) -> None:
        self._writer = writer
        self._settings = settings or LanguageModelSettings()
        self._prompting = Prompting("whole")

    @property
    def name(self) -> str:
        """Name of the generator with its model."""
        return f"{NAME}:{self._writer.name}"

    @property
    def version(self) -> str:
        """Version of the prompt, with a hash of the model and its sampling."""
        return version_of(self._prompting, self._writer, self._settings)

    def prepare(self, corpus: Iterable[Source]) -> None:
        """Return without reading: a language model needs no other passages."""

    def write(self, sources: Iterable[Source], request: Request) -> Iterator[Written]:
        """Yield one `Written` per source, in the order of the sources: see `Generator`.

        Raises:
            SettingsError: All styles of the request are `cloze`.
            EndpointError: The endpoint failed; answers that came before are cached.
            ModelError: The model cannot be loaded, or a passage is too long for it.
        """
        require_styles(request)
        for part in in_parts(sources, self._settings.together):
            works = [self._plan(source, request) for source in part]
            for number in range(self._settings.max_draws):
                open_slots = [
                    (work, slot) for work in works for slot in work.slots if slot.item is None
                ]
                if not open_slots:
                    break
                asked = [self._request(slot, request, number) for _, slot in open_slots]
                texts = self._writer.write(asked, no_progress)
                for (work, slot), text in zip(open_slots, texts, strict=True):
                    self._take(work, slot, text, request)
            for work in works:
                items = tuple(slot.item for slot in work.slots if slot.item is not None)
                yield Written(work.source, items, dict(work.reasons))

    def forecast(self, sources: Iterable[Source], request: Request) -> WritingForecast:
        """Return what writing takes, without asking the model.

        Expected are one answer per question and answers as long as those of the worked example;
        the maximum assumes `max_draws` answers of full length.
        """
        require_styles(request)
        total = WritingForecast(0, 0, 0, 0, 0)
        for part in in_parts(sources, self._settings.together):
            works = [self._plan(source, request) for source in part]
            asked = [self._request(slot, request, 0) for work in works for slot in work.slots]
            if asked:
                total = add_forecasts(
                    total, self._writer.forecast(asked), n_draws=self._settings.max_draws
                )
        return total

    def _plan(self, source: Source, request: Request) -> _Work:
        if problem := length_problem(source, self._settings):
            return _Work(source, [], Counter({problem: request.per_passage}))
        styles = styles_of(source, request)
        return _Work(
            source,
            [
                _Slot(source, styles[number % len(styles)], number)
                for number in range(request.per_passage)
            ],
        )

    def _request(self, slot: _Slot, request: Request, number: int) -> TextRequest:
        return self._prompting.request(
            slot.source.passage.text,
            slot.style,
            request.n_options,
            format=self._writer.format,
            subject=f"passage '{slot.source.passage.id}'",
            draw=draw_of(request, number * request.per_passage + slot.number),
        )

    def _take(self, work: _Work, slot: _Slot, text: WrittenText, request: Request) -> None:
        found = self._draft(slot, text, request)
        if isinstance(found, Draft) and normalise(found.prompt + found.answer) in work.questions:
            found = "repeated question"
        if not isinstance(found, Draft):
            work.reasons[found] += 1
            return
        if not found.is_exact:
            work.reasons["quote corrected"] += 1
        work.questions.add(normalise(found.prompt + found.answer))
        slot.item = assemble(
            slot.source,
            style=slot.style,
            prompt=found.prompt,
            answer=found.answer,
            distractors=[
                (text, note or f"written by {self._writer.name}")
                for text, note in found.distractors
            ],
            quote=found.quote,
            generator=self.name,
            version=self.version,
            seed=request.seed,
        )

    def _draft(self, slot: _Slot, text: WrittenText, request: Request) -> Draft | Reason:
        reply = completed(text, self._prompting, self._writer)
        if text.is_refused:
            return "refused"
        found = draft_of(
            read_reply(reply),
            slot.source.passage.text,
            request.n_options,
            examples=self._prompting.examples_of(slot.style),
        )
        # A cut answer counts as such only where the end is missed.
        return "cut off" if text.is_cut and not isinstance(found, Draft) else found


def version_of(prompting: Prompting, writer: TextWriter, settings: LanguageModelSettings) -> str:
    """Return the version of a prompt with a hash of the model and of what affects its answers."""
    hashed = hash_json([writer.version, settings.model_dump(mode="json", exclude={"together"})])
    return f"{prompting.version}+{hashed[:8]}"


def in_parts(stream: Iterable[T], n: int) -> Iterator[tuple[T, ...]]:
    """Yield runs of `n` elements, so that a stream is never held as a whole."""
    rest = iter(stream)
    while part := tuple(islice(rest, n)):
        yield part


def require_styles(request: Request) -> None:
    """Check that a request has a style that a language model writes.

    Raises:
        SettingsError: It asks for `cloze` only.
    """
    if set(request.styles) == {"cloze"}:
        raise SettingsError(
            "expected a style that a language model writes, got 'cloze' alone",
            field="styles",
            hint="Add another style, or use the generator 'sentences'",
        )


def styles_of(source: Source, request: Request) -> list[Style]:
    """Return the styles to write from a passage, in an order drawn by the seed.

    A language model can write every style from every passage, so drawing the order balances the
    styles. Numbers are asked for only where the passage has digits.
    """
    has_number = any(character.isdecimal() for character in source.passage.text)
    styles: list[Style] = [
        style for style in request.styles if style != "cloze" and (has_number or style != "number")
    ]
    styles = styles or ["definition"]
    stable_random(request.seed, "styles", source.passage.id).shuffle(styles)
    return styles


def length_problem(source: Source, settings: LanguageModelSettings) -> str | None:
    """Return why a passage is not used, or None."""
    n = len(source.passage.text)
    if n > settings.max_characters:
        return "passage too long"
    return "passage too short" if n < settings.min_characters else None


def draw_of(request: Request, number: int) -> int:
    """Return the number of a draw, different for each seed of the request."""
    return (request.seed * _DRAWS_PER_SEED + number) % 2**31


def completed(text: WrittenText, prompting: Prompting, writer: TextWriter) -> str:
    """Return an answer with the label that a plain prompt ends with."""
    answer = without_surrogates(text.text)
    if writer.format != "plain" or not answer.strip():
        return answer
    return f"{prompting.cue} {answer}"


def add_forecasts(
    total: WritingForecast, more: WritingForecast, *, n_draws: int
) -> WritingForecast:
    """Return the sum of two forecasts, where each answer of the second may be drawn repeatedly."""
    return replace(
        total,
        n_requests=total.n_requests + more.n_requests,
        n_cached=total.n_cached + more.n_cached,
        prompt_tokens=total.prompt_tokens + more.prompt_tokens,
        completion_tokens=total.completion_tokens + more.completion_tokens,
        max_completion_tokens=total.max_completion_tokens + n_draws * more.max_completion_tokens,
        cost=total.cost + more.cost,
        max_cost=total.max_cost + n_draws * more.max_cost,
    )


def no_progress(n_done: int, n_all: int) -> None:
    """Report nothing: callers count passages, not answers."""
