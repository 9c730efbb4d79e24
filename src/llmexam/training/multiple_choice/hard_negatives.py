"""More wrong options: those of other questions that are nearest to the right one."""

from __future__ import annotations

from collections import defaultdict

from llmexam.exam.exam import Exam
from llmexam.exam.letters import MAX_OPTIONS
from llmexam.exam.normalise import normalise
from llmexam.training.negatives import NegativesSettings, TextEncoder, options_of_others

# Found on top, because some are of the same prompt.
_SPARE = 10


def hard_negatives(
    exam: Exam,
    settings: NegativesSettings | None,
    *,
    encode: TextEncoder | None = None,
    seed: int = 0,
) -> list[list[str]]:
    """Return further wrong options for each question; there may be fewer than asked for.

    They come from questions with another prompt, for those of the same prompt may be right here
    too, and none says what an option of the question says.

    Args:
        exam: The training questions, with answers.
        settings: How many, and which; None gives none.
        encode: Texts to unit vectors: what is near. The bundled bi-encoder if not given.
        seed: Of the draw, if the settings ask for one.
    """
    if settings is None:
        return [[] for _ in exam]
    if encode is None:
        from llmexam.lm.embedding import load_embedder

        encode = load_embedder().encode
    of_prompt: defaultdict[str, set[str]] = defaultdict(set)
    for question in exam:
        of_prompt[normalise(question.prompt)].update(normalise(o) for o in question.options)
    more = settings.model_copy(update={"n": settings.n + _SPARE})
    found = options_of_others(exam.questions, more, encode=encode, seed=seed)
    kept = []
    for question, texts in zip(exam, found, strict=True):
        own = of_prompt[normalise(question.prompt)]
        room = min(settings.n, MAX_OPTIONS - len(question.options))
        kept.append([text for text in texts if normalise(text) not in own][:room])
    return kept
