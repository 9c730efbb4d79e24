"""What the corpus says about terms: their kinds, their numbers, and the words beside them."""

from __future__ import annotations

import heapq
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.clauses import Clause, parse_clause
from llmexam.authoring.generators.sentences.facts import (
    Definition,
    Reason,
    find_definition,
    find_reason,
)
from llmexam.authoring.generators.sentences.phrases import PhraseCounts
from llmexam.authoring.generators.sentences.selection import clean_sentences
from llmexam.authoring.generators.sentences.words import WORD, content_stems, is_plural, stem
from llmexam.authoring.item import Source

N_BUCKETS = 1 << 16
"""Words are counted by the hash of their stem, so memory does not grow with the corpus."""

N_DIMENSIONS = 96


def bucket(word_stem: str) -> int:
    """Return the bucket of a stem."""
    return zlib.crc32(word_stem.encode()) & (N_BUCKETS - 1)


def buckets(text: str) -> list[int]:
    """Return the buckets of the content words of a text, in order."""
    return [bucket(one) for one in content_stems(text)]


@dataclass(slots=True, eq=False)
class Term:
    """A term of the corpus.

    Attributes:
        text: The term as written in the middle of a sentence.
        plural: Whether it is plural.
        article: Its usual article: `a`, `the` or empty.
        stems: Stems of its words.
        kinds: What it is: endings, head nouns, and head nouns of its definitions.
        n_passages: Number of sampled passages whose sentences have it as subject.
        words: Buckets of all words of the passages that mention it.
        origin: Passage where it was found first, as a note tells it.
        clusters: Clusters of passages with it.
        row: Its row in the matrix of vectors.
    """

    text: str
    plural: bool
    article: str = ""
    stems: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    n_passages: int = 0
    words: set[int] = field(default_factory=set)
    origin: str = ""
    clusters: set[str] = field(default_factory=set)
    row: int = 0
    defined: bool = False

    @property
    def proper(self) -> bool:
        """Whether it starts with a capital."""
        return not self.text[0].islower()


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the corpus with its parts, and where it is from."""

    text: str
    origin: str
    cluster: str
    clause: Clause | None
    definition: Definition | None
    reason: Reason | None
    words: frozenset[int]


@dataclass(slots=True)
class Bank:
    """Terms, definitions, reasons and statements of a corpus, with vectors of terms.

    Attributes:
        terms: By their text in lower case.
        order: The terms in the order of the rows of `vectors`.
        by_kind: Rows of the terms of a kind.
        vectors: float32 `[n_terms, n_dimensions]`, of length 1.
        statements: All sampled statements.
        by_term: Statements whose subject, or defined term, is the term (in lower case).
        definitions: Statements that define a term.
        reasons: Statements with a reason.
        lower_case: Words that are written in lower case in the middle of sentences.
        idf: float32 `[n_buckets]`, the inverse document frequency of the words of a bucket.
    """

    terms: dict[str, Term]
    order: list[Term]
    by_kind: dict[str, NDArray[np.int64]]
    vectors: NDArray[np.float32]
    statements: list[Statement]
    by_term: dict[str, list[Statement]]
    definitions: list[Statement]
    reasons: list[Statement]
    lower_case: frozenset[str]
    idf: NDArray[np.float32]
    random_vectors: NDArray[np.float32]
    center: NDArray[np.float32] = field(default_factory=lambda: np.zeros(N_DIMENSIONS, np.float32))
    subjects: list[Term] = field(default_factory=list)
    subject_vectors: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, N_DIMENSIONS), np.float32)
    )
    matrices: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def matrix_of(self, statements: list[Statement]) -> NDArray[np.float32]:
        """Return the vectors of `definitions` or `reasons`, computed at the first call."""
        found = self.matrices.get(id(statements))
        if found is None:
            rows = [self.vector(sorted(one.words)) for one in statements]
            found = np.array(rows, dtype=np.float32).reshape(len(statements), N_DIMENSIONS)
            self.matrices[id(statements)] = found
        return found

    def vector(self, words: Iterable[int]) -> NDArray[np.float32]:
        """Return the vector of words: their random vectors, weighted by rarity, of length 1."""
        rows = np.fromiter(words, dtype=np.int64)
        if not len(rows):
            return np.zeros(N_DIMENSIONS, dtype=np.float32)
        total = self.idf[rows] @ self.random_vectors[rows]
        total = total / max(float(np.linalg.norm(total)), 1e-9) - self.center
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), dtype=np.float32)


@dataclass(slots=True)
class _Found:
    """A sentence kept by the sample, before it is parsed with all statistics."""

    text: str
    origin: str
    cluster: str


@dataclass(slots=True)
class _Passage:
    """The words of a passage of the sample."""

    words: NDArray[np.int32]
    origin: str
    cluster: str


def build_bank(corpus: Iterable[Source], max_sentences: int = 200_000, max_passages: int = 100_000) -> Bank:
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
    passages: list[tuple[int, int, _Passage]] = []
    phrases = PhraseCounts()
    n_passages = 0
    for n_passages, source in enumerate(corpus, start=1):
        text = source.passage.text
        words = np.array(buckets(text), dtype=np.int32)
        frequency[np.unique(words)] += 1
        _count_case(text, lower, upper)
        phrases.add(text)
        title = f" ({source.passage.title})" if source.passage.title else ""
        origin = f"passage {source.passage.id}{title}"
        _keep(passages, (-zlib.crc32(text.encode()), n_passages, _Passage(words, origin, source.cluster)), max_passages)
        for sentence in clean_sentences(text)[0]:
            if not _is_useful(sentence.text):
                continue
            key = -zlib.crc32(sentence.text.encode())
            found = _Found(sentence.text, origin, source.cluster)
            _keep(sample, (key, n_passages, found), max_sentences)
    lower_case = frozenset(word for word, count in lower.items() if count >= upper[word])
    idf = np.log((n_passages + 1) / (frequency + 1)).astype(np.float32)
    found = [one for *_, one in sorted(sample, key=lambda one: (-one[0], one[2].text, one[2].origin))]
    kept = [one for *_, one in sorted(passages, key=lambda one: (-one[0], one[2].origin))]
    return _finish(found, kept, phrases, lower_case, idf)


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
    return (
        parse_clause(text) is not None
        or find_definition(text, _NO_CASE) is not None
        or find_reason(text, _NO_CASE) is not None
    )


def _finish(
    sample: list[_Found],
    passages: list[_Passage],
    phrases: PhraseCounts,
    lower_case: frozenset[str],
    idf: NDArray[np.float32],
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
    terms, by_term = _collect_terms(statements)
    _add_phrases(terms, phrases)
    _add_mentions(terms, passages)
    order = sorted(terms.values(), key=lambda term: term.text)
    by_kind: dict[str, list[int]] = defaultdict(list)
    for row, term in enumerate(order):
        term.row = row
        for kind in sorted(term.kinds):
            by_kind[kind].append(row)
    random_vectors = (
        np.random.default_rng(0).standard_normal((N_BUCKETS, N_DIMENSIONS)).astype(np.float32)
    )
    bank = Bank(
        terms=terms,
        order=order,
        by_kind={kind: np.array(rows, dtype=np.int64) for kind, rows in by_kind.items()},
        vectors=np.zeros((0, N_DIMENSIONS), dtype=np.float32),
        statements=statements,
        by_term=by_term,
        definitions=[one for one in statements if one.definition is not None],
        reasons=[one for one in statements if one.reason is not None],
        lower_case=lower_case,
        idf=idf,
        random_vectors=random_vectors,
    )
    rows = [bank.vector(sorted(term.words)) for term in order]
    matrix = np.array(rows, dtype=np.float32).reshape(len(order), N_DIMENSIONS)
    if len(order):
        # What all texts share says nothing about how near two terms are.
        bank.center = matrix.mean(axis=0)
        matrix = matrix - bank.center
    bank.vectors = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    bank.subjects = [term for term in order if term.text.lower() in by_term]
    bank.subject_vectors = bank.vectors[[term.row for term in bank.subjects]]
    return bank


def _collect_terms(
    statements: list[Statement],
) -> tuple[dict[str, Term], dict[str, list[Statement]]]:
    """Return the terms that subjects and definitions name, and the statements on each."""
    terms: dict[str, Term] = {}
    by_term: dict[str, list[Statement]] = defaultdict(list)
    articles: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: dict[str, set[str]] = defaultdict(set)
    where: dict[str, set[str]] = defaultdict(set)
    for one in statements:
        found: set[tuple[str, bool]] = set()
        if one.clause is not None:
            found.add((one.clause.term, one.clause.plural))
            articles[one.clause.term.lower()][one.clause.article.replace("an", "a")] += 1
        if one.definition is not None:
            found.add((one.definition.term, one.definition.plural))
            if one.definition.kind:
                kinds[one.definition.term.lower()].add(f"is a {one.definition.kind}")
        for text, plural in sorted(found):
            name = text.lower()
            term = terms.get(name)
            if term is None:
                stems = tuple(stem(word) for word in WORD.findall(text))
                term = terms[name] = Term(text, plural, stems=stems, origin=one.origin)
            term.defined |= one.definition is not None and one.definition.term.lower() == name
            where[name].add(one.origin)
            term.clusters.add(one.cluster)
            by_term[name].append(one)
    for name, term in terms.items():
        term.n_passages = len(where[name])
        counts = articles[name]
        term.article = min(counts, key=lambda one: (-counts[one], one)) if counts else ""
        term.kinds = frozenset(kinds[name] | form_kinds(term.text))
    kept = {name: term for name, term in terms.items() if term.defined or term.n_passages >= 2}
    return kept, by_term


def _add_phrases(terms: dict[str, Term], phrases: PhraseCounts) -> None:
    for text in phrases.terms():
        if text.lower() in terms:
            continue
        stems = tuple(stem(word) for word in WORD.findall(text))
        kinds = frozenset(form_kinds(text))
        terms[text.lower()] = Term(
            text, is_plural(text), article=phrases.article(text), stems=stems, kinds=kinds
        )


def _add_mentions(terms: dict[str, Term], passages: list[_Passage]) -> None:
    """Add to each term the words of the passages that mention it."""
    by_words: dict[tuple[int, ...], list[Term]] = defaultdict(list)
    firsts: set[int] = set()
    for term in terms.values():
        words = tuple(buckets(term.text))
        if words:
            by_words[words].append(term)
            firsts.add(words[0])
    for found in passages:
        words = found.words.tolist()
        for start, first in enumerate(words):
            if first not in firsts:
                continue
            for length in range(1, 5):
                for term in by_words.get(tuple(words[start : start + length]), ()):
                    term.words.update(words)
                    term.clusters.add(found.cluster)
                    term.origin = term.origin or found.origin


_ENDINGS = (
    "itis osis emia ology graphy scopy metry meter scope phage virus cyte phil phile troph coccus "
    "bacter plasty ectomy oma pathy gen ogen ase ose ide ite ate ine ium tion sion ment ance ence "
    "ity ness ism ist ure ics sis lysis some plast cycle field force energy".split()
)


def form_kinds(text: str) -> set[str]:
    """Return the kinds that the form of a term tells: its head noun and its ending."""
    words = text.split(" ")
    head = stem(words[-1])
    kinds = set()
    if len(words) > 1:
        kinds.add(f"head {head}")
    else:
        kinds.add(f"is a {head}")
    ending = max((one for one in _ENDINGS if head.endswith(one) and len(head) > len(one) + 1), key=len, default="")
    if ending:
        kinds.add(f"ending -{ending}")
    if len(words) == 2 and words[0][0].isupper() and words[1].islower() and not ending:
        kinds.add("name and word")
    if len(words) == 1 and words[0][0].isupper() and not words[0].isupper():
        kinds.add("name")
    if len(words) == 1 and words[0].isupper():
        kinds.add("acronym")
    return kinds
