"""Terms and statements of a corpus: what names them, what kinds they are, where they occur."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.clauses import Clause
from llmexam.authoring.generators.sentences.facts import Definition, Reason
from llmexam.authoring.generators.sentences.phrases import PhraseCounts
from llmexam.authoring.generators.sentences.senses import sense_of
from llmexam.authoring.generators.sentences.words import WORD, content_stems, is_plural, stem

N_BUCKETS = 1 << 16
"""Words are counted by the hash of their stem, so memory does not grow with the corpus."""


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
        mentions: Indices of the sampled passages that mention it.
        origin: Passage where it was found first, as a note tells it.
        clusters: Clusters of passages with it.
        row: Its row in the matrix of vectors.
        defined: Whether a sentence defines it.
        focus: How near to each other the passages are that mention it, from 0 to 1.
    """

    text: str
    plural: bool
    article: str = ""
    stems: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    n_passages: int = 0
    mentions: list[int] = field(default_factory=list)
    origin: str = ""
    clusters: set[str] = field(default_factory=set)
    row: int = 0
    defined: bool = False
    focus: float = 0.0

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


@dataclass(frozen=True, slots=True)
class Explained:
    """A term that a sentence of the corpus explains.

    Attributes:
        term: The term.
        plural: Whether it is plural.
        article: Its article in the sentence: `a`, `the` or empty.
        stems: Stems of its words.
        words: Buckets of the words that explain it.
        explanation: The words that explain it.
        origin: The passage, as a note tells it.
        sense: What sort of thing it names; empty if that is not known.
    """

    term: str
    plural: bool
    article: str
    stems: tuple[str, ...]
    words: frozenset[int]
    explanation: str
    origin: str
    sense: str

    def names(self, answer: str) -> bool:
        """Return whether the explanation names another term: "a kind of ..."."""
        return answer.lower() in self.explanation.lower()


def explain(term: str, article: str, explanation: str, origin: str) -> Explained:
    """Return a term with its explanation."""
    own = tuple(stem(word) for word in WORD.findall(term))
    words = frozenset(buckets(explanation)) - {bucket(one) for one in own}
    plural = is_plural(term.split(" ")[-1])
    sense = sense_of(term, explanation)
    article = article.replace("an", "a")
    return Explained(term, plural, article, own, words, explanation, origin, sense)


@dataclass(slots=True)
class PassageWords:
    """The words of a passage of the sample."""

    words: NDArray[np.int32]
    origin: str
    cluster: str


def collect_terms(statements: list[Statement]) -> dict[str, Term]:
    """Return the terms that subjects and definitions name."""
    terms: dict[str, Term] = {}
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
    for name, term in terms.items():
        term.n_passages = len(where[name])
        counts = articles[name]
        term.article = min(counts, key=lambda one: (-counts[one], one)) if counts else ""
        term.kinds = frozenset(kinds[name] | form_kinds(term.text))
    return {name: term for name, term in terms.items() if term.defined or term.n_passages >= 2}


def add_phrases(terms: dict[str, Term], phrases: PhraseCounts, lower_case: frozenset[str]) -> None:
    """Add frequent noun phrases; a common word with a capital is from a heading, not a name."""
    for term in terms.values():
        term.kinds |= phrases.uses(term.text)
    for text in phrases.terms():
        first = text.split(" ", 1)[0]
        if text.lower() in terms or (first.istitle() and first.lower() in lower_case):
            continue
        stems = tuple(stem(word) for word in WORD.findall(text))
        kinds = frozenset(form_kinds(text) | phrases.uses(text))
        terms[text.lower()] = Term(
            text,
            is_plural(text.split(" ")[-1]),
            article=phrases.article(text),
            stems=stems,
            kinds=kinds,
        )


def add_mentions(terms: dict[str, Term], passages: list[PassageWords]) -> None:
    """Add to each term the words of the passages that mention it."""
    by_words: dict[tuple[int, ...], list[Term]] = defaultdict(list)
    firsts: set[int] = set()
    for term in terms.values():
        words = tuple(buckets(term.text))
        if words:
            by_words[words].append(term)
            firsts.add(words[0])
    for index, found in enumerate(passages):
        words = found.words.tolist()
        for start, first in enumerate(words):
            if first not in firsts:
                continue
            for length in range(1, 5):
                for term in by_words.get(tuple(words[start : start + length]), ()):
                    if not term.mentions or term.mentions[-1] != index:
                        term.mentions.append(index)
                    term.clusters.add(found.cluster)
                    term.origin = term.origin or found.origin


_ENDINGS = [
    "itis",
    "osis",
    "emia",
    "ology",
    "graphy",
    "scopy",
    "metry",
    "meter",
    "scope",
    "phage",
    "virus",
    "cyte",
    "phil",
    "phile",
    "troph",
    "coccus",
    "bacter",
    "plasty",
    "ectomy",
    "oma",
    "pathy",
    "gen",
    "ogen",
    "ase",
    "ose",
    "ide",
    "ite",
    "ate",
    "ine",
    "ium",
    "tion",
    "sion",
    "ment",
    "ance",
    "ence",
    "ity",
    "ness",
    "ism",
    "ist",
    "ure",
    "ics",
    "sis",
    "lysis",
    "some",
    "plast",
    "cycle",
    "field",
    "force",
    "energy",
]


def form_kinds(text: str) -> set[str]:
    """Return the kinds that the form of a term tells: its head noun and its ending."""
    words = text.split(" ")
    head = stem(words[-1])
    kinds = set()
    if len(words) > 1:
        kinds.add(f"head {head}")
    else:
        kinds.add(f"is a {head}")
    ending = max(
        (one for one in _ENDINGS if head.endswith(one) and len(head) > len(one) + 1),
        key=len,
        default="",
    )
    if ending:
        kinds.add(f"ending -{ending}")
    if len(words) == 2 and words[0][0].isupper() and words[1].islower() and not ending:
        kinds.add("name and word")
    if len(words) == 1 and words[0][0].isupper() and not words[0].isupper() and not ending:
        kinds.add("name")
    if len(words) == 1 and words[0].isupper():
        kinds.add("acronym")
    return kinds
