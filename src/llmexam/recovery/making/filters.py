"""What is kept of a model's answers: no refusals, echoes, openings, and texts that were cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmexam.exam.normalise import normalise
from llmexam.generation.writer import WrittenText
from llmexam.recovery.making.pairs import Pair
from llmexam.recovery.wording import has_preamble, is_blank, is_refusal, without_preamble

Verdict = Literal["kept", "refused", "blank", "cut", "preamble", "echoed", "duplicate"]
Preambles = Literal["strip", "drop", "keep"]


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer after the filters.

    Attributes:
        verdict: Why it is left out, or "kept".
        text: The rewritten text; empty if it is left out.
        is_stripped: Whether an opening such as "Sure, here is:" was removed.
    """

    verdict: Verdict
    text: str = ""
    is_stripped: bool = False


class Filter:
    """Judges answers one after the other; a text that an earlier answer had is a duplicate.

    Args:
        preambles: What to do with openings such as "Sure, here is the poem:": strip them and drop
            answers where they cannot be told from the text, drop all such answers, or keep them.
    """

    def __init__(self, preambles: Preambles = "strip") -> None:
        self._preambles = preambles
        self._seen: set[str] = set()

    def judge(self, pair: Pair, made: WrittenText) -> Judged:
        """Return what an answer is worth.

        Args:
            pair: The text and the prompt.
            made: The answer.
        """
        text = made.text.strip()
        if made.is_refused:
            return Judged("refused")
        if made.is_cut:
            return Judged("cut")
        if is_blank(text):
            return Judged("blank")
        # A text that apologises is rewritten as one.
        if is_refusal(text) and not is_refusal(pair.text):
            return Judged("refused")
        is_stripped = False
        if self._preambles != "keep" and has_preamble(text) and not has_preamble(pair.text):
            bare = without_preamble(text) if self._preambles == "strip" else None
            if bare is None or is_blank(bare):
                return Judged("preamble")
            text, is_stripped = bare, True
        plain = normalise(text)
        if plain in (normalise(pair.text), normalise(pair.prompt)):
            return Judged("echoed")
        if plain in self._seen:
            return Judged("duplicate")
        self._seen.add(plain)
        return Judged("kept", text, is_stripped)
