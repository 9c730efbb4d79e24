"""A generator with fixed rules, and passages for it."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from llmexam.authoring.generators.protocol import Request, Written
from llmexam.authoring.item import AuthoredItem, Source
from llmexam.exam.question import Passage, Question


@dataclass
class ColourGenerator:
    """Asks for the colour of the thing in passages of the form 'The leaf is green.'"""

    name: str = "colours"
    version: str = "1"
    colours: list[str] = field(default_factory=list)

    def prepare(self, corpus: Iterable[Source]) -> None:
        found = {source.passage.text.split()[-1].strip(".") for source in corpus}
        self.colours = sorted(found)

    def write(self, sources: Iterable[Source], request: Request) -> Iterator[Written]:
        for source in sources:
            words = source.passage.text.strip(".").split()
            if len(words) != 4:
                yield Written(source, (), Counter({"no colour": 1}))
                continue
            others = [colour for colour in self.colours if colour != words[3]]
            options = (words[3], *others[: request.n_options - 1])
            question = Question(
                f"{source.passage.id}-{request.seed}",
                f"Which colour has the {words[1]}?",
                options,
                0,
                (source.passage,),
            )
            item = AuthoredItem(
                question,
                source.passage.text,
                source.cluster,
                "statement",
                self.name,
                self.version,
                ("", *(f"of {colour}" for colour in options[1:])),
            )
            yield Written(source, (item,))


@dataclass
class LengthCheck:
    """Rejects prompts with more letters than the limit."""

    limit: int = 30
    name: str = "length"
    rejects: bool = True

    def judge(self, items):
        return ["too long" if len(item.question.prompt) > self.limit else None for item in items]


@dataclass
class ColourCheck:
    """Rejects a colour."""

    colour: str = "red"
    name: str = "colour"
    rejects: bool = True

    def judge(self, items):
        return [
            f"is {self.colour}" if item.question.options[0] == self.colour else None
            for item in items
        ]


@dataclass
class DyingCheck:
    """Ends the process that judges, as the system does for lack of memory."""

    name: str = "dying"
    rejects: bool = True

    def judge(self, items):
        os._exit(9)


COLOURS = ("green", "red", "blue", "white", "black")


@pytest.fixture
def sources():
    things = [f"thing{i}" if i % 3 else f"very-{'long-' * 3}thing{i}" for i in range(1000)]
    return [
        Source(Passage(f"The {thing} is {COLOURS[i % 5]}.", id=f"p:{i}"), f"p{i // 10}")
        for i, thing in enumerate(things)
    ] + [Source(Passage("Nothing here has one colour alone.", id="p:x"), "px")]


@pytest.fixture
def generator(sources):
    made = ColourGenerator()
    made.prepare(sources)
    return made
