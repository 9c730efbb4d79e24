"""Rewrites as training examples: the question for the prompt, then the prompt, which is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.recovery.prompting import Prompter, PromptingSettings
from llmexam.recovery.rewrites import RewriteExam

Ints = NDArray[np.int64]


class AnswerSettings(Protocol):
    """What is needed of the settings of a family.

    Attributes:
        prompting: Prompt template.
        max_prompt_tokens: Maximum number of target tokens per row.
    """

    @property
    def prompting(self) -> PromptingSettings: ...  # noqa: D102 - described above

    @property
    def max_prompt_tokens(self) -> int: ...  # noqa: D102 - described above


@dataclass(frozen=True, slots=True)
class Example:
    """A rewrite as token ids.

    Attributes:
        ids: Tokens of the question, then those of the prompt, shape `[n_tokens]`.
        start: Where the prompt starts.
    """

    ids: Ints
    start: int

    @property
    def n_tokens(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @property
    def targets(self) -> Ints:
        """Tokens that are learned."""
        return self.ids[self.start :]


class Examples(Sequence[Example]):
    """The examples of rewrites with known prompts.

    Args:
        items: The rewrites.
        settings: Format and limits.
        tokenizer: A fast tokenizer of transformers.
        longest: Context length of the model in tokens; None without a limit.

    Attributes:
        n_tokens: Tokens of each example, shape `[n_rows]`.
        n_targets: Tokens that are learned of each example, shape `[n_rows]`.
        texts_cut: How many of both texts of each row are cut: 0, 1 or 2, shape `[n_rows]`.
        n_prompts_cut: Number of rows whose prompt is cut.

    Raises:
        ExamError: The prompt of a row is not known.
        ModelError: An example is longer than the model's context.
    """

    def __init__(
        self,
        items: RewriteExam,
        settings: AnswerSettings,
        tokenizer: Any,
        longest: int | None,
    ) -> None:
        prompter = Prompter(tokenizer, settings.prompting)
        self._examples: list[Example] = []
        self.n_prompts_cut = 0
        cut = []
        for row, prompt in zip(items, items.prompts, strict=True):
            before = prompter.n_cut
            question = prompter.encode(row.original, row.rewritten)
            cut.append(prompter.n_cut - before)
            answer = prompter.answer_ids(prompt)
            if len(answer) > settings.max_prompt_tokens:
                answer = answer[: settings.max_prompt_tokens]
                self.n_prompts_cut += 1
            ids = np.array([*question, *answer], dtype=np.int64)
            if longest is not None and len(ids) > longest:
                raise ModelError(
                    f"the row with id '{row.id}' has {len(ids)} tokens, more than the model's "
                    f"limit of {longest}",
                    hint="Lower prompting.max_text_tokens",
                )
            self._examples.append(Example(ids, len(question)))
        self.n_tokens = np.array([one.n_tokens for one in self], dtype=np.int64)
        self.n_targets = np.array([len(one.targets) for one in self], dtype=np.int64)
        self.texts_cut = np.array(cut, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, row: Any) -> Any:
        return self._examples[row]


def cut_notes(examples: Examples, settings: AnswerSettings) -> tuple[str, ...]:
    """Return how many texts and prompts of the training rows are cut, for the user."""
    n = len(examples)
    notes = []
    if n_cut := int((examples.texts_cut > 0).sum()):
        limit = settings.prompting.max_text_tokens
        notes.append(f"a text of {n_cut} of {n} training rows was cut to {limit} tokens")
    if n_cut := examples.n_prompts_cut:
        limit = settings.max_prompt_tokens
        notes.append(f"the prompt of {n_cut} of {n} training rows was cut to {limit} tokens")
    return tuple(notes)
