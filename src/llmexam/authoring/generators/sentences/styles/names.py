"""Questions for the term that a text names or explains."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmexam.authoring.generators.assembly import stable_random
from llmexam.authoring.generators.sentences.distractors import surroundings
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.explained import Wanted, explained_terms
from llmexam.authoring.generators.sentences.facts import find_definition
from llmexam.authoring.generators.sentences.falsehoods import points_elsewhere
from llmexam.authoring.generators.sentences.naming import find_glosses, find_name
from llmexam.authoring.generators.sentences.options import draw
from llmexam.authoring.generators.sentences.senses import is_named_plural, sense_of
from llmexam.authoring.generators.sentences.styles.numbers import BLANK
from llmexam.authoring.generators.sentences.styles.terms import has_tell, mean_rarity
from llmexam.authoring.generators.sentences.terms import buckets
from llmexam.authoring.generators.sentences.words import is_plural
from llmexam.authoring.item import Style

# Below this mean rarity of the words of a question, many terms would fit.
_LEAST_RARITY = 0.35
# With fewer content words, an explanation fits many terms: "a property of mass".
_FEWEST_WORDS = 4
_ONE_OF_SEVERAL = re.compile(r"\b(?:third|fourth|fifth|alternative|built-in)\b")


def write_name(task: Task) -> Iterator[Draft]:
    """Yield "Which term completes the statement ...?" for a sentence that names a term."""
    text = task.sentence.text
    found = find_name(text)
    if found is None or points_elsewhere(text):
        return
    if is_named_plural(text) != found.plural:
        task.reasons["number of the term is not clear"] += 1
        return
    before = re.sub(r"\b([Aa])n? $", r"\1(n) ", text[: found.start])
    after = text[found.end :]
    if has_tell(found.term, before + after):
        task.reasons["the question contains the answer"] += 1
        return
    wanted = Wanted(
        found.term,
        found.plural,
        found.article.replace("an", "a"),
        frozenset(buckets(before + after)),
        sense_of(found.term, text),
    )
    prompt = f"Which term completes the statement “{before}{BLANK}{after}”?"
    yield from explained_drafts(task, "cloze", prompt, wanted)


def write_gloss(task: Task) -> Iterator[Draft]:
    """Yield "Which term refers to ...?" for terms that stand beside their explanation."""
    for gloss in find_glosses(task.sentence.text):
        if not has_tell(gloss.term, gloss.meaning):
            plural = is_plural(gloss.term.split(" ")[-1])
            yield from _term_of_meaning(task, gloss.term, plural, gloss.meaning)


def write_definition(task: Task) -> Iterator[Draft]:
    """Yield "Which term refers to ...?" for a sentence that defines a term."""
    found = find_definition(task.sentence.text, task.bank.lower_case)
    if found is None:
        return
    if has_tell(found.term, found.meaning):
        task.reasons["the question contains the answer"] += 1
        return
    yield from _term_of_meaning(task, found.term, found.plural, found.meaning)


def _term_of_meaning(task: Task, term: str, plural: bool, meaning: str) -> Iterator[Draft]:
    words = frozenset(buckets(meaning))
    wanted = Wanted(term, plural, None, words, sense_of(term, meaning))
    yield from explained_drafts(task, "definition", f"Which term refers to {meaning}?", wanted)


def explained_drafts(task: Task, style: Style, prompt: str, wanted: Wanted) -> Iterator[Draft]:
    """Yield the question with explained terms as wrong options, if enough are found."""
    if not wanted.sense:
        task.reasons["sort of thing not known"] += 1
        return
    rarity = mean_rarity(task, prompt)
    if (
        rarity < _LEAST_RARITY
        or len(wanted.words) < _FEWEST_WORDS
        or _ONE_OF_SEVERAL.search(prompt)
    ):
        task.reasons["question not specific"] += 1
        return
    around = surroundings(task.bank, task.source.passage.text, prompt)
    bank = task.bank
    # The words of the passage bring terms of its subject, those of the sentence of its kind.
    near = 0.5 * (task.vector + bank.vector(sorted(wanted.words)))
    wrong = explained_terms(bank.explained, bank.explained_vectors, near, wanted, around)
    random_source = stable_random(task.seed, "names", prompt, wanted.term)
    chosen = draw(wrong, task.n_wrong, len(wanted.term), random_source)
    if chosen is None:
        task.reasons["too few distractors of the same kind"] += 1
        return
    yield Draft(style, prompt, wanted.term, tuple(chosen), task.sentence.quote, rarity)
