"""How a language model is asked for the prompt between two texts, as token ids.

Fine-tuning, few-shot and zero-shot recoverers share this layout, so that a model is asked as it
was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jinja2 import TemplateError
from pydantic import Field

from llmexam.errors import ModelError
from llmexam.settings.base import Settings
from llmexam.solvers.prompts.wording import Message, Shot, as_messages, as_text, without_system

INSTRUCTIONS = (
    "A language model was given an original text and a prompt, and wrote the rewritten text. "
    "Answer with that prompt: one short instruction, and nothing else."
)
_SEPARATOR = "\n\n"
_PLAIN_LABEL = "Prompt:"
# Turns of Gemma's chat format (ai.google.dev/gemma/docs/core/prompt-structure); base models and
# models made from GGUF files have no chat template that would render them.
_GEMMA_USER = "<start_of_turn>user\n{}<end_of_turn>\n"
_GEMMA_MODEL = "<start_of_turn>model\n"
_GEMMA_END = "<end_of_turn>"


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

    format: Literal["plain", "chat", "gemma"] = Field(
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
        if settings.format == "chat" and not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                "the model's tokenizer has no chat template",
                hint="Set `format: plain`, or `format: gemma` for a Gemma model",
            )
        self._tokenizer = tokenizer
        self._settings = settings
        self.n_cut = 0
        self.stop: tuple[str, ...] = {"plain": ("\n",), "gemma": (_GEMMA_END,), "chat": ()}[
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
        text = self._render(examples, asked)
        # A chat template contains the special tokens already.
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=self._settings.format != "chat", return_attention_mask=False
        )["input_ids"]
        last = {self._tokenizer.eos_token_id, getattr(self._tokenizer, "sep_token_id", None)}
        # Some tokenizers append an end token; it is removed, because an answer follows.
        return ids[:-1] if len(ids) > 1 and ids[-1] in last - {None} else ids

    def answer_ids(self, prompt: str) -> list[int]:
        """Return the token ids of an answer, with the tokens that end it: what is trained on.

        Args:
            prompt: The prompt.
        """
        text = one_line(prompt)
        if self._settings.format == "gemma":
            text += _GEMMA_END
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
        label = _PLAIN_LABEL if self._settings.format == "plain" else ""
        return (
            f"Original text:\n{self._cut(original)}\n\nRewritten text:\n{self._cut(rewritten)}"
            f"\n\n{label}"
        ).rstrip("\n")

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

    def _render(self, shots: Sequence[Shot], asked: str) -> str:
        instructions = self._settings.instructions
        if self._settings.format == "plain":
            return as_text(instructions, shots, asked, separator=_SEPARATOR)
        messages = as_messages(instructions, shots, asked)
        if self._settings.format == "gemma":
            return _as_gemma(messages)
        return self._as_chat(messages, add_generation_prompt=True)

    def _as_chat(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        try:
            return self._apply(messages, add_generation_prompt)
        except TemplateError as error:
            # Some chat templates reject a system message; it then opens the first turn.
            if messages[0]["role"] != "system":
                raise ModelError(f"the model's chat template fails: {error}") from None
            merged = without_system(messages, separator=_SEPARATOR)
            return self._as_chat(merged, add_generation_prompt=add_generation_prompt)

    def _apply(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        text: str = self._tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return text

    def _chat_answer(self, prompt: str) -> str:
        """Return an answer as the chat template ends it."""
        opening: list[Message] = [{"role": "user", "content": "?"}]
        asked = self._as_chat(opening, add_generation_prompt=True)
        answered = self._as_chat(
            [*opening, {"role": "assistant", "content": prompt}], add_generation_prompt=False
        )
        if not answered.startswith(asked):
            raise ModelError(
                "the model's chat template renders answers unlike what it asks for",
                hint="Set `format: plain`",
            )
        return answered[len(asked) :].rstrip("\n")


def one_line(prompt: str) -> str:
    """Return a prompt as one line, because a line break ends an answer.

    >>> one_line(" Rewrite  this. ")
    'Rewrite this.'
    """
    return " ".join(prompt.split())


def _as_gemma(messages: Sequence[Message]) -> str:
    if messages[0]["role"] == "system":
        messages = without_system(messages, separator=_SEPARATOR)
    turns = [
        _GEMMA_USER.format(one["content"])
        if one["role"] == "user"
        else f"{_GEMMA_MODEL}{one['content']}{_GEMMA_END}\n"
        for one in messages
    ]
    return "".join([*turns, _GEMMA_MODEL])
