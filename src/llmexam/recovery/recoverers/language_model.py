"""What recoverers share that ask a local language model for the prompt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llmexam.lm.models.loading import resolve_model
from llmexam.recovery.consensus import agree, best_of
from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.prompting import Example, Prompter, PromptingSettings, bare_answer
from llmexam.recovery.recoverer import Progress, Recoverer, Recovery, no_progress
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.storage.hashing import hash_json

if TYPE_CHECKING:
    from llmexam.lm.decoder import Decoder, Generated, Sampling

# Rows whose prompts are tokenized and generated at a time; batches are made within them.
_ROWS = 256


class GenerationSettings(Settings):
    """How a local language model writes prompts, and how one of them is chosen."""

    precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where it is fast; int8 and nf4 need "
        "bitsandbytes",
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    batch_tokens: int = Field(8192, ge=1, description="prompt tokens per batch, padding included")
    max_new_tokens: int = Field(48, ge=1, description="longest answer, in tokens")
    n_candidates: int = Field(1, ge=1, le=256, description="answers drawn for each row")
    do_sample: bool = Field(False, description="draw tokens; else take the likeliest one")
    temperature: float = Field(1.0, gt=0, description="divides the logits before drawing")
    top_k: int = Field(0, ge=0, description="draw from this many likeliest tokens; 0 for all")
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="draw from the fewest likeliest tokens whose probabilities add up to this",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed")
    choose: Literal["consensus", "likelihood"] = Field(
        "consensus",
        description="choose the candidate most like all candidates, or the one with the highest "
        "log-probability per token",
    )
    embedder: ModelRef = Field(
        "bundled", description="embedder of the consensus, and of nearest examples"
    )

    @model_validator(mode="after")
    def _several_need_sampling(self) -> Self:
        if self.n_candidates > 1 and not self.do_sample:
            raise ValueError(
                "several candidates need `do_sample: true`; without it they are all equal"
            )
        return self

    def sampling(self, stop: tuple[str, ...]) -> Sampling:
        """Return how to choose tokens, with the texts that end an answer."""
        from llmexam.lm.decoder import Sampling

        return Sampling(
            max_new_tokens=self.max_new_tokens,
            n=self.n_candidates,
            do_sample=self.do_sample,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            stop=stop,
            seed=self.seed,
        )


class LanguageModelSettings(GenerationSettings):
    """Settings of recoverers that ask a local language model."""

    model: ModelRef = Field(
        min_length=1, description="a local folder, or a Hugging Face model name"
    )
    prompting: PromptingSettings = Field(
        default_factory=PromptingSettings, description="how the model is asked"
    )


class LanguageModelRecoverer(Recoverer):
    """Asks a local language model for the prompt of each row; its settings have a `model`."""

    extra = "encoders"
    package = "torch"
    settings_class: ClassVar[type[Settings]] = LanguageModelSettings

    @property
    def weights_hash(self) -> str:
        """Hash of the model's files, and of the embedder where one decides the answers."""
        parts = [resolve_model(self.settings.model).weights_hash]
        if self._uses_embedder:
            parts.append(text_vectors(self.settings.embedder).embedder.weights_hash)
        return hash_json(parts)

    @property
    def _uses_embedder(self) -> bool:
        settings = self.settings
        return bool(settings.n_candidates > 1 and settings.choose == "consensus")

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
        sampling = self.settings.sampling(prompter.stop)
        found: list[Recovery] = []
        for start in range(0, len(items), _ROWS):
            part = items.subset(range(start, min(start + _ROWS, len(items))))
            asked = [
                prompter.encode(row.original, row.rewritten, shots)
                for row, shots in zip(part, self.shots(part), strict=True)
            ]
            found += [self._choose(texts) for texts in generator.generate(asked, sampling)]
            progress(len(found), len(items))
        return found

    @abstractmethod
    def shots(self, part: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return the few-shot examples of each row."""

    def _choose(self, texts: Sequence[Generated]) -> Recovery:
        answers = [answer_of(one.text) for one in texts]
        if self.settings.choose == "consensus":
            return agree(answers, text_vectors(self.settings.embedder))
        scores = {
            answer: one.log_prob / len(one.tokens)
            for answer, one in zip(answers, texts, strict=True)
        }
        if len(scores) == 1:
            return Recovery(answers[0])
        return best_of(list(scores), list(scores.values()), is_expected=False)


def answer_of(text: str) -> str:
    """Return a model's answer as a prompt; a blank one becomes the usual constant.

    A submission needs a prompt for each row.

    >>> answer_of(' Prompt: "Rewrite this." ')
    'Rewrite this.'
    """
    return bare_answer(text) or COMMON[0]


@lru_cache(maxsize=1)
def _load(
    model: str,
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"],
    device: str,
) -> Decoder:
    from llmexam.lm.decoder import load_decoder

    return load_decoder(model, precision=precision, device=device)
