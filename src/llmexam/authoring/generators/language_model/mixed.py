"""Questions of another generator, of which a language model writes a part.

Small models seldom write a whole question that can be used, but they turn a given sentence and
answer into a question, or name alternatives to an answer. The sentence, the answer and everything
else are those of the other generator, so the answer stays supported by the quote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from llmexam.authoring.generators.assembly import assemble
from llmexam.authoring.generators.language_model.drafts import (
    Reason,
    choose_distractors,
    gives_away,
    question_problem,
)
from llmexam.authoring.generators.language_model.generator import (
    NAME,
    add_forecasts,
    completed,
    draw_of,
    in_parts,
    no_progress,
    version_of,
)
from llmexam.authoring.generators.language_model.prompting import Prompting
from llmexam.authoring.generators.language_model.replies import read_reply, without_letters
from llmexam.authoring.generators.language_model.settings import LanguageModelSettings
from llmexam.authoring.generators.protocol import Generator, Request, Written
from llmexam.authoring.item import AuthoredItem, Source, Style
from llmexam.exam.normalise import normalise
from llmexam.generation.writer import TextRequest, TextWriter, WritingForecast, WrittenText
from llmexam.solvers.lexical.analysis import stop_terms, terms_of

# F1 of terms above which two answers are the same; two terms with one in common have 0.5.
_SAME_ANSWER = 0.5

WrittenPart = Literal["stem", "distractors"]


@dataclass(slots=True)
class _Task:
    """An item of the other generator, and what became of it."""

    place: int
    number: int
    item: AuthoredItem
    new: AuthoredItem | None = None


class MixedGenerator:
    """Lets a language model write the question text or the wrong options of other questions.

    Args:
        base: Generator of the questions.
        writer: The language model.
        part: What the model writes: `stem`, the question text; or `distractors`.
        settings: Number of draws, and lengths of passages.
    """

    def __init__(
        self,
        base: Generator,
        writer: TextWriter,
        part: WrittenPart,
        settings: LanguageModelSettings | None = None,
    ) -> None:
        self._base = base
        self._writer = writer
        self._part: WrittenPart = part
        self._settings = settings or LanguageModelSettings()
        self._prompting = Prompting(part)
        self._answering = Prompting("answer")

    @property
    def name(self) -> str:
        """Names of the other generator and of the model."""
        return f"{self._base.name}+{NAME}:{self._writer.name}"

    @property
    def version(self) -> str:
        """Versions of the other generator and of the prompt."""
        own = version_of(self._prompting, self._writer, self._settings)
        check = f"+{self._answering.version}" if self._checks else ""
        return f"{self._base.version}+{own}{check}"

    def prepare(self, corpus: Iterable[Source]) -> None:
        """Let the other generator read the corpus."""
        self._base.prepare(corpus)

    def write(self, sources: Iterable[Source], request: Request) -> Iterator[Written]:
        """Yield one `Written` per source, in the order of the sources: see `Generator`.

        Questions whose part the model did not write in `max_draws` draws are left out and counted.

        Raises:
            EndpointError: The endpoint failed; answers that came before are cached.
            ModelError: The model cannot be loaded, or a quote is too long for it.
        """
        for part in in_parts(self._base.write(sources, request), self._settings.together):
            reasons = [Counter(one.reasons) for one in part]
            tasks = self._tasks(part, reasons)
            for number in range(self._settings.max_draws):
                unwritten = [one for one in tasks if one.new is None]
                if not unwritten:
                    break
                asked = [self._request(one, request, number) for one in unwritten]
                texts = self._writer.write(asked, no_progress)
                drafts = [
                    self._read(task.item, text, request)
                    for task, text in zip(unwritten, texts, strict=True)
                ]
                if self._checks:
                    drafts = self._confirmed(drafts, [one.draw for one in asked])
                for task, found in zip(unwritten, drafts, strict=True):
                    if isinstance(found, AuthoredItem):
                        task.new = found
                    else:
                        reasons[task.place][found] += 1
            for place, one in enumerate(part):
                items = [task.new for task in tasks if task.place == place and task.new is not None]
                yield Written(one.source, tuple(items), dict(reasons[place]))

    def forecast(self, sources: Iterable[Source], request: Request) -> WritingForecast:
        """Return what the model's parts take, without asking it: see `LanguageModelGenerator`."""
        total = WritingForecast(0, 0, 0, 0, 0)
        for part in in_parts(self._base.write(sources, request), self._settings.together):
            tasks = self._tasks(part, [Counter() for _ in part])
            asked = [self._request(one, request, 0) for one in tasks]
            if self._checks:
                # With the questions of the other generator in place of those to be written.
                asked += [self._answering_request(one.item, 0) for one in tasks]
            if asked:
                total = add_forecasts(
                    total, self._writer.forecast(asked), n_draws=self._settings.max_draws
                )
        return total

    @property
    def _checks(self) -> bool:
        return self._part == "stem" and self._settings.round_trip

    def _tasks(self, part: tuple[Written, ...], reasons: list[Counter[str]]) -> list[_Task]:
        tasks = []
        for place, one in enumerate(part):
            for number, item in enumerate(one.items):
                # Its question is the same for every passage.
                if self._part == "stem" and item.style == "statement":
                    reasons[place]["statements have no question of their own"] += 1
                else:
                    tasks.append(_Task(place, number, item))
        return tasks

    def _request(self, task: _Task, request: Request, number: int) -> TextRequest:
        item = task.item
        return self._prompting.request(
            item.quote,
            item.style,
            len(item.question.options),
            format=self._writer.format,
            subject=f"passage '{item.question.passages[0].id}'",
            draw=draw_of(request, number * request.per_passage + task.number),
            question=item.question.prompt,
            answer=_answer(item),
        )

    def _read(
        self, item: AuthoredItem, text: WrittenText, request: Request
    ) -> AuthoredItem | Reason:
        if text.is_refused:
            return "refused"
        reply = completed(text, self._prompting, self._writer)
        if self._part == "stem":
            stem = read_stem(reply)
            examples = self._prompting.examples_of(item.style)
            problem = stem_problem(stem, _answer(item), item.quote, examples)
            if problem is not None:
                return "cut off" if text.is_cut and problem == "no question" else problem
            return self._assembled(item, request, prompt=stem, distractors=_distractors(item))
        options = without_letters(read_reply(f"Question: ?\n{reply}").wrong)
        chosen = choose_distractors(_answer(item), options, len(item.question.options))
        if isinstance(chosen, str):
            return "cut off" if text.is_cut else chosen
        return self._assembled(item, request, prompt=item.question.prompt, distractors=chosen)

    def _confirmed(
        self, drafts: Sequence[AuthoredItem | Reason], draws: Sequence[int]
    ) -> list[AuthoredItem | Reason]:
        """Return drafts, without those that the model itself answers in another way."""
        checked = [
            (item, self._answering_request(item, draw))
            for item, draw in zip(drafts, draws, strict=True)
            if isinstance(item, AuthoredItem)
        ]
        if not checked:
            return list(drafts)
        texts = self._writer.write([asked for _, asked in checked], no_progress)
        agrees = {
            item.question.id: same_answer(read_answer(text.text), _answer(item))
            for (item, _), text in zip(checked, texts, strict=True)
        }
        return [
            "question has another answer"
            if isinstance(one, AuthoredItem) and not agrees[one.question.id]
            else one
            for one in drafts
        ]

    def _answering_request(self, item: AuthoredItem, draw: int) -> TextRequest:
        return self._answering.request(
            item.quote,
            item.style,
            len(item.question.options),
            format=self._writer.format,
            subject=f"passage '{item.question.passages[0].id}'",
            draw=draw,
            question=item.question.prompt,
        )

    def _assembled(
        self,
        item: AuthoredItem,
        request: Request,
        *,
        prompt: str,
        distractors: tuple[tuple[str, str], ...],
    ) -> AuthoredItem:
        style: Style = item.style
        if self._part == "stem" and style == "cloze":
            style = "definition"
        return assemble(
            Source(item.question.passages[0], item.cluster),
            style=style,
            prompt=prompt,
            answer=_answer(item),
            distractors=[
                (text, note or f"written by {self._writer.name}") for text, note in distractors
            ],
            quote=item.quote,
            generator=self.name,
            version=self.version,
            seed=request.seed,
            difficulty=item.difficulty,
        )


def read_stem(text: str) -> str:
    r"""Return the question of an answer, up to its question mark; empty without one.

    >>> read_stem("Sure! Here it is:\n**Question:** What melts? It is ice.")
    'What melts?'
    """
    named = read_reply(text).question
    lines = [named] if named else [line.strip() for line in text.splitlines()]
    found = next((line for line in lines if "?" in line), "")
    return found[: found.index("?") + 1] if found else ""


def stem_problem(
    stem: str, answer: str, quote: str, examples: tuple[str, ...] = ()
) -> Reason | None:
    """Return why a question text cannot be used for an answer, or None.

    Args:
        stem: The question text.
        answer: The right option.
        quote: The text that answers the question.
        examples: Questions of the prompt's examples.
    """
    if problem := question_problem(stem, quote, examples):
        return problem
    return "gives the answer away" if gives_away(stem, answer) else None


def read_answer(text: str) -> str:
    r"""Return the first line of an answer, without its label.

    >>> read_answer("Answer: 30 metres\nIt is long.")
    '30 metres'
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    return first.strip().removeprefix("Answer:").strip()


def same_answer(answer: str, key: str) -> bool:
    """Return whether an answer has the words of a key and few others.

    Measured is the F1 score of their terms, as for answers in SQuAD, without stop words.

    >>> same_answer("larger than 30 meters", "30 meters"), same_answer("10 meters", "30 meters")
    (True, False)
    """
    given, wanted = (set(terms_of(text)) - stop_terms() for text in (answer, key))
    if not wanted or not given:
        return normalise(answer) == normalise(key)
    f1 = 2 * len(given & wanted) / (len(given) + len(wanted))
    return f1 > _SAME_ANSWER


def _answer(item: AuthoredItem) -> str:
    assert item.question.answer is not None
    return item.question.options[item.question.answer]


def _distractors(item: AuthoredItem) -> tuple[tuple[str, str], ...]:
    pairs = zip(item.question.options, item.distractor_notes, strict=True)
    return tuple(one for place, one in enumerate(pairs) if place != item.question.answer)
