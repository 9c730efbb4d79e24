"""Questions whose options are terms: causes and superlatives."""

from __future__ import annotations

from collections.abc import Iterator

from llmexam.authoring.generators.assembly import stable_random
from llmexam.authoring.generators.sentences.clauses import parse_clause
from llmexam.authoring.generators.sentences.distractors import (
    specific_words,
    surroundings,
    wrong_terms,
)
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.facts import (
    find_cause,
    find_superlative,
)
from llmexam.authoring.generators.sentences.options import Wrong, draw
from llmexam.authoring.generators.sentences.words import (
    content_stems,
    indefinite_article,
    upper_first,
)
from llmexam.authoring.item import Style

# Below this mean rarity of the words of a question, many terms would fit.
_LEAST_RARITY = 0.25


def write_cause(task: Task) -> Iterator[Draft]:
    """Yield "Which of the following causes ...?" for a sentence that names a cause."""
    found = find_cause(task.sentence.text, task.bank.lower_case)
    if found is None:
        return
    if has_tell(found.term, found.effect):
        task.reasons["the question contains the answer"] += 1
        return
    yield from term_drafts(
        task,
        "cause",
        f"Which of the following {found.verb} {found.effect}?",
        found.term,
        found.plural,
        article=found.article,
    )


def write_superlative(task: Task) -> Iterator[Draft]:
    """Yield "Which of the following is the largest ...?" for a sentence with a superlative."""
    clause = parse_clause(task.sentence.text, task.bank.lower_case)
    rest = find_superlative(clause) if clause is not None else None
    if clause is None or rest is None:
        return
    if has_tell(clause.term, rest):
        task.reasons["the question contains the answer"] += 1
        return
    yield from term_drafts(
        task,
        "comparison",
        f"Which of the following {clause.verb} {rest}?",
        clause.term,
        clause.plural,
        article=clause.article,
    )


def term_drafts(
    task: Task,
    style: Style,
    prompt: str,
    answer: str,
    plural: bool,
    *,
    article: str = "",
) -> Iterator[Draft]:
    """Yield the question with wrong terms, if enough of them are found.

    Args:
        task: Sentence and statistics.
        style: Style of the question.
        prompt: The question.
        answer: The right term.
        plural: Whether it is plural.
        article: Article of the answer in the sentence; all options get one of its kind.
    """
    rarity = mean_rarity(task, prompt)
    if rarity < _LEAST_RARITY:
        task.reasons["question not specific"] += 1
        return
    around = surroundings(task.bank, task.source.passage.text, prompt)
    found = wrong_terms(task.bank, answer, plural, around, most_together=2)
    shared = set(content_stems(prompt)) & set(content_stems(answer))
    wrong = []
    for similarity, term in found:
        if shared and not shared <= set(term.stems):
            continue
        if not _articles_match(article, term.article):
            continue
        wrong.append(Wrong(_option(term.text, article), f"term of {term.origin}", similarity))
    option = _option(answer, article)
    random_source = stable_random(task.seed, "terms", prompt, answer)
    chosen = draw(wrong, task.n_wrong, len(option), random_source)
    if chosen is None:
        task.reasons["too few distractors of the same kind"] += 1
        return
    yield Draft(style, upper_first(prompt), option, tuple(chosen), task.sentence.quote, rarity)


def mean_rarity(task: Task, text: str) -> float:
    """Return the mean inverse document frequency of the rarest words of a text."""
    idf = task.bank.idf
    words = specific_words(task.bank, text)
    return sum(float(idf[word]) for word in words) / max(len(words), 1)


def _articles_match(article: str, other: str) -> bool:
    """Return whether two terms take the same article: "a barometer" does not beside "erosion"."""
    return article.replace("an", "a") == other


def _option(term: str, article: str) -> str:
    if article in ("a", "an"):
        return f"{indefinite_article(term)} {term}"
    return f"{article} {term}" if article else term


def has_tell(answer: str, question: str) -> bool:
    """Return whether the question and the answer share a word, or a root: "mutagen", "mutation"."""
    own, other = set(content_stems(answer)), set(content_stems(question))
    return any(_share_root(left, right) for left in own for right in other)


_SHORTEST_ROOT = 4
_LONGEST_PREFIX = 3


def _share_root(left: str, right: str) -> bool:
    short, long = sorted((left, right), key=len)
    if len(short) <= _SHORTEST_ROOT:
        # "Ion" is in "anion", and not in "station".
        return long.endswith(short) and len(long) - len(short) <= _LONGEST_PREFIX
    if short[:_SHORTEST_ROOT] == long[:_SHORTEST_ROOT]:
        return True
    # "Agglutination" and "hemagglutination"; the ending of a stem may differ.
    return short[: max(_SHORTEST_ROOT + 1, len(short) - 2)] in long
