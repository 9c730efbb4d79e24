"""Passages, and a language model that answers as told."""

import pytest

from llmexam.authoring.generators.assembly import assemble
from llmexam.authoring.generators.protocol import Written
from llmexam.authoring.item import Source
from llmexam.exam.question import Passage
from llmexam.generation.writer import WritingForecast, WritingUsage, WrittenText

FLOATS = "Ice floats on water, because it is less dense than water, whose molecules are closer."
SINKS = "Iron sinks in water, because a litre of it weighs 7.9 kilograms, and water 1 kilogram."


def passage(text, name="a/1"):
    return Source(Passage(text * 2, id=name), name.partition("/")[0])


@pytest.fixture
def sources():
    return [passage(f"{FLOATS} ", "a/1"), passage(f"{SINKS} ", "a/2"), passage("Short.", "b/1")]


class Scripted:
    """A model that answers by a function of the request; it counts what it is asked."""

    def __init__(self, answer, format="chat"):
        self.name = "scripted"
        self.version = "1"
        self.format = format
        self.answer = answer
        self.asked = []

    def write(self, requests, progress):
        self.asked += requests
        answers = [self.answer(one) for one in requests]
        return [one if isinstance(one, WrittenText) else WrittenText(one) for one in answers]

    def forecast(self, requests):
        n = len(requests)
        return WritingForecast(n, 0, 100 * n, 10 * n, 20 * n, 1.0 * n, 2.0 * n)

    @property
    def usage(self):
        return WritingUsage(len(self.asked), 0, 0, 0)

    def used(self):
        return f"{len(self.asked)} texts"


class Fixed:
    """A generator that writes one cloze question about each passage."""

    name = "fixed"
    version = "fixed-1"

    def __init__(self):
        self.prepared = 0

    def prepare(self, corpus):
        self.prepared += len(list(corpus))

    def write(self, sources, request):
        for source in sources:
            text = source.passage.text
            item = assemble(
                source,
                style="cloze" if "Ice" in text else "statement",
                prompt=f"____ {text.partition(' ')[2]}",
                answer=text.split()[0],
                distractors=[("Gold", "another metal"), ("Sand", "a rock")],
                quote=text.split(",")[0],
                generator=self.name,
                version=self.version,
                seed=request.seed,
            )
            yield Written(source, (item,), {"no number": 1})


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def base():
    return Fixed()
