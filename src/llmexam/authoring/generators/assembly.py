"""Put the parts of a question together: stable ids, and a drawn position of the answer."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

from llmexam.authoring.item import AuthoredItem, Source, Style
from llmexam.exam.question import Question


def assemble(
    source: Source,
    *,
    style: Style,
    prompt: str,
    answer: str,
    distractors: Sequence[tuple[str, str]],
    quote: str,
    generator: str,
    version: str,
    seed: int,
    difficulty: float | None = None,
) -> AuthoredItem:
    """Return a question whose options are in an order drawn by the seed.

    The order depends on the seed and the id of the question only. The id is derived from the
    passage, the prompt and the answer, so the same question has the same id in every run.

    Args:
        source: The passage that the question is from.
        style: Style of the question.
        prompt: The question text.
        answer: The right option.
        distractors: Wrong options, each with the note on its source or refutation.
        quote: Text of the passage that supports the answer, word for word.
        generator: Name of the generator.
        version: Version of its rules or prompts.
        seed: Random seed of the request.
        difficulty: Estimated difficulty from 0 to 1, or None.

    Raises:
        ValueError: The quote is not in the passage, or two options are equal.
    """
    texts = [answer, *(text for text, _ in distractors)]
    if quote not in source.passage.text:
        raise ValueError(f"expected a quote from passage '{source.passage.id}', got {quote!r}")
    if len(set(texts)) < len(texts):
        raise ValueError(f"expected different options, got {texts!r}")
    name = question_id(source, generator, prompt, answer)
    order = list(range(len(texts)))
    stable_random(seed, "order", name).shuffle(order)
    notes = ["", *(note for _, note in distractors)]
    return AuthoredItem(
        question=Question(
            id=name,
            prompt=prompt,
            options=tuple(texts[index] for index in order),
            answer=order.index(0),
            passages=(source.passage,),
        ),
        quote=quote,
        cluster=source.cluster,
        style=style,
        generator=generator,
        prompt_version=version,
        distractor_notes=tuple(notes[index] for index in order),
        difficulty=difficulty,
    )


def question_id(source: Source, generator: str, prompt: str, answer: str) -> str:
    """Return the id of a question: 16 hexadecimal digits of a hash of what defines it."""
    parts = (source.passage.id, source.passage.text, generator, prompt, answer)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def stable_random(seed: int, *parts: str) -> random.Random:
    """Return a random generator that depends on the seed and these texts only.

    Processes and Python versions agree on it, which `hash()` of a text does not give.
    """
    text = "\0".join((str(seed), *parts))
    return random.Random(hashlib.blake2b(text.encode(), digest_size=16).digest())
