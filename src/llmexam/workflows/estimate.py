"""How long an exam will take and how much memory, from a few questions timed on this machine."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.solvers.registry import create_solver
from llmexam.workflows.evaluate import load_exam
from llmexam.workflows.solve import QUESTIONS_A_CALL

if TYPE_CHECKING:
    from llmexam.lm.decoder.requests import Group

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


class Reads(Protocol):
    """A solver that a decoder answers for, whose work can be counted before it is done."""

    @property
    def n_tokens(self) -> int:
        """Tokens of a batch, padding included."""
        ...

    @property
    def shares(self) -> bool:
        """Whether what requests have in common is computed once."""
        ...

    def load(self) -> Mapping[str, int]:
        """Load the model, and return the bytes that its parts take, by what they are."""
        ...

    def requests(self, questions: Sequence[Question]) -> list[Group]:
        """Return what is asked of the model about each question."""
        ...

    def compute(self, groups: Sequence[Group]) -> int:
        """Score groups as a fresh run would, and return the tokens computed, with padding."""
        ...


@dataclass(frozen=True, slots=True)
class Timed:
    """A few questions that were scored.

    Attributes:
        n_questions: How many.
        n_tokens: Tokens that went through the model, padding included.
        seconds: How long it took.
    """

    n_questions: int
    n_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an exam will take.

    Attributes:
        n_questions: Questions of the exam.
        n_tokens: Tokens that will go through the model, padding included.
        n_plain_tokens: Tokens that scoring each answer alone would compute.
        load_seconds: Loading the model.
        prompt_seconds: Putting the questions into tokens.
        seconds_a_call: What each call takes whatever its size.
        tokens_a_second: Speed beside that.
        seconds: All together, without the margin.
        limit_seconds: What it may take; None for no limit.
        fits: Whether it stays below the limit, with the margin; True where there is none.
        share: Part of the questions that this solver can answer within the limit, after the
            first solver of a cascade has answered all.
        first_seconds: What that first solver takes.
        memory: Bytes by what takes them.
        memory_bytes: Their sum.
        available_bytes: What is free where the model is.
        fits_memory: Whether that is enough.
        timed: What was measured.
    """

    n_questions: int
    n_tokens: int
    n_plain_tokens: int
    load_seconds: float
    prompt_seconds: float
    seconds_a_call: float
    tokens_a_second: float
    seconds: float
    limit_seconds: float | None
    fits: bool
    share: float
    first_seconds: float
    memory: dict[str, int]
    memory_bytes: int
    available_bytes: int
    fits_memory: bool
    timed: tuple[Timed, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def estimate_file(
    exam: str | Path | Exam,
    settings: Mapping[str, Any],
    *,
    format: str | None = None,
    limit: str | None = None,
    n_questions: int | None = None,
    first: str = "lexical",
    samples: Sequence[int] = (4, 16),
    margin: float = 0.1,
) -> Estimate:
    """Read an exam, time a few of its questions, and say what all would take.

    Args:
        exam: An exam, its file, or `bundled`.
        settings: Settings of solver `causal-lm`.
        format: Format of the exam's file.
        limit: What it may take, such as `9h`.
        n_questions: Size of the exam to plan for, if it is another of the same kind.
        first: The solver that would answer all questions in a cascade.
        samples: Numbers of questions to time.
        margin: Part of the time to leave free.

    Raises:
        LlmExamError: The exam, the model or the settings cannot be used.
    """
    from llmexam.workflows.estimate_decoder import DecoderReads

    limit_seconds = parse_duration(limit) if limit is not None else None
    asked = load_exam(exam, format)
    reads = DecoderReads(settings)
    return estimate(
        asked.questions,
        reads,
        create_solver(first).score,
        n_questions=n_questions,
        limit_seconds=limit_seconds,
        samples=samples,
        margin=margin,
    )


def estimate(
    questions: Sequence[Question],
    reads: Reads,
    first: Callable[[Sequence[Question]], object],
    *,
    n_questions: int | None = None,
    limit_seconds: float | None = None,
    samples: Sequence[int] = (4, 16),
    margin: float = 0.1,
    clock: Callable[[], float] = time.perf_counter,
) -> Estimate:
    """Return what an exam will take, from its own questions.

    Seconds are a line through what samples of two sizes took: so much a call, so much a token.

    Args:
        questions: The questions, with their evidence.
        reads: The model.
        first: What would answer all questions in a cascade.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        limit_seconds: What it may take.
        samples: Numbers of questions to time.
        margin: Part of the time to leave free.
        clock: What tells the time, in seconds.

    Raises:
        SettingsError: There are no questions, or a number cannot be.
    """
    if not questions or not samples or min(samples) < 1 or not 0 <= margin < 1:
        raise SettingsError("an estimate needs questions, samples of 1 or more, a margin below 1")
    from llmexam.lm.decoder.batches import count_work

    timer = _Timer(clock)
    memory = dict(timer("load", lambda: reads.load()))
    groups = timer("prompt", lambda: reads.requests(questions))
    size = max(samples)
    timer("first", lambda: first(_spread(questions, size)))
    calls = [groups[i : i + QUESTIONS_A_CALL] for i in range(0, len(groups), QUESTIONS_A_CALL)]
    work = count_work([_once(call) for call in calls], n_tokens=reads.n_tokens)
    timed = _time_samples(groups, reads, samples, clock)
    each, rate = _fit(timed)
    wanted = n_questions or len(questions)
    scale = wanted / len(questions)
    n_tokens = round((work.padded if reads.shares else work.plain) * scale)
    computing = each * math.ceil(wanted / QUESTIONS_A_CALL) + n_tokens * rate
    fixed = timer.seconds["load"]
    moving = timer.seconds["prompt"] * scale + computing
    first_seconds = timer.seconds["first"] * wanted / min(size, len(questions))
    allowed = None if limit_seconds is None else limit_seconds * (1 - margin)
    share = 1.0
    if allowed is not None:
        share = min(1.0, max(0.0, (allowed - fixed - first_seconds) / max(moving, 1e-9)))
    free = memory.pop("available")
    return Estimate(
        n_questions=wanted,
        n_tokens=n_tokens,
        n_plain_tokens=round(work.plain * scale),
        load_seconds=fixed,
        prompt_seconds=timer.seconds["prompt"] * scale,
        seconds_a_call=each,
        tokens_a_second=1 / rate,
        seconds=fixed + moving,
        limit_seconds=limit_seconds,
        fits=allowed is None or fixed + moving <= allowed,
        # Rounded down: what is promised fits.
        share=math.floor(share * 1000) / 1000,
        first_seconds=first_seconds,
        memory=memory,
        memory_bytes=sum(memory.values()),
        available_bytes=free,
        fits_memory=sum(memory.values()) <= free,
        timed=timed,
    )


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    >>> parse_duration("9h"), parse_duration("1h30m"), parse_duration("90"), parse_duration("0.5m")
    (32400.0, 5400.0, 90.0, 30.0)

    Raises:
        SettingsError: It is none.
    """
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        plain += "s"
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", plain)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != plain or seconds <= 0:
        raise SettingsError(f"'{text}' is no duration", hint="Such as 9h, 1h30m, 45m or 90s")
    return seconds


class _Timer:
    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        begin = self._clock()
        found = work()
        self.seconds[name] = self._clock() - begin
        return found


def _spread(items: Sequence[Any], n: int) -> list[Any]:
    """Return some items, spread evenly."""
    n = min(n, len(items))
    return [items[(2 * i + 1) * len(items) // (2 * n)] for i in range(n)]


def _once(groups: Sequence[Group]) -> list[Group]:
    """Return groups without requests that stand in one before: they are scored once a call."""
    seen: set[Any] = set()
    kept: list[Group] = []
    for group in groups:
        fresh = [request for request in dict.fromkeys(group) if request not in seen]
        seen.update(fresh)
        if fresh:
            kept.append(fresh)
    return kept


def _time_samples(
    groups: Sequence[Group], reads: Reads, samples: Sequence[int], clock: Callable[[], float]
) -> tuple[Timed, ...]:
    # By length, so that a small sample has long and short ones, too.
    ordered = sorted(groups, key=lambda group: sum(len(request.tokens) for request in group))
    reads.compute(_once(_spread(ordered, 1)))
    timed = []
    for size in sorted({min(n, len(groups)) for n in samples}):
        begin = clock()
        n_tokens = reads.compute(_once(_spread(ordered, size)))
        timed.append(Timed(size, n_tokens, clock() - begin))
    return tuple(timed)


def _fit(timed: Sequence[Timed]) -> tuple[float, float]:
    """Return seconds a call and seconds a token: a line by least squares, or one through zero."""
    n = len(timed)
    tokens = sum(one.n_tokens for one in timed) / n
    seconds = sum(one.seconds for one in timed) / n
    spread = sum((one.n_tokens - tokens) ** 2 for one in timed)
    rise = sum((one.n_tokens - tokens) * (one.seconds - seconds) for one in timed)
    if spread > 0 and rise > 0:
        rate = rise / spread
        each = seconds - rate * tokens
        if each >= 0:
            return each, rate
    # Where noise hides the line, all of the time is the tokens'.
    return 0.0, max(seconds / max(tokens, 1), 1e-12)


def describe(found: Estimate, first: str) -> str:
    """Return an estimate in words, line by line.

    Args:
        found: The estimate.
        first: Name of the first solver of a cascade.
    """
    saved = found.n_plain_tokens / max(found.n_tokens, 1)
    lines = [
        f"questions  {found.n_questions:,}",
        f"tokens     {found.n_tokens:,} go through the model; each answer alone would take "
        f"{saved:.1f} times as many",
        f"speed      {found.tokens_a_second:,.0f} tokens/s, measured on "
        + " and ".join(f"{one.n_questions}" for one in found.timed)
        + " questions",
        f"time       {_clock_face(found.seconds)}: loading {_clock_face(found.load_seconds)}, "
        f"prompts {_clock_face(found.prompt_seconds)}, the rest computing",
        f"memory     {found.memory_bytes / 1e9:.2f} GB of {found.available_bytes / 1e9:.2f} GB: "
        + ", ".join(f"{name} {size / 1e9:.2f}" for name, size in found.memory.items()),
    ]
    if not found.fits_memory:
        lines.append("           does not fit: fewer bits, or smaller batches, or streamed layers")
    if found.limit_seconds is not None:
        verdict = "fits" if found.fits else "does not fit"
        lines.append(f"limit      {_clock_face(found.limit_seconds)}: it {verdict}")
        if not found.fits:
            lines.append(
                f"cascade    after '{first}' ({_clock_face(found.first_seconds)}) "
                f"the least certain {found.share:.1%} fit: --set share={found.share}"
                if found.share
                else f"cascade    after '{first}' there is no time left for this model"
            )
    return "\n".join(lines)


def _clock_face(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"
