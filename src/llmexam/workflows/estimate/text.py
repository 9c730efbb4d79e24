"""Predictions in words, and durations as people write them."""

from __future__ import annotations

import re

from llmexam.errors import SettingsError
from llmexam.workflows.estimate.prediction import Estimate, Prediction, Spread
from llmexam.workflows.estimate.served import ANSWERED, COST, KEPT, REQUESTS, SENT
from llmexam.workflows.estimate.tokens import PLAIN_TOKENS, TOKENS

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_WIDTH = 11


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
        raise SettingsError(
            f"expected a duration, got '{text}'", hint="Write, for example, 9h, 1h30m, 45m or 90s"
        )
    return seconds


def describe(found: Estimate) -> str:
    """Return an estimate in words, line by line."""
    prediction = found.prediction
    lines = []
    for stage in prediction.stages:
        lines += [f"{stage.solver}:", *(f"  {line}" for line in _describe(stage))]
    lines += _describe(prediction)
    lines += _memory(prediction)
    if found.limit_seconds is not None:
        verdict = "fits" if found.fits else "does not fit"
        lines.append(_row("limit", f"{clock_face(found.limit_seconds)}: it {verdict}"))
        if found.first is not None and not found.fits:
            lines.append(_row("cascade", _say_share(found, found.first)))
    if not prediction.within_budget:
        lines.append(_row("budget", "the cost may exceed max_cost"))
    return "\n".join(lines)


def clock_face(seconds: float) -> str:
    """Return seconds as a person reads them.

    >>> clock_face(2.04), clock_face(75), clock_face(3725)
    ('2.0 s', '1:15 min', '1:02:05 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"


def _describe(prediction: Prediction) -> list[str]:
    lines = [_row("questions", f"{prediction.n_questions:,}"), *_counts(prediction)]
    if prediction.speed:
        lines.append(_row("speed", prediction.speed))
    seconds = prediction.seconds
    told = _between(clock_face(seconds.likely), clock_face(seconds.low), clock_face(seconds.high))
    if prediction.fixed_seconds and not prediction.stages:
        told += f", of which {clock_face(prediction.fixed_seconds)} for loading"
    lines.append(_row("time", told))
    return [*lines, *(_row("note", note) for note in prediction.notes)]


def _counts(prediction: Prediction) -> list[str]:
    counts = prediction.counts
    lines = []
    if TOKENS in counts:
        saved = counts[PLAIN_TOKENS].likely / max(counts[TOKENS].likely, 1)
        lines.append(
            _row(
                "tokens",
                f"{counts[TOKENS].likely:,.0f} processed by the model; without shared "
                f"prefixes {saved:.1f} times as many",
            )
        )
    if REQUESTS in counts:
        told = f"{counts[REQUESTS].likely:,.0f} to send"
        lines.append(_row("requests", f"{told}; {counts[KEPT].likely:,.0f} answers are cached"))
        sent, answered = _whole(counts[SENT]), _whole(counts[ANSWERED])
        lines.append(_row("tokens", f"{sent} in prompts, {answered} in completions"))
        cost = counts[COST]
        if cost.high:
            shown = (f"{number:.4g}" for number in (cost.likely, cost.low, cost.high))
            lines.append(_row("cost", f"{_between(*shown)}, in the currency of the prices"))
    return lines


def _memory(prediction: Prediction) -> list[str]:
    if not prediction.memory:
        return []
    parts = ", ".join(f"{name} {size / 1e9:.2f}" for name, size in prediction.memory.items())
    total, free = prediction.memory_bytes / 1e9, prediction.available_bytes / 1e9
    lines = [_row("memory", f"{total:.2f} GB of {free:.2f} GB: {parts}")]
    if not prediction.fits_memory:
        lines.append(
            _row("", "does not fit: use a lower precision, smaller batches, or streamed: true")
        )
    return lines


def _say_share(found: Estimate, first: Prediction) -> str:
    after = f"after '{first.solver}' ({clock_face(first.seconds.high)})"
    if not found.share:
        return f"{after} no time is left for '{found.asked.solver}'"
    share = f"{found.share:.1%}: --set share={found.share}"
    return f"{after} time is left for the least certain {share}"


def _row(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}}{text}"


def _whole(number: Spread) -> str:
    return _between(*(f"{value:,.0f}" for value in (number.likely, number.low, number.high)))


def _between(likely: str, low: str, high: str) -> str:
    """Return a number with its spread, where that shows."""
    return likely if low == high else f"{likely} ({low} to {high})"
