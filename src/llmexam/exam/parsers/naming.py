"""Names of the fields of public exams, compared without case, spaces and underscores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from string import ascii_lowercase
from typing import NamedTuple

from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS
from llmexam.exam.normal_forms import normal_form

PROMPTS = (
    *("question", "prompt", "query", "questiontext", "questionstem", "stem", "qtext", "problem"),
    *("problemstatement", "ctx", "input", "goal", "premise", "sentence", "q", "content", "text"),
    *(
        "title",
        "citingprompt",
        "題目內容",
        "题目内容",
        "題目",
        "题目",
        "問題",
        "问题",
        "pregunta",
        "frage",
    ),
    *("domanda", "pergunta", "вопрос", "질문", "문제", "enunciado"),
    # Where there is nothing else, the beginning that is to be continued.
    *("context",),
)
OPTION_LISTS = (
    *("options", "choices", "answerchoices", "answeroptions", "endings", "alternatives"),
    *("candidates", "possibleanswers", "multiplechoice", "mcoptions", "optionslist", "choice"),
    *("option", "answers", "responses", "选项", "選項", "opciones", "opcoes"),
)
OPTION_PREFIXES = (
    *("", "option", "op", "opt", "choice", "ending", "answer", "answeroption", "answerchoice"),
    *("ans", "sol", "solution", "alternative", "alt", "candidate", "選項", "选项", "opcion"),
    *("opcao", "antwort", "opzione", "reponse", "mcanswer", "holding"),
)
ANSWERS = (
    *("answer", "answerkey", "answerletter", "correctanswer", "correctoption", "correctchoice"),
    *("rightanswer", "correctletter", "correct", "answeridx", "answerindex", "correctindex"),
    *(
        "correctanswernum",
        "correctansweridx",
        "correctanswerindex",
        "correctoptionindex",
        "correctanswerid",
        "cop",
    ),
    *("ra", "key", "ans", "gold", "goldlabel", "goldanswer", "goldindex", "target", "label"),
    *("labels", "ideal", "groundtruth", "expectedanswer", "answertext", "correctanswers"),
    *("correctoptions", "correctanswerkey", "solution", "rightoption", "answers"),
    *("正確答案", "正确答案", "答案", "respuesta", "respuestacorrecta", "respostacorreta"),
    *("richtigeantwort", "lösung", "bonnereponse", "risposta", "gabarito", "ответ", "정답", "正解"),
)
DISTRACTORS = (
    *("distractors", "incorrectanswers", "wronganswers", "incorrectoptions", "wrongoptions"),
    *("incorrectchoices", "falseanswers", "incorrect", "wrong"),
)
DISTRACTOR_PREFIXES = (
    *("distractor", "incorrectanswer", "wronganswer", "incorrectoption", "wrongoption"),
    *("incorrect", "wrong", "falseanswer"),
)
RIGHT_TEXTS = (
    "correctanswer",
    "correctoption",
    "correct",
    "rightanswer",
    "answer",
    "bestanswer",
    "rightoption",
    "correctanswertext",
)
PASSAGES = (
    *("passage", "passages", "article", "support", "fact1", "fact2", "background"),
    *(
        "backgrounddescription",
        "florespassage",
        "narrative",
        "paragraph",
        "story",
        "contexts",
        "documents",
    ),
)
CONTEXTS = ("context",)
IDS = ("id", "questionid", "qid", "qsid", "exampleid", "sampleid", "recordid", "itemid", "uuid")
_REMARK = re.compile(r"( [-\u2013] .*| ?\([^()]*\))+$")
_SEPARATORS = re.compile(r"[\s_\-./:?()\[\]]+")


def folded(name: str) -> str:
    """Return a name without case, accents on Latin letters, spaces and punctuation.

    >>> folded("Correct Answer"), folded("question_stem"), folded("answerKey")
    ('correctanswer', 'questionstem', 'answerkey')
    """
    if name.isascii():
        return _SEPARATORS.sub("", name).casefold()
    decomposed = normal_form(name, "NFKD")
    plain = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    return _SEPARATORS.sub("", normal_form(plain, "NFC")).casefold()


class Names:
    """The names of a file's fields, found by any spelling.

    Args:
        actual: The names as the file spells them.
    """

    def __init__(self, actual: Iterable[str]) -> None:
        self.actual = tuple(dict.fromkeys(actual))
        self._by_folded: dict[str, str] = {}
        for name in self.actual:
            self._by_folded.setdefault(folded(name), name)
        for name in self.actual:
            # "Answer 1 - max 75 characters", "Correct answer(s)"
            self._by_folded.setdefault(folded(_REMARK.sub("", name)), name)

    def find(self, name: str) -> str | None:
        """Return the file's spelling of a name, or None."""
        return self._by_folded.get(name)

    def first(self, names: Iterable[str], without: Iterable[str] = ()) -> str | None:
        """Return the first of several names that the file has."""
        taken = set(without)
        found = (self._by_folded.get(name) for name in names)
        return next((name for name in found if name is not None and name not in taken), None)

    def series(self, prefixes: Sequence[str]) -> Series:
        """Return the columns of the longest series such as A, B, ... or option1, option2, ..."""
        best = Series((), "", "")
        for prefix in prefixes:
            for labels in _labels(prefix):
                found = [self._by_folded.get(prefix + label) for label in labels]
                n = found.index(None) if None in found else len(found)
                columns = tuple(name for name in found[:n] if name is not None)
                if len(columns) >= MIN_OPTIONS and len(columns) > len(best.columns):
                    # A single letter may be anything, unless it is a capital as the first is.
                    beyond = [name for name in found[n:] if name and name.isupper()]
                    beyond = [name for name in found[n:] if name] if prefix else beyond
                    gap = prefix + labels[n] if n < len(labels) else ""
                    best = Series(columns, gap, beyond[0] if beyond else "")
        return best


class Series(NamedTuple):
    """Columns that are called one after the other.

    Attributes:
        columns: Their names; empty if there is no series.
        gap: The name that would follow.
        beyond: A column after the gap, or empty.
    """

    columns: tuple[str, ...]
    gap: str
    beyond: str


def _labels(prefix: str) -> Iterator[Sequence[str]]:
    yield ascii_lowercase
    if prefix:
        for first in (0, 1):
            yield [str(i) for i in range(first, MAX_OPTIONS + first)]
