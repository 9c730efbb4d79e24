"""What the corpus says about terms: their kinds, their numbers, and the words beside them."""

from __future__ import annotations

import heapq
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.clauses import parse_clause
from llmexam.authoring.generators.sentences.exchanges import Exchange, find_exchanges
from llmexam.authoring.generators.sentences.explained import Wanted, explained_terms
from llmexam.authoring.generators.sentences.facts import (
    find_definition,
    find_reason,
)
from llmexam.authoring.generators.sentences.falsehoods import (
    Falsehood,
    falsify,
    is_standalone,
    part_of,
)
from llmexam.authoring.generators.sentences.naming import find_name
from llmexam.authoring.generators.sentences.notions import (
    Notion,
    explained_terms_of,
    find_notions,
)
from llmexam.authoring.generators.sentences.options import Around
from llmexam.authoring.generators.sentences.phrases import PhraseCounts
from llmexam.authoring.generators.sentences.quantities import find_quantity
from llmexam.authoring.generators.sentences.selection import (
    clean_sentences,
    tells_of_a_person,
)
from llmexam.authoring.generators.sentences.senses import sense_of
from llmexam.authoring.generators.sentences.terms import (
    N_BUCKETS,
    Explained,
    PassageWords,
    Statement,
    Term,
    add_mentions,
    add_phrases,
    buckets,
    collect_terms,
)
from llmexam.authoring.generators.sentences.vectors import Space, fit_space, normalise
from llmexam.authoring.generators.sentences.words import WORD
from llmexam.authoring.item import Source


@dataclass(slots=True)
class Bank:
    """Terms, explanations, reasons and statements of a corpus, with vectors of terms.

    Attributes:
        terms: By their text in lower case.
        order: The terms in the order of the rows of `vectors`.
        by_kind: Rows of the terms of a kind.
        vectors: float32 `[n_terms, n_dimensions]`, of length 1.
        reasons: Statements with a reason.
        falsehoods: Sentences that an exchange has made false, with their vectors.
        explained: Terms that a sentence explains, with the vectors of the explanations.
        short_facts: Short statements that give neither a definition nor a reason.
        lower_case: Words that are written in lower case in the middle of sentences.
        idf: float32 `[n_buckets]`, the inverse document frequency of the words of a bucket,
            from 0 (in all passages) to 1 (in none).
    """

    terms: dict[str, Term]
    order: list[Term]
    by_kind: dict[str, NDArray[np.int64]]
    vectors: NDArray[np.float32]
    reasons: list[Statement]
    lower_case: frozenset[str]
    idf: NDArray[np.float32]
    passages: list[NDArray[np.int32]]
    space: Space
    short_facts: list[Statement]
    falsehoods: list[Falsehood]
    falsehood_vectors: NDArray[np.float32]
    explained: list[Explained]
    explained_vectors: NDArray[np.float32]
    matrices: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    beside: dict[int, frozenset[int]] = field(default_factory=dict)

    def matrix_of(self, statements: list[Statement]) -> NDArray[np.float32]:
        """Return the vectors of `reasons` or `short_facts`, computed at the first call."""
        found = self.matrices.get(id(statements))
        if found is None:
            rows = [self.vector(sorted(one.words)) for one in statements]
            width = self.space.words.shape[1]
            found = np.array(rows, dtype=np.float32).reshape(len(statements), width)
            self.matrices[id(statements)] = found
        return found

    def vector(self, words: Iterable[int]) -> NDArray[np.float32]:
        """Return the vector of a text with these words, to compare with those of terms."""
        vector = self.space.text(words)
        return np.asarray(normalise((vector - self.space.center)[None])[0], dtype=np.float32)

    def words_beside(self, term: Term) -> frozenset[int]:
        """Return the buckets of all words of the passages that mention a term."""
        found = self.beside.get(term.row)
        if found is None:
            rows = [self.passages[index] for index in term.mentions]
            words = np.unique(np.concatenate(rows)).tolist() if rows else []
            found = self.beside[term.row] = frozenset(words)
        return found


@dataclass(slots=True)
class _Found:
    """A sentence kept by the sample, before it is parsed with all statistics."""

    text: str
    origin: str
    cluster: str


def build_bank(
    corpus: Iterable[Source], max_sentences: int = 200_000, max_passages: int = 100_000
) -> Bank:
    """Return the statistics of a corpus, read once.

    Of the sentences that have a term as subject or give a definition or a reason, those with the
    smallest hashes are kept, so the sample does not depend on the order of the corpus and memory
    is bounded.

    Args:
        corpus: All passages.
        max_sentences: Most sentences to keep.
        max_passages: Most passages whose words are kept as the surroundings of terms.
    """
    lower: Counter[str] = Counter()
    upper: Counter[str] = Counter()
    frequency = np.zeros(N_BUCKETS, dtype=np.int32)
    sample: list[tuple[int, int, _Found]] = []
    passages: list[tuple[int, int, PassageWords]] = []
    phrases = PhraseCounts()
    notions: list[tuple[int, int, Notion]] = []
    numbers = count()
    n_passages = 0
    for source in corpus:
        n_passages += 1
        text = source.passage.text
        words = np.array(buckets(text), dtype=np.int32)
        frequency[np.unique(words)] += 1
        _count_case(text, lower, upper)
        if not tells_of_a_person(text):
            phrases.add(text)
        title = f" ({source.passage.title})" if source.passage.title else ""
        origin = f"passage {source.passage.id}{title}"
        _keep(
            passages,
            (
                -zlib.crc32(text.encode()),
                next(numbers),
                PassageWords(words, origin, source.cluster),
            ),
            max_passages,
        )
        for sentence in clean_sentences(text)[0]:
            if not _is_useful(sentence.text):
                continue
            key = -zlib.crc32(sentence.text.encode())
            found = _Found(sentence.text, origin, source.cluster)
            _keep(sample, (key, next(numbers), found), max_sentences)
        for explained in find_notions(text, origin):
            key = -zlib.crc32(repr(explained).encode())
            _keep(notions, (key, next(numbers), explained), max_sentences)
    lower_case = frozenset(word for word, count in lower.items() if count >= upper[word])
    idf = np.log((n_passages + 1) / (frequency + 1)) / np.log(n_passages + 2)
    idf = np.maximum(idf, 0.0).astype(np.float32)
    kept_sentences = [
        one for *_, one in sorted(sample, key=lambda one: (-one[0], one[2].text, one[2].origin))
    ]
    kept = [one for *_, one in sorted(passages, key=lambda one: (-one[0], one[2].origin))]
    found_notions = [one for *_, one in sorted(notions, key=lambda one: (-one[0], repr(one[2])))]
    return _finish(kept_sentences, kept, phrases, lower_case, idf, found_notions)


def _keep(heap: list[Any], entry: tuple[int, int, Any], most: int) -> None:
    """Add an entry to a heap that holds the entries with the smallest hashes."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    elif entry[0] > heap[0][0]:
        heapq.heapreplace(heap, entry)


def _count_case(text: str, lower: Counter[str], upper: Counter[str]) -> None:
    for word in WORD.findall(text):
        (lower if word[0].islower() else upper)[word.lower()] += 1


_NO_CASE: frozenset[str] = frozenset()


def _is_useful(text: str) -> bool:
    return bool(
        parse_clause(text) is not None
        or find_definition(text, _NO_CASE) is not None
        or find_reason(text, _NO_CASE) is not None
        or find_name(text) is not None
        or find_exchanges(text)
        or find_quantity(text) is not None
    )


def _finish(
    sample: list[_Found],
    passages: list[PassageWords],
    phrases: PhraseCounts,
    lower_case: frozenset[str],
    idf: NDArray[np.float32],
    notions: list[Notion],
) -> Bank:
    statements = []
    seen: set[str] = set()
    for found in sample:
        text = found.text
        if text in seen:
            continue
        seen.add(text)
        statements.append(
            Statement(
                text=text,
                origin=found.origin,
                cluster=found.cluster,
                clause=parse_clause(text, lower_case),
                definition=find_definition(text, lower_case),
                reason=find_reason(text, lower_case),
                words=frozenset(buckets(text)),
            )
        )
    terms = collect_terms(statements)
    add_phrases(terms, phrases, lower_case)
    add_mentions(terms, passages)
    order = sorted(terms.values(), key=lambda term: term.text)
    by_kind: dict[str, list[int]] = defaultdict(list)
    for row, term in enumerate(order):
        term.row = row
        for kind in sorted(term.kinds):
            by_kind[kind].append(row)
    words = [one.words for one in passages]
    space = fit_space(words, idf)
    rows = []
    for term in order:
        vector, term.focus = space.term(term.mentions)
        rows.append(vector)
    vectors = np.array(rows, dtype=np.float32).reshape(len(order), space.words.shape[1])
    falsehoods = [
        false
        for one in statements
        if (false := falsify(one.text, one.origin, _title_of(one), idf, lower_case)) is not None
    ]
    explained = explained_terms_of(statements, notions)
    bank = Bank(
        terms=terms,
        order=order,
        by_kind={kind: np.array(rows, dtype=np.int64) for kind, rows in by_kind.items()},
        vectors=vectors,
        reasons=[one for one in statements if one.reason is not None],
        short_facts=[one for one in statements if _is_short_fact(one)],
        lower_case=lower_case,
        idf=idf,
        passages=words,
        space=space,
        falsehoods=falsehoods,
        falsehood_vectors=np.zeros((0, space.words.shape[1]), dtype=np.float32),
        explained=explained,
        explained_vectors=np.zeros((0, space.words.shape[1]), dtype=np.float32),
    )
    bank.explained_vectors = _vectors(bank, [one.words for one in explained])
    bank.falsehoods += other_names(bank, statements)
    bank.falsehood_vectors = _vectors(bank, [one.words for one in bank.falsehoods])
    return bank


def _title_of(one: Statement) -> str:
    return one.origin.partition(" (")[2].removesuffix(")")


def _vectors(bank: Bank, rows: list[frozenset[int]]) -> NDArray[np.float32]:
    vectors = [bank.vector(sorted(words)) for words in rows]
    return np.array(vectors, dtype=np.float32).reshape(len(rows), bank.space.words.shape[1])


def other_names(bank: Bank, statements: list[Statement]) -> list[Falsehood]:
    """Return false forms of the sentences that name a term: with the term for something else."""
    found = []
    for one in statements:
        name = find_name(one.text)
        if name is None or not is_standalone(one.text, bank.idf, bank.lower_case):
            continue
        rest = one.text[: name.start] + one.text[name.end :]
        wanted = Wanted(
            name.term,
            name.plural,
            name.article.replace("an", "a"),
            frozenset(buckets(rest)),
            sense_of(name.term, one.text),
        )
        others = explained_terms(
            bank.explained,
            bank.explained_vectors,
            bank.vector(sorted(wanted.words)),
            wanted,
            Around(one.text.lower(), frozenset(), frozenset()),
        )
        if others:
            exchange = Exchange(name.start, name.end, others[0].text, "name")
            note = f"{exchange.note(one.text)} in {one.origin}"
            found.append(
                Falsehood(
                    exchange.apply(one.text),
                    note,
                    one.text,
                    _title_of(one),
                    frozenset(buckets(one.text)),
                    part_of(one.text),
                )
            )
    return found


def _is_short_fact(one: Statement) -> bool:
    return (
        one.clause is not None
        and one.reason is None
        and one.definition is None
        and one.text.count(" ") < 20
        and "," not in one.text
    )
