"""How a language model is asked for the prompt between two texts, as token ids.

Fine-tuning, few-shot and zero-shot recoverers share this layout, so that a model is asked as it
was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from llmexam.errors import ModelError
from llmexam.generation.turns import GEMMA_END, Format, Turns
from llmexam.settings.base import Settings
from llmexam.solvers.prompts.wording import Message, Shot

INSTRUCTIONS = (
    "A language model was given an original text and a prompt, and wrote the rewritten text. "
    "Answer with that prompt: one short instruction, and nothing else."
)
PLAIN_LABEL = "Prompt:"
_ANSWER_LABEL = "prompt:"
_QUOTES = {('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("`", "`")}


@dataclass(frozen=True, slots=True)
class Example:
    """A pair of texts and its prompt, shown before the question.

    Attributes:
        original: The original text.
        rewritten: The rewritten text.
        prompt: The prompt.
    """

    original: str
    rewritten: str
    prompt: str


class PromptingSettings(Settings):
    """How a language model is asked for a prompt."""

    format: Format = Field(
        "plain",
        description="plain: one text, for base models; chat: the chat template of the model's "
        "tokenizer; gemma: Gemma's turns, for Gemma models without a chat template",
    )
    instructions: str = Field(INSTRUCTIONS, description="instructions before the texts")
    max_text_tokens: int = Field(
        256, ge=8, description="tokens that are read of each text; the rest is cut off"
    )


class Prompter:
    """Renders and tokenizes the question for a prompt.

    Args:
        tokenizer: A fast tokenizer of transformers.
        settings: Format, instructions and limit.

    Attributes:
        n_cut: Texts that were cut so far.
        stop: Texts that end an answer, beside the tokenizer's end token.

    Raises:
        ModelError: The format is `chat`, and the tokenizer has no chat template.
    """

    def __init__(self, tokenizer: Any, settings: PromptingSettings) -> None:
        self._turns = Turns(tokenizer, settings.format)
        self._tokenizer = tokenizer
        self._settings = settings
        self.n_cut = 0
        self.stop: tuple[str, ...] = {"plain": ("\n",), "gemma": (GEMMA_END,), "chat": ()}[
            settings.format
        ]

    def encode(self, original: str, rewritten: str, shots: Sequence[Example] = ()) -> list[int]:
        """Return the token ids of the question, up to where the answer starts.

        Args:
            original: The original text.
            rewritten: The rewritten text.
            shots: Few-shot examples, in order.

        Raises:
            ModelError: The chat template fails.
        """
        examples = [
            Shot(self._question(one.original, one.rewritten), f" {one_line(one.prompt)}")
            for one in shots
        ]
        asked = self._question(original, rewritten)
        return self._turns.encode(self._settings.instructions, examples, asked)

    def answer_ids(self, prompt: str) -> list[int]:
        """Return the token ids of an answer, with the tokens that end it: what is trained on.

        Args:
            prompt: The prompt.
        """
        text = one_line(prompt)
        if self._settings.format == "gemma":
            text += GEMMA_END
        elif self._settings.format == "plain":
            text = f" {text}"
        else:
            text = self._chat_answer(text)
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=False, return_attention_mask=False
        )["input_ids"]
        end = self._tokenizer.eos_token_id
        # A turn ends with a special token; what ends with none would never stop.
        if end is not None and ids[-1] not in self._tokenizer.all_special_ids:
            ids = [*ids, int(end)]
        return ids

    def _question(self, original: str, rewritten: str) -> str:
        asked = question_of(self._cut(original), self._cut(rewritten))
        is_plain = self._settings.format == "plain"
        return f"{asked}\n\n{PLAIN_LABEL}" if is_plain else asked

    def _cut(self, text: str) -> str:
        limit = self._settings.max_text_tokens
        # A text of a megabyte need not be tokenized to its end: no token has so many characters.
        head = text[: limit * 64]
        offsets = self._tokenizer(head, add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        if len(offsets) <= limit and len(head) == len(text):
            return text.strip()
        self.n_cut += 1
        end = offsets[min(limit, len(offsets)) - 1][1] if offsets else 0
        return head[:end].strip()

    def _chat_answer(self, prompt: str) -> str:
        """Return an answer as the chat template ends it."""
        opening: list[Message] = [{"role": "user", "content": "?"}]
        asked = self._turns.as_chat(opening, add_generation_prompt=True)
        answered = self._turns.as_chat(
            [*opening, {"role": "assistant", "content": prompt}], add_generation_prompt=False
        )
        if not answered.startswith(asked):
            raise ModelError(
                "the model's chat template renders answers unlike what it asks for",
                hint="Set `format: plain`",
            )
        return answered[len(asked) :].rstrip("\n")


def question_of(original: str, rewritten: str) -> str:
    """Return the question for a prompt: both texts, each below its name."""
    return f"Original text:\n{original}\n\nRewritten text:\n{rewritten}"


def one_line(prompt: str) -> str:
    """Return a prompt as one line, because a line break ends an answer.

    >>> one_line(" Rewrite  this. ")
    'Rewrite this.'
    """
    return " ".join(prompt.split())


def bare_answer(text: str) -> str:
    """Return an answer as one line, without label, quotation marks and asterisks around it.

    >>> bare_answer('**Prompt:** "Rewrite this."')
    'Rewrite this.'
    """
    found = one_line(text.replace("\0", "")).replace("**", "")
    if found.casefold().startswith(_ANSWER_LABEL):
        found = found[len(_ANSWER_LABEL) :].strip()
    if len(found) > 1 and (found[0], found[-1]) in _QUOTES:
        found = found[1:-1].strip()
    return found
