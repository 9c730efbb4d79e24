"""Training questions as requests to a decoder, with the tokens to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.lm.decoder import Continuation, build_trie
from llmexam.solvers.causal_lm.asking import Asking, asking_of
from llmexam.solvers.causal_lm.checks import require_telling
from llmexam.solvers.causal_lm.prompting import Prompted, Prompter
from llmexam.solvers.prompts.template import PromptTemplate, read_template
from llmexam.training.prompts.settings import ExampleSettings, PromptSettings

# Template modes that each objective supports.
_MODES = {
    "answer": ("letters", "options", "yes-no"),
    "option-likelihood": ("letters", "options"),
    "binary": ("yes-no",),
    "binary-head": ("binary-head",),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a question, and its contribution to the score of an option.

    Attributes:
        request: The tokens, with the target tokens or a binary head as target.
        option: The option whose score it contributes to.
        length: Divisor of its log-likelihood.
        sign: 1, or -1 if it counts against the option.
    """

    request: Continuation
    option: int
    length: int = 1
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Example:
    """A question as one training example.

    Attributes:
        parts: Its requests, which share a prefix.
        n_options: Number of options.
        answer: Index of the right option.
        n_cut: Truncated tokens of the context.
    """

    parts: tuple[Part, ...]
    n_options: int
    answer: int
    n_cut: int = 0

    @property
    def n_targets(self) -> int:
        """Number of target tokens, or of texts for a binary head."""
        return sum(len(part.request.targets) for part in self.parts)


class ExampleMaker:
    """Creates examples for one model, with the prompts of solver `causal-lm`.

    Args:
        settings: Prompt settings and objective.
        tokenizer: A fast tokenizer of transformers.
        longest: Context length in tokens; None without a limit.
        template: The template of the settings, if already loaded.

    Raises:
        SettingsError: The template is invalid, or does not match the objective.
        ModelError: The tokenizer lacks something that the settings require.
    """

    def __init__(
        self,
        settings: ExampleSettings,
        tokenizer: Any,
        longest: int | None,
        template: PromptTemplate | None = None,
    ) -> None:
        self._settings = settings
        self._template = template or read_template(settings.encoding.template)
        _require_mode(settings, self._template)
        self._asking = asking_for(self._template, settings.encoding)
        require_telling(self._asking, self._template, settings.encoding.template)
        self._prompter = prompter_for(self._template, settings.encoding, tokenizer, longest)
        self._end = tokenizer.eos_token_id if settings.end_token else None

    def make(self, question: Question) -> Example:
        """Return the example of a question.

        Raises:
            ModelError: It is too long even without its context.
        """
        asked = self._prompter.prompts(question, self._asking.asks(question), ())
        answer = question.answer or 0
        if self._settings.objective == "answer":
            parts = self._right_answers(asked, answer)
        elif self._settings.objective == "binary":
            parts = _verdicts(asked)
        elif self._settings.objective == "binary-head":
            parts = [Part(one.requests[0], option) for option, one in enumerate(asked)]
        else:
            parts = self._options(asked[0], question)
        return Example(tuple(parts), len(question.options), answer, max(one.n_cut for one in asked))

    def _right_answers(self, asked: list[Prompted], answer: int) -> list[Part]:
        if self._template.mode == "yes-no":
            right = [one.requests[int(i != answer)] for i, one in enumerate(asked)]
        else:
            right = [asked[0].requests[answer]]
        end = () if self._end is None else (self._end,)
        return [Part(Continuation((*r.tokens, *end), r.start), answer) for r in right]

    def _options(self, asked: Prompted, question: Question) -> list[Part]:
        norm = self._settings.encoding.norm if self._template.mode == "options" else "sum"
        parts = []
        for option, request in enumerate(asked.requests):
            length = 1
            if norm == "token":
                length = len(request.targets)
            elif norm == "byte":
                length = max(1, len(question.options[option].encode()))
            parts.append(Part(request, option, length))
        return parts


class Examples:
    """The training questions; examples are created when they are drawn.

    Attributes:
        n_tokens: Computed tokens of each question, shape `[n_questions]`.
        n_targets: Target tokens, or texts for a binary head, shape `[n_questions]`.
        n_cut: Truncated tokens of each question's context, shape `[n_questions]`.
    """

    def __init__(self, exam: Exam, settings: ExampleSettings, maker: ExampleMaker) -> None:
        self._questions = exam.questions
        self._settings = settings
        self._maker = maker
        # Reused for all orders of the options, which change the counts very little.
        self._kept = [maker.make(question) for question in exam]
        self.n_tokens = np.array([count_tokens(one) for one in self._kept], dtype=np.int64)
        self.n_targets = np.array([one.n_targets for one in self._kept], dtype=np.int64)
        self.n_cut = np.array([one.n_cut for one in self._kept], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._questions)

    def draw(self, row: int, epoch: int) -> Example:
        """Return the example of a question in an epoch; it depends only on seed, epoch and row."""
        order = self._settings.option_order
        if order == "kept":
            return self._kept[row]
        question = self._questions[row]
        n_options = len(question.options)
        draw = np.random.default_rng([self._settings.seed, epoch, row])
        if order == "shuffled":
            places = draw.permutation(n_options)
        else:
            places = np.roll(np.arange(n_options), int(draw.integers(n_options)))
        return self._maker.make(question.with_option_order(places.tolist()))


def count_tokens(example: Example) -> int:
    """Return the number of computed tokens of an example."""
    return build_trie([part.request for part in example.parts]).n_nodes


def asking_for(template: PromptTemplate, encoding: PromptSettings) -> Asking:
    """Return the prompt mode of a template, with one prompt per question."""
    return asking_of(template, norm=encoding.norm, n_rotations=1, calibrate=False)


def prompter_for(
    template: PromptTemplate, encoding: PromptSettings, tokenizer: Any, longest: int | None
) -> Prompter:
    """Return the prompter, which tokenises questions."""
    limits = [n for n in (encoding.max_tokens, longest) if n is not None]
    return Prompter(
        template,
        tokenizer,
        max_tokens=min(limits) if limits else None,
        n_passages=encoding.passages,
        chat=encoding.chat,
    )


def _verdicts(asked: list[Prompted]) -> list[Part]:
    return [
        Part(request, option, sign=sign)
        for option, one in enumerate(asked)
        for request, sign in zip(one.requests, (1, -1), strict=True)
    ]


def _require_mode(settings: ExampleSettings, template: PromptTemplate) -> None:
    modes = _MODES[settings.objective]
    if template.mode not in modes:
        raise SettingsError(
            f"objective '{settings.objective}' does not support template "
            f"'{settings.encoding.template}' of mode '{template.mode}'",
            field="encoding.template",
            hint=f"Use a template of mode {' or '.join(modes)}",
        )
