"""Instructions, examples and a question as the token ids that a local language model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from jinja2 import TemplateError

from llmexam.errors import ModelError
from llmexam.solvers.prompts.wording import Message, Shot, as_messages, as_text, without_system

Format = Literal["plain", "chat", "gemma"]
"""plain: one text, for base models; chat: the chat template of the model's tokenizer; gemma: the
turns of Gemma, for Gemma models without a chat template."""

SEPARATOR = "\n\n"
# Turns of Gemma's chat format (ai.google.dev/gemma/docs/core/prompt-structure); base models and
# models made from GGUF files have no chat template that would render them.
_GEMMA_USER = "<start_of_turn>user\n{}<end_of_turn>\n"
_GEMMA_MODEL = "<start_of_turn>model\n"
GEMMA_END = "<end_of_turn>"


class Turns:
    """Renders and tokenizes what a language model answers to.

    Args:
        tokenizer: A tokenizer of transformers.
        format: How turns are written.

    Raises:
        ModelError: The format is `chat`, and the tokenizer has no chat template.
    """

    def __init__(self, tokenizer: Any, format: Format) -> None:
        if format == "chat" and not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                "the model's tokenizer has no chat template",
                hint="Set `format: plain`, or `format: gemma` for a Gemma model",
            )
        self._tokenizer = tokenizer
        self._format = format

    def encode(self, instructions: str, shots: Sequence[Shot], asked: str) -> list[int]:
        """Return the token ids up to where the answer starts.

        Args:
            instructions: Instructions at the start, the system message of a chat; may be empty.
            shots: Examples, in order.
            asked: The question.

        Raises:
            ModelError: The chat template fails.
        """
        text = self.render(instructions, shots, asked)
        # A chat template contains the special tokens already.
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=self._format != "chat", return_attention_mask=False
        )["input_ids"]
        last = {self._tokenizer.eos_token_id, getattr(self._tokenizer, "sep_token_id", None)}
        # Some tokenizers append an end token; it is removed, because an answer follows.
        return ids[:-1] if len(ids) > 1 and ids[-1] in last - {None} else ids

    def render(self, instructions: str, shots: Sequence[Shot], asked: str) -> str:
        """Return the text up to where the answer starts; the arguments are those of `encode`."""
        if self._format == "plain":
            return as_text(instructions, shots, asked, separator=SEPARATOR)
        messages = as_messages(instructions, shots, asked)
        if self._format == "gemma":
            return _as_gemma(messages)
        return self.as_chat(messages, add_generation_prompt=True)

    def as_chat(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        """Return messages as the chat template of the tokenizer renders them.

        Args:
            messages: The messages.
            add_generation_prompt: Whether to append the start of the model's turn.

        Raises:
            ModelError: The chat template fails.
        """
        try:
            return self._apply(messages, add_generation_prompt)
        except TemplateError as error:
            # Some chat templates reject a system message; it then opens the first turn.
            if messages[0]["role"] != "system":
                raise ModelError(f"the model's chat template fails: {error}") from None
            merged = without_system(messages, separator=SEPARATOR)
            return self.as_chat(merged, add_generation_prompt=add_generation_prompt)

    def _apply(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        text: str = self._tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return text


def _as_gemma(messages: Sequence[Message]) -> str:
    if messages[0]["role"] == "system":
        messages = without_system(messages, separator=SEPARATOR)
    turns = [
        _GEMMA_USER.format(one["content"])
        if one["role"] == "user"
        else f"{_GEMMA_MODEL}{one['content']}{GEMMA_END}\n"
        for one in messages
    ]
    return "".join([*turns, _GEMMA_MODEL])
