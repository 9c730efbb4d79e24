"""Texts written by a language model on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from llmexam.errors import CacheError
from llmexam.generation.decoding import DecodingSettings
from llmexam.generation.turns import GEMMA_END, SEPARATOR, Format, Turns
from llmexam.generation.writer import (
    Progress,
    TextRequest,
    WritingForecast,
    WritingUsage,
    WrittenText,
)
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.settings.base import OneOrMany
from llmexam.settings.kinds import FolderReference, ModelRef, NotInKey
from llmexam.solvers.prompts.wording import Shot
from llmexam.solvers.served.thoughts import without_thoughts
from llmexam.storage.answer_store import AnswerStore
from llmexam.storage.hashing import hash_json

if TYPE_CHECKING:
    from llmexam.lm.decoder import Decoder, Generated, Generator, Sampling

TOGETHER = 32
"""Texts that are generated and cached together; what an interrupt loses at most."""


class LocalWriterSettings(DecodingSettings):
    """How a local language model writes texts."""

    model: ModelRef = Field(
        min_length=1, description="a local folder, a Hugging Face model name, or a GGUF file"
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
        "~/.cache/llmexam/texts",
        min_length=1,
        description="folder that caches all answers, so that an interrupted run resumes",
    )


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A request as token ids, with how its answer is sampled."""

    request: TextRequest
    ids: tuple[int, ...]
    sampling: Sampling
    key: bytes


class LocalWriter:
    """Writes texts with a language model on this machine, some texts at a time.

    Args:
        settings: Model, format and sampling.

    Raises:
        ModelError: There is no such model, or it has no chat template that its format needs.
    """

    def __init__(self, settings: LocalWriterSettings) -> None:
        self._settings = settings
        self._folder = resolve_model(settings.model)
        self._tokenizer = load_tokenizer(self._folder)
        self.format: Format = _format(settings, self._tokenizer)
        self._turns = Turns(self._tokenizer, self.format)
        self._store = AnswerStore(Path(settings.cache_dir).expanduser(), may_be_read_only=True)
        self._generator: Generator | None = None
        self._usage = WritingUsage(0, 0, 0, 0)
        own = settings.model_dump(
            mode="json", include={*DecodingSettings.model_fields, "stop"} - {"batch_tokens"}
        )
        self.version = hash_json([self._folder.weights_hash, self.format, own])
        folder = Path(settings.model).expanduser()
        self.name = folder.absolute().name if folder.exists() else settings.model

    def write(self, requests: Sequence[TextRequest], progress: Progress) -> list[WrittenText]:
        """Return the answer to each request, in order: see `TextWriter`.

        Raises:
            ModelError: The model cannot be loaded, or a request is too long for it.
            CacheError: The cache cannot be written to.
        """
        with self._writing():
            self._store.prepare()
        answers: list[WrittenText] = []
        encoded = [self._encode(one) for one in requests]
        n_checked = 0
        for start in range(0, len(encoded), TOGETHER):
            part = encoded[start : start + TOGETHER]
            found = self._cached(part)
            new = [one for one in part if one.key not in found]
            if new:
                generator = self._load()
                # All of them before the first is written: what cannot succeed should fail early.
                _require_room(generator.decoder, encoded[n_checked:])
                n_checked = len(encoded)
                found |= self._generate(generator, new)
            self._count(n_cached=len(part) - len(new))
            answers += [found[one.key] for one in part]
            progress(len(answers), len(requests))
        return answers

    def forecast(self, requests: Sequence[TextRequest]) -> WritingForecast:
        """Return what the requests take, without generating."""
        encoded = [self._encode(one) for one in requests]
        found = self._cached(encoded)
        new = [one for one in encoded if one.key not in found]
        limits = [one.sampling.max_new_tokens for one in new]
        likely = [
            min(limit, self._n_tokens(one.request.likely_answer) or limit)
            for one, limit in zip(new, limits, strict=True)
        ]
        return WritingForecast(
            n_requests=len(encoded),
            n_cached=len(encoded) - len(new),
            prompt_tokens=sum(len(one.ids) for one in new),
            completion_tokens=sum(likely),
            max_completion_tokens=sum(limits),
        )

    @property
    def usage(self) -> WritingUsage:
        """What was generated so far."""
        return self._usage

    def used(self) -> str:
        """Return what was generated so far as text."""
        usage = self._usage
        return (
            f"{usage.n_written:,} texts generated; {usage.n_cached:,} cached; "
            f"{usage.prompt_tokens:,} prompt tokens and {usage.completion_tokens:,} new tokens"
        )

    def prompt(self, request: TextRequest) -> str:
        """Return the text that the model reads, without special tokens of the tokenizer."""
        return self._turns.render(request.system, self._shots(request), self._asked(request))

    def _n_tokens(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"]) if text else 0

    def _asked(self, request: TextRequest) -> str:
        if self.format == "plain" and request.cue:
            return f"{request.user}{SEPARATOR}{request.cue}"
        return request.user

    def _shots(self, request: TextRequest) -> list[Shot]:
        if self.format != "plain":
            return list(request.shots)
        cue = f"{SEPARATOR}{request.cue} " if request.cue else SEPARATOR
        return [Shot(f"{one.question}{cue}", one.answer) for one in request.shots]

    def _encode(self, request: TextRequest) -> _Encoded:
        ids = self._turns.encode(request.system, self._shots(request), self._asked(request))
        sampling = self._sampling(request)
        settings = self._settings
        model = [self._folder.weights_hash, settings.precision, settings.device]
        key = hash_json([model, asdict(sampling), list(ids)]).encode()
        return _Encoded(request, tuple(ids), sampling, key)

    def _sampling(self, request: TextRequest) -> Sampling:
        ends = (GEMMA_END,) if self.format == "gemma" else ()
        settings = self._settings
        changes: dict[str, Any] = {"seed": (settings.seed + request.draw) % 2**32}
        if request.max_new_tokens is not None:
            changes["max_new_tokens"] = request.max_new_tokens
        stop = (*settings.stop, *request.stop, *ends)
        return settings.model_copy(update=changes).sampling(stop)

    def _load(self) -> Generator:
        if self._generator is None:
            from llmexam.lm.decoder import Generator, load_decoder

            settings = self._settings
            decoder = load_decoder(
                settings.model, precision=settings.precision, device=settings.device
            )
            self._generator = Generator(decoder, n_tokens=settings.batch_tokens)
        return self._generator

    def _generate(
        self, generator: Generator, new: Sequence[_Encoded]
    ) -> Mapping[bytes, WrittenText]:
        by_sampling: dict[Sampling, list[_Encoded]] = {}
        for one in new:
            by_sampling.setdefault(one.sampling, []).append(one)
        found: dict[bytes, WrittenText] = {}
        for sampling, part in by_sampling.items():
            written = generator.generate([one.ids for one in part], sampling)
            found |= {
                one.key: _answer(one.ids, texts[0])
                for one, texts in zip(part, written, strict=True)
            }
        # All or none of them, so that a resumed run has the same batches.
        with self._writing():
            self._store.put({key: json.dumps(asdict(one)).encode() for key, one in found.items()})
        self._count(
            n_written=len(new),
            prompt_tokens=sum(one.prompt_tokens for one in found.values()),
            completion_tokens=sum(one.completion_tokens for one in found.values()),
        )
        return found

    def _count(self, **more: int) -> None:
        before = asdict(self._usage)
        self._usage = WritingUsage(**{name: n + more.get(name, 0) for name, n in before.items()})

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

    def _cached(self, part: Sequence[_Encoded]) -> dict[bytes, WrittenText]:
        found = self._store.get([one.key for one in part])
        return {key: WrittenText(**json.loads(value)) for key, value in found.items()}


def _format(settings: LocalWriterSettings, tokenizer: Any) -> Format:
    if settings.format != "auto":
        return settings.format
    return "chat" if getattr(tokenizer, "chat_template", None) else "plain"


def _require_room(decoder: Decoder, encoded: Sequence[_Encoded]) -> None:
    for one in encoded:
        decoder.require_room(
            len(one.ids),
            one.sampling.max_new_tokens,
            subject=one.request.subject,
            hint="Set a smaller max_characters or max_new_tokens",
        )


def _answer(ids: Sequence[int], written: Generated) -> WrittenText:
    return WrittenText(
        without_thoughts(written.text).strip(),
        is_cut=not written.is_finished,
        prompt_tokens=len(ids),
        completion_tokens=len(written.tokens),
    )
