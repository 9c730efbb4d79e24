"""What recoverers share that ask a local language model for the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llmexam.generation.decoding import DecodingSettings
from llmexam.lm.models.loading import resolve_model
from llmexam.recovery.consensus import agree, best_of
from llmexam.recovery.embeddings import EmbedderSettings
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.prompting import Prompter, PromptingSettings, bare_answer
from llmexam.recovery.recoverer import Progress, Recovery, no_progress
from llmexam.recovery.recoverers.asking import Asking
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.wording import is_blank
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef

if TYPE_CHECKING:
    from llmexam.lm.decoder import Decoder, Generated

# Rows that are generated at a time; batches are made within them.
_ROWS = 256


class GenerationSettings(DecodingSettings, EmbedderSettings):
    """How a local language model writes prompts, and how one of them is chosen."""

    n_candidates: int = Field(
        1,
        ge=1,
        le=256,
        description="number of sampled answers per row; more than 1 needs do_sample",
    )
    choose: Literal["consensus", "likelihood"] = Field(
        "consensus",
        description="consensus: the candidate with the highest mean sharpened cosine to all "
        "candidates; likelihood: the one with the highest log-probability per token",
    )
    embedder: ModelRef = Field(
        "bundled",
        description="embedder that chooses among candidates and finds nearest examples",
    )

    @model_validator(mode="after")
    def _several_need_sampling(self) -> Self:
        if self.n_candidates > 1 and not self.do_sample:
            raise ValueError(
                "several candidates need `do_sample: true`; without it they are all equal"
            )
        return self


class LanguageModelSettings(GenerationSettings):
    """Settings of recoverers that ask a local language model."""

    model: ModelRef = Field(
        min_length=1, description="a local folder, or a Hugging Face model name"
    )
    prompting: PromptingSettings = Field(
        default_factory=PromptingSettings, description="prompt template"
    )


class LanguageModelRecoverer(Asking):
    """Asks a local language model for the prompt of each row; its settings have a `model`."""

    extra = "encoders"
    package = "torch"
    settings_class: ClassVar[type[Settings]] = LanguageModelSettings

    @property
    def model_identity(self) -> str:
        """Hash of the model's files."""
        return resolve_model(self.settings.model).weights_hash

    @property
    def _uses_embedder(self) -> bool:
        return super()._uses_embedder and self.settings.choose == "consensus"

    @property
    def prompting(self) -> PromptingSettings:
        """How the model is asked."""
        found: PromptingSettings = self.settings.prompting
        return found

    def decoder(self) -> Decoder:
        """Return the model, loaded once in a process."""
        settings = self.settings
        return _load(settings.model, settings.precision, settings.device)

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return one recovery for each row, in order."""
        from llmexam.lm.decoder import Generator

        decoder = self.decoder()
        prompter = Prompter(decoder.tokenizer, self.prompting)
        generator = Generator(decoder, n_tokens=self.settings.batch_tokens)
        sampling = self.settings.sampling(prompter.stop, n=self.settings.n_candidates)
        prompts = [
            prompter.encode(row.original, row.rewritten, shots)
            for row, shots in zip(items, self.shots(items), strict=True)
        ]
        # Before anything is generated, which would be lost.
        for row, prompt in zip(items, prompts, strict=True):
            decoder.require_room(
                len(prompt),
                self.settings.max_new_tokens,
                subject=f"the row with id '{row.id}'",
                hint="Set a smaller prompting.max_text_tokens, n_shots or max_new_tokens",
            )
        found: list[Recovery] = []
        for start in range(0, len(items), _ROWS):
            part = generator.generate(prompts[start : start + _ROWS], sampling)
            found += [self._choose(texts) for texts in part]
            progress(len(found), len(items))
        return found

    def _choose(self, texts: Sequence[Generated]) -> Recovery:
        scores: dict[str, float] = {}
        answers = []
        for one in texts:
            answer = bare_answer(one.text)
            if is_blank(answer):
                continue
            answers.append(answer)
            score = one.log_prob / len(one.tokens)
            scores[answer] = max(score, scores.get(answer, -inf))
        if not answers:
            return Recovery(answer_of(""))
        if self.settings.choose == "consensus" and len(answers) > 1:
            return agree(answers, self.settings.vectors)
        if len(scores) == 1:
            return Recovery(answers[0])
        return best_of(list(scores), list(scores.values()), is_expected=False)


def answer_of(text: str) -> str:
    """Return a model's answer as a prompt; a blank one becomes the usual constant.

    A submission needs a prompt for each row.

    >>> answer_of(' Prompt: "Rewrite this." ')
    'Rewrite this.'
    """
    answer = bare_answer(text)
    return COMMON[0] if is_blank(answer) else answer


@lru_cache(maxsize=1)
def _load(
    model: str,
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"],
    device: str,
) -> Decoder:
    from llmexam.lm.decoder import load_decoder

    return load_decoder(model, precision=precision, device=device)
