"""Tokenised prompts: instructions, examples, context, question and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from llmexam.errors import ModelError
from llmexam.exam.question import Question
from llmexam.lm.decoder import Continuation, whole_text
from llmexam.solvers.causal_lm.asking import Ask
from llmexam.solvers.prompts.template import PromptTemplate
from llmexam.solvers.prompts.wording import (
    Message,
    Shot,
    as_messages,
    as_text,
    without_system,
)

# Retries, because truncation may merge tokens at the cut and so save too few.
_MOST_CUTS = 6


@dataclass(frozen=True, slots=True)
class Prompted:
    """Tokenised requests of one prompt.

    Attributes:
        text: The prompt as text, without an answer.
        requests: One continuation per answer; without answers one of the whole text.
        n_cut: Truncated tokens of the context.
    """

    text: str
    requests: tuple[Continuation, ...]
    n_cut: int


class Prompter:
    """Renders and tokenises prompts for one model.

    Args:
        template: The prompt template.
        tokenizer: A fast tokenizer of transformers.
        max_tokens: Maximum number of tokens per request; None for no limit.
        n_passages: Maximum number of passages in the context, best first.
        chat: Whether to apply the model's chat template.
    """

    def __init__(
        self,
        template: PromptTemplate,
        tokenizer: Any,
        *,
        max_tokens: int | None,
        n_passages: int,
        chat: bool,
    ) -> None:
        if chat and not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                "the model's tokenizer has no chat template",
                hint="Set `chat: false`, or use an instruction-tuned model",
            )
        self._template = template
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._n_passages = n_passages
        self._chat = chat

    def prompts(
        self, question: Question | None, asks: Sequence[Ask], shots: Sequence[Shot]
    ) -> list[Prompted]:
        """Return the requests of a question's prompts, with the context truncated to fit.

        All prompts share one context, truncated at its end; otherwise a long option would be read
        with less evidence than the others.

        Args:
            question: The question with its passages; None for no context.
            asks: The prompts.
            shots: Few-shot examples, in order.

        Raises:
            ModelError: A prompt is too long even without context, or the chat template fails.
        """
        passages = question.passages[: self._n_passages] if question is not None else ()
        full = context = "\n".join(p.text.strip() for p in passages if p.text.strip())
        for _ in range(_MOST_CUTS):
            texts = [self._text(ask.names, context, shots) for ask in asks]
            requests = [
                self._requests(text, ask.answers) or (self._whole(text),)
                for text, ask in zip(texts, asks, strict=True)
            ]
            excess = self._excess([request for one in requests for request in one])
            if excess <= 0 or not context:
                break
            context = self._cut(context, excess)
        if excess > 0:
            subject = f"question '{question.id}'" if question is not None else "the prompt"
            raise ModelError(
                f"{subject} is {excess} tokens longer than the limit of "
                f"{self._max_tokens}, even without its evidence",
                hint=f"Use {'fewer examples, or ' if shots else ''}a model with a longer "
                "context, or remove the question",
            )
        n_cut = self._count(full) - self._count(context) if context != full else 0
        return [Prompted(text, one, n_cut) for text, one in zip(texts, requests, strict=True)]

    def _text(self, names: Mapping[str, Any], context: str, shots: Sequence[Shot]) -> str:
        template = self._template
        asked = template.render_question(context=context, **names)
        if not self._chat:
            return as_text(template.instructions, shots, asked, separator=template.separator)
        messages = as_messages(template.instructions, shots, asked)
        try:
            return self._as_chat(messages)
        except TemplateError:
            # Some chat templates reject a system message; it is then prepended to the first turn.
            if not template.instructions:
                raise
            return self._as_chat(without_system(messages, separator=template.separator))

    def _as_chat(self, messages: Sequence[Message]) -> str:
        text: str = self._tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True
        )
        return text

    def _requests(self, text: str, answers: Sequence[str]) -> tuple[Continuation, ...]:
        """Return prompt plus answer tokenised as one text, because tokens may span the boundary."""
        if not answers:
            return ()
        if self._chat:
            # After a chat template the answer starts a turn, so without a space.
            answers = [answer.lstrip() for answer in answers]
        # Trailing spaces of a prompt belong to the first token of the answer.
        body = text.rstrip(" ")
        spaces = text[len(body) :]
        before, *all_both = self._encode([body, *(body + spaces + answer for answer in answers)])
        return tuple(self._request(before, both) for both in all_both)

    def _request(self, before: Sequence[int], both: Sequence[int]) -> Continuation:
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, both, strict=False)) if a != b),
            min(len(before), len(both)),
        )
        if shared == len(both) and self._tokenizer.eos_token_id is not None:
            # A blank answer is scored as the end-of-text token.
            return Continuation((*both, self._tokenizer.eos_token_id), max(1, len(both)))
        start = min(shared, len(both) - 1)
        if start == 0:
            # The first token needs a predecessor: without a prompt, the begin-of-text token.
            return Continuation((self._first(), *both), 1)
        return Continuation(tuple(both), start)

    def _whole(self, text: str) -> Continuation:
        """Return a complete text, with the tokenizer's special tokens."""
        ids = self._tokenizer(text, add_special_tokens=not self._chat)["input_ids"]
        return whole_text(ids or [self._first()])

    def _first(self) -> int:
        for token in (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        raise ModelError(
            "the prompt is empty, and the tokenizer has no beginning-of-sequence token"
        )

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        # A chat template contains the special tokens already.
        rows: list[list[int]] = self._tokenizer(
            list(texts), add_special_tokens=not self._chat, return_attention_mask=False
        )["input_ids"]
        last = {self._tokenizer.eos_token_id, getattr(self._tokenizer, "sep_token_id", None)}
        if self._chat:
            return rows
        # Some tokenizers append an end token; it is removed, because an answer follows.
        return [
            ids[:-1] if len(ids) > 1 and ids[-1] in last - {None} else list(ids) for ids in rows
        ]

    def _excess(self, requests: Sequence[Continuation]) -> int:
        if self._max_tokens is None or not requests:
            return 0
        return max(len(request.tokens) for request in requests) - self._max_tokens

    def _cut(self, context: str, n_tokens: int) -> str:
        """Return a context without its last `n_tokens` tokens."""
        encoded = self._tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
        offsets = encoded["offset_mapping"]
        if n_tokens >= len(offsets):
            return ""
        return context[: offsets[len(offsets) - n_tokens][0]].rstrip()

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])
