"""Helpers of the cleaning tests: documents, and a corpus with known duplicates."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

from llmexam.collecting.cleaning.plan import parse_plan
from llmexam.collecting.cleaning.step import Cleaner, Outcome, Part, Step
from llmexam.collecting.document import Document


def document(text: str, *, id: str = "a:1", section: str = "") -> Document:
    return Document(id, "Title", section, text, "", "", "", "", "")


def clean_text(step: str, text: str, *, section: str = "", **settings: object) -> Outcome:
    """Return what a step without a view of the corpus does to a text."""
    (one,) = parse_plan({"steps": [{step: settings}]}).steps
    one.check()
    return one.cleaner(Part(0)).clean(document(text, section=section), 0)


class KillingStep(Step):
    """Kills the process that uses it, as the system does for lack of memory."""

    def cleaner(self, part: Part) -> Cleaner:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def made_texts(n: int, *, seed: int = 0) -> list[str]:
    """Return texts of 40 words, of which each tenth is nearly an earlier one, with a footer."""
    generator = random.Random(seed)
    vocabulary = [f"word{i}" for i in range(3000)]
    texts: list[str] = []
    for i in range(n):
        if i % 10 == 9:
            words = texts[generator.randrange(len(texts))].split("\n")[0].split()
            words[generator.randrange(len(words))] = "changed"
        else:
            words = generator.choices(vocabulary, k=40)
        texts.append(" ".join(words) + "\nThis footer stands below each page.")
    return texts


def write_corpus(path: Path, texts: list[str]) -> Path:
    rows = (
        {
            "id": f"p:{i}",
            "title": f"T{i % 7}",
            "text": text,
            "licence": "CC BY 4.0",
            "book": f"b{i % 3}",
        }
        for i, text in enumerate(texts)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
