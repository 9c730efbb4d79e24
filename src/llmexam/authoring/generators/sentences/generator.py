"""The generator `sentences`: from passages to questions by rules and corpus statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from llmexam.authoring.generators.assembly import assemble
from llmexam.authoring.generators.protocol import Request, Written
from llmexam.authoring.generators.sentences.bank import Bank, build_bank
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.selection import (
    Sentence,
    all_sentences,
    clean_sentences,
    tells_of_a_person,
)
from llmexam.authoring.generators.sentences.styles.exchanged import write_statement
from llmexam.authoring.generators.sentences.styles.names import (
    write_definition,
    write_gloss,
    write_name,
)
from llmexam.authoring.generators.sentences.styles.numbers import (
    write_number,
    write_ratio,
)
from llmexam.authoring.generators.sentences.styles.reasons import write_reason
from llmexam.authoring.generators.sentences.styles.terms import (
    write_cause,
    write_superlative,
)
from llmexam.authoring.generators.sentences.terms import buckets
from llmexam.authoring.item import AuthoredItem, Source, Style
from llmexam.errors import LlmExamError

WRITERS: dict[Style, tuple[Callable[[Task], Iterator[Draft]], ...]] = {
    "definition": (write_definition,),
    "cause": (write_cause, write_reason),
    "comparison": (write_ratio, write_superlative),
    "number": (write_number,),
    "statement": (write_statement,),
    "cloze": (write_name,),
}
"""The functions that write each style, in their order of preference."""
WRITERS_OF_ANY: dict[Style, tuple[Callable[[Task], Iterator[Draft]], ...]] = {
    "definition": (write_gloss,),
}
"""Functions that need a part of a sentence only, so that the rest may refer to its context."""


class SentenceGenerator:
    """Writes questions from sentences by rules, without a language model.

    Sentences that are understood alone give the questions. Wrong options are terms of the same sort
    from other passages, other numbers, reasons for other facts, and false statements.

    Attributes:
        name: `sentences`.
        version: Version of the rules.
    """

    name = "sentences"
    version = "3"

    def __init__(self, max_sentences: int = 200_000) -> None:
        """Make a generator.

        Args:
            max_sentences: Most sentences of the corpus to keep for wrong options.
        """
        self._max_sentences = max_sentences
        self._bank: Bank | None = None

    def prepare(self, corpus: Iterable[Source]) -> None:
        """Collect terms, definitions and statistics of a corpus, which is read once."""
        self._bank = build_bank(corpus, self._max_sentences)

    def write(self, sources: Iterable[Source], request: Request) -> Iterator[Written]:
        """Yield the questions of each source, in the order of the sources.

        Raises:
            LlmExamError: `prepare` was not called before.
        """
        if self._bank is None:
            raise LlmExamError(
                "expected a prepared generator, got one without a corpus",
                hint="Call prepare with the sources of the corpus first",
            )
        for source in sources:
            yield _write_passage(self._bank, source, request, self.name, self.version)


def _write_passage(
    bank: Bank, source: Source, request: Request, name: str, version: str
) -> Written:
    sentences, reasons = clean_sentences(source.passage.text)
    words = frozenset(buckets(source.passage.text))
    vector = bank.vector(sorted(words))
    n_wrong = request.n_options - 1

    def tasks_of(these: list[Sentence]) -> list[Task]:
        return [
            Task(bank, source, words, vector, one, n_wrong, request.seed, reasons) for one in these
        ]

    tasks, every = tasks_of(sentences), tasks_of(_with_parts(source.passage.text))
    chosen: list[Draft] = []
    for draft in _drafts(tasks, every, request.styles):
        if any(_repeats(draft, other) for other in chosen):
            continue
        chosen.append(draft)
        if len(chosen) == request.per_passage:
            break
    if len(chosen) < request.per_passage:
        reasons["passage has no more facts that the rules know"] += 1
    items = tuple(_item(draft, source, request.seed, name, version) for draft in chosen)
    return Written(source, items, reasons)


def _with_parts(text: str) -> list[Sentence]:
    """Return the sentences that may explain a term in commas or brackets."""
    if tells_of_a_person(text):
        return []
    return [one for one in all_sentences(text) if "(" in one.text or "," in one.text]


def _repeats(draft: Draft, other: Draft) -> bool:
    """Return whether two drafts ask the same, or in one style on one sentence."""
    if draft.prompt == other.prompt:
        return draft.answer == other.answer
    return draft.quote == other.quote and draft.style == other.style


def _drafts(tasks: list[Task], every: list[Task], styles: tuple[Style, ...]) -> Iterator[Draft]:
    """Yield drafts style by style: the first of each sentence before the second of any."""
    for style in styles:
        for writer in WRITERS[style]:
            for task in tasks:
                yield from writer(task)
        for writer in WRITERS_OF_ANY.get(style, ()):
            for task in every:
                yield from writer(task)


def _item(draft: Draft, source: Source, seed: int, name: str, version: str) -> AuthoredItem:
    return assemble(
        source,
        style=draft.style,
        prompt=draft.prompt,
        answer=draft.answer,
        distractors=[(one.text, one.note) for one in draft.wrong],
        quote=draft.quote,
        generator=name,
        version=version,
        seed=seed,
        difficulty=estimate_difficulty(draft),
    )


def estimate_difficulty(draft: Draft) -> float:
    """Return an estimate of difficulty from 0 to 1.

    The sum of 0.2, half the mean similarity of the wrong options to the answer, and 0.3 times
    the rarity of the words asked for (their scaled inverse document frequency). It ranks the
    questions of one set; it is not the share of people who answer wrongly.
    """
    nearness = sum(min(max(one.nearness, 0.0), 1.0) for one in draft.wrong) / len(draft.wrong)
    return round(0.2 + 0.5 * nearness + 0.3 * min(draft.rarity, 1.0), 3)
