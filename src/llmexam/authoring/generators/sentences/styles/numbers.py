"""Questions whose options are numbers with a unit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.falsehoods import points_elsewhere
from llmexam.authoring.generators.sentences.options import Wrong
from llmexam.authoring.generators.sentences.quantities import (
    Quantity,
    find_quantity,
    other_numbers,
)
from llmexam.authoring.generators.sentences.styles.terms import mean_rarity
from llmexam.authoring.generators.sentences.terms import bucket
from llmexam.authoring.generators.sentences.words import content_stems, lower_first

_LOCAL = re.compile(
    r"\((?:a|b|c|i)\)|\b(?:Calculate|Strategy|Solution|Significance|Determine|Find the|What is|"
    r"How (?:much|many|far|long|fast)|Suppose|Assume|Consider)\b"
)
_HOW = re.compile(
    r"(?P<subject>[A-Z][^,]{2,60}?) (?P<verb>is|are) (?P<about>about |"
    r"approximately |roughly |only )?"
    r"(?P<quantity>[\d][\d,.]*(?: (?:thousand|million|billion|trillion))? ?\S+) "
    r"(?P<word>thick|long|high|wide|deep|tall|old|across|in diameter|away)\b"
)
_RATIO = re.compile(
    r"(?P<subject>[A-Z][^,]{2,60}?) (?P<verb>is|are) (?P<about>about |approximately |roughly )?"
    r"(?P<number>\d[\d,.]*) times (?P<word>(?:more|less) \w+|\w+er|as \w+) (?P<than>than|as) "
    r"(?P<other>[^,]+)\."
)
BLANK = "_____"


def write_number(task: Task) -> Iterator[Draft]:
    """Yield a question for the number of a sentence."""
    text = task.sentence.text
    quantity = find_quantity(text)
    if quantity is None or _is_unclear(task, text) or _REPEATED.match(text[quantity.end :]):
        return
    if _LOCAL.search(task.source.passage.text):
        task.reasons["number of an exercise"] += 1
        return
    if mean_rarity(task, text) < 0.3 or len(content_stems(text)) < 5:
        task.reasons["question not specific"] += 1
        return
    prompt = _asked(task, text, quantity)
    if prompt is None:
        return
    numbers = other_numbers(quantity, task.n_wrong, task.seed, task.source.passage.text)
    if numbers is None:
        task.reasons["too few plausible numbers"] += 1
        return
    note = f"number exchanged for {quantity.number}"
    wrong = tuple(Wrong(f"{one}{quantity.rest}", note, 0.5) for one in numbers)
    answer = f"{quantity.number}{quantity.rest}"
    yield Draft("number", prompt, answer, wrong, task.sentence.quote, 0.5)


# The same quantity in another unit: "0.514 nm or 5.14 Å".
_REPEATED = re.compile(r",? or [\d.]")
_UNCLEAR = re.compile(
    r"(?:If|Given|By comparison|A competing|Similar)\b|"
    r"(?:About|Nearly|Over|Almost) [\d.,]+ [\w ]{3,20} "
    r"(?:is|are|was|were|have) "
)
# Numbers of a project, a machine or a story tell little about their subject.
_PASSING = re.compile(
    r"\b(?:telescopes?|spacecraft|landers?|probes?|missions?|observed|worldwide|launched|"
    r"[Aa]ccelerator|scientists?|proposed|test strip|explosion|built|completed|completion|"
    r"the size of|away from|each year)\b"
)
# A sentence that needs its context, or whose number is rough.
_VAGUE = re.compile(
    r"\b(?:they|them|[Ee]ven|similar|highly|estimated|"
    r"the (?:main|merger|organism|planet|secondary|disease|first \w+ of))\b"
)
_LEAST_RARE, _LEAST_RARE_WORDS = 0.42, 2


def _is_unclear(task: Task, text: str) -> bool:
    """Return whether a sentence does not tell alone what its number is of."""
    if points_elsewhere(text) or _UNCLEAR.match(text):
        return True
    if _PASSING.search(text) or _VAGUE.search(text):
        return True
    idf = task.bank.idf
    rare = {one for one in content_stems(text) if float(idf[bucket(one)]) >= _LEAST_RARE}
    return len(rare) < _LEAST_RARE_WORDS


def write_ratio(task: Task) -> Iterator[Draft]:
    """Yield "About how many times larger than ... is ...?"."""
    text = task.sentence.text
    match = _RATIO.fullmatch(text)
    quantity = find_quantity(text)
    if match is None or quantity is None or _LOCAL.search(task.source.passage.text):
        return
    if re.search(r"\b(?:that|can|which|is|are|was)\b", match["subject"]):
        return
    subject = _in_sentence(task, match["subject"])
    numbers = other_numbers(quantity, task.n_wrong, task.seed, task.source.passage.text)
    if numbers is None:
        task.reasons["too few plausible numbers"] += 1
        return
    about = "About how" if match["about"] else "How"
    prompt = (
        f"{about} many times {match['word']} {match['than']} {match['other']} "
        f"{match['verb']} {subject}?"
    )
    note = f"number exchanged for {quantity.number}"
    wrong = tuple(Wrong(f"{one} times", note, 0.5) for one in numbers)
    yield Draft("comparison", prompt, f"{quantity.number} times", wrong, task.sentence.quote, 0.5)


def _asked(task: Task, text: str, quantity: Quantity) -> str | None:
    """Return the question for a number, or None if the sentence does not allow one."""
    how = _HOW.fullmatch(text.removesuffix("."))
    if how is not None and not how["subject"].endswith((" that", " which")):
        word = {"across": "wide", "away": "far away", "in diameter": ""}.get(
            how["word"], how["word"]
        )
        if word:
            about = "Approximately how" if how["about"] else "How"
            return f"{about} {word} {how['verb']} {_in_sentence(task, how['subject'])}?"
    if quantity.start == 0:
        return None
    blanked = f"{text[: quantity.start]}{BLANK}{text[quantity.end :]}"
    return f"Which value completes the statement “{blanked}”?"


def _in_sentence(task: Task, phrase: str) -> str:
    first = phrase.split(" ", 1)[0]
    lowered = lower_first(phrase)
    if lowered == phrase and first.lower() in task.bank.lower_case and first[1:].islower():
        return phrase[0].lower() + phrase[1:]
    return lowered
