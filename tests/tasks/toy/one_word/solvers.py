"""Two solvers: one answers with a word of the prompt, the other always with the same word."""

from __future__ import annotations

from pydantic import Field

from llmexam.settings.base import Settings
from llmexam.solvers.text import Progress, TextSolver
from one_word.items import WordExam


class PromptWordSettings(Settings):
    """Settings of solver `prompt-word`."""

    position: int = Field(0, description="which word of the prompt; -1 is the last")


class PromptWord(TextSolver[WordExam]):
    """Answers with a word of the prompt, the first by default."""

    settings_class = PromptWordSettings

    def answer(self, items: WordExam, progress: Progress) -> list[str]:
        """Return a word of each prompt."""
        found = []
        for prompt in items.prompts:
            words = prompt.strip("?. ").split()
            position = self.settings.position
            found.append(words[position] if -len(words) <= position < len(words) else "")
            progress(len(found), len(items))
        return found


class ConstantSettings(Settings):
    """Settings of solver `constant`."""

    word: str = Field("yes", description="the answer to every question")


class Constant(TextSolver[WordExam]):
    """Answers every question with the same word."""

    settings_class = ConstantSettings

    def answer(self, items: WordExam, progress: Progress) -> list[str]:
        """Return the word for each question."""
        return [self.settings.word] * len(items)


SOLVERS: dict[str, type[TextSolver[WordExam]]] = {"prompt-word": PromptWord, "constant": Constant}
