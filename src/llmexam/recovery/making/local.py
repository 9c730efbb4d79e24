"""Rewrite texts by a local language model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from llmexam.errors import CacheError
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.recovery.decoding import DecodingSettings
from llmexam.recovery.making.maker import Forecast, Made, MakingSettings, Progress
from llmexam.recovery.making.pairs import Pair
from llmexam.recovery.turns import GEMMA_END, SEPARATOR, Format, Turns
from llmexam.settings.base import OneOrMany
from llmexam.settings.kinds import FolderReference, ModelRef, NotInKey
from llmexam.solvers.served.replies import without_thoughts
from llmexam.storage.answer_store import AnswerStore
from llmexam.storage.hashing import hash_json

if TYPE_CHECKING:
    from llmexam.lm.decoder import Decoder, Generated, Generator, Sampling

# Texts that are generated and cached together; what an interrupt loses at most.
_TOGETHER = 32
_PLAIN_LABEL = "Rewritten text:"


class LocalMakerSettings(MakingSettings, DecodingSettings):
    """How a local language model is asked to rewrite texts."""

    model: ModelRef = Field(
        min_length=1, description="a local folder, or a Hugging Face model name"
    )
    format: Literal["auto", "plain", "chat", "gemma"] = Field(
        "auto",
        description="plain: one text, for base models; chat: the chat template of the model's "
        "tokenizer; gemma: Gemma's turns; auto: chat where the tokenizer has a template, else "
        "plain",
    )
    stop: OneOrMany[str] = Field((), description="texts that end an answer, beside end tokens")
    max_new_tokens: int = Field(512, ge=1, description="maximum number of generated tokens")
    do_sample: bool = Field(True, description="sample tokens; false: greedy decoding")
    temperature: float = Field(0.7, gt=0, description="sampling temperature")
    cache_dir: Annotated[str, FolderReference(), NotInKey()] = Field(
        "~/.cache/llmexam/made",
        min_length=1,
        description="folder that caches all answers, so that an interrupted run resumes",
    )


@dataclass(slots=True)
class LocalUsage:
    """What a local model has written.

    Attributes:
        n_generated: Texts that were generated.
        n_cached: Texts from the cache.
        prompt_tokens: Tokens that were read for generated texts.
        completion_tokens: Tokens of these texts.
    """

    n_generated: int = 0
    n_cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __str__(self) -> str:
        """Return the usage as text."""
        return (
            f"{self.n_generated:,} texts generated; {self.n_cached:,} cached; "
            f"{self.prompt_tokens:,} prompt tokens and {self.completion_tokens:,} new tokens"
        )


class LocalMaker:
    """Rewrites texts by a language model on this machine, some texts at a time.

    Args:
        settings: Model, sampling and wording.

    Raises:
        ModelError: There is no such model, or it has no chat template that its format needs.
    """

    def __init__(self, settings: LocalMakerSettings) -> None:
        self._settings = settings
        self._folder = resolve_model(settings.model)
        self._tokenizer = load_tokenizer(self._folder)
        has_template = bool(getattr(self._tokenizer, "chat_template", None))
        self._format: Format = "chat" if has_template else "plain"
        if settings.format != "auto":
            self._format = settings.format
        self._turns = Turns(self._tokenizer, self._format)
        self._store = AnswerStore(Path(settings.cache_dir).expanduser())
        self._usage = LocalUsage()
        folder = Path(settings.model).expanduser()
        self.name = folder.absolute().name if folder.is_dir() else settings.model
        self.max_characters = settings.max_characters

    def make(self, pairs: Sequence[Pair], progress: Progress) -> list[Made]:
        """Return an answer for each pair: see `Maker`.

        Raises:
            ModelError: The model cannot be loaded, or a text is too long for it.
            CacheError: The cache cannot be written to.
        """
        with self._writing():
            self._store.prepare()
        generator: Generator | None = None
        made: list[Made] = []
        encoded = [self._encode(pair) for pair in pairs]
        for start in range(0, len(encoded), _TOGETHER):
            part = encoded[start : start + _TOGETHER]
            found = self._cached(part)
            new = [ids for ids in part if self._key(ids) not in found]
            if new:
                if generator is None:
                    generator = self._generator()
                    self._require_room(generator.decoder, pairs, encoded)
                found |= self._generate(generator, new)
            self._usage.n_cached += len(part) - len(new)
            made += [found[self._key(ids)] for ids in part]
            progress(len(made), len(pairs))
        return made

    def forecast(self, pairs: Sequence[Pair]) -> Forecast:
        """Return what rewriting takes at most, without generating."""
        part = [self._encode(pair) for pair in pairs]
        found = self._cached(part)
        new = [ids for ids in part if self._key(ids) not in found]
        return Forecast(
            n_pairs=len(part),
            n_cached=len(part) - len(new),
            prompt_tokens=sum(map(len, new)),
            completion_tokens=len(new) * self._settings.max_new_tokens,
        )

    def used(self) -> str:
        """Return what was generated so far, as text."""
        return str(self._usage)

    def _require_room(
        self, decoder: Decoder, pairs: Sequence[Pair], encoded: Sequence[list[int]]
    ) -> None:
        for pair, ids in zip(pairs, encoded, strict=True):
            decoder.require_room(
                len(ids),
                self._settings.max_new_tokens,
                subject=f"row {pair.number}",
                hint="Set a smaller max_characters or max_new_tokens",
            )

    def _generator(self) -> Generator:
        from llmexam.lm.decoder import Generator, load_decoder

        settings = self._settings
        decoder = load_decoder(settings.model, precision=settings.precision, device=settings.device)
        return Generator(decoder, n_tokens=settings.batch_tokens)

    def _generate(self, generator: Generator, new: Sequence[list[int]]) -> dict[bytes, Made]:
        written = generator.generate(new, self._sampling)
        found = {
            self._key(ids): _made(ids, texts[0]) for ids, texts in zip(new, written, strict=True)
        }
        # All or none of them, so that a resumed run has the same batches.
        with self._writing():
            self._store.put({key: json.dumps(asdict(one)).encode() for key, one in found.items()})
        self._usage.n_generated += len(new)
        self._usage.prompt_tokens += sum(one.prompt_tokens for one in found.values())
        self._usage.completion_tokens += sum(one.completion_tokens for one in found.values())
        return found

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CacheError(
                f"cannot write to the answer cache: {error.strerror or error}",
                file=self._store.path.parent,
                field="cache_dir",
                hint="Choose a writable cache_dir",
            ) from None

    def _cached(self, part: Sequence[list[int]]) -> dict[bytes, Made]:
        found = self._store.get([self._key(ids) for ids in part])
        return {key: Made(**json.loads(value)) for key, value in found.items()}

    def _encode(self, pair: Pair) -> list[int]:
        asked = self._settings.message(pair)
        if self._format == "plain":
            asked = f"{asked}{SEPARATOR}{_PLAIN_LABEL}"
        return self._turns.encode(self._settings.system, (), asked)

    def _key(self, ids: Sequence[int]) -> bytes:
        settings = self._settings
        model = [self._folder.weights_hash, settings.precision, settings.device]
        return hash_json([model, asdict(self._sampling), list(ids)]).encode()

    @property
    def _sampling(self) -> Sampling:
        ends = (GEMMA_END,) if self._format == "gemma" else ()
        return self._settings.sampling((*self._settings.stop, *ends))


def _made(ids: Sequence[int], written: Generated) -> Made:
    return Made(
        without_thoughts(written.text).strip(),
        is_cut=not written.is_finished,
        prompt_tokens=len(ids),
        completion_tokens=len(written.tokens),
    )
