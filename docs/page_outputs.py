"""Compare the output that a page shows with what a command printed.

Figures that depend on the machine (times, memory, speeds, dates, versions) are masked by the
rules below. Everything else is compared as text. A line `...` on a page stands for any number of
lines.
"""

from __future__ import annotations

import re
from itertools import zip_longest

ELLIPSIS = "..."
# Values that depend on the machine or the time; only the name of the mask is compared.
MASKS = {
    "date": r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?",
    "speed": r"\b\d[\d,.]* [a-z]+/s\b",
    "time": r"\b\d[\d,.]*(?::\d\d)* ?(?:ms|µs|s|min|h)\b",
    "memory": r"\b(?:\d[\d,.]* of )?\d[\d,.]* ?(?:[kKMGT]i?B|bytes)\b",
    "version": r"\b\d+\.\d+\.\d+[\w.+]*",
    "platform": r"\b(?:linux|darwin|win32|windows) (?:x86_64|aarch64|arm64|amd64)\b",
    "cores": r"\b\d+ cores?\b",
}
_MASK = re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in MASKS.items()), re.IGNORECASE)
# A masked value changes the width of its column, so lines and spaces of tables are normalised.
_PADDING = re.compile(r" {2,}|([─━═-])\1{2,}")
# Embedding models sum in another order, or in bf16, on other processors, so some ranks differ.
_NEURAL = re.compile(r"\bbi-encoder\b")
_NEURAL_TOLERANCE = 0.02
_DECIMAL = re.compile(r"(?<![\w.])[-+\u2212]?\d+\.\d{3,}\b")


def difference(shown: str, printed: str) -> str:
    """Return a description of the first line that differs between the page and the actual output.

    Args:
        shown: The output on the page.
        printed: What the command printed.

    Returns:
        A description of the first difference; empty where there is none.
    """
    pairs = _pair_lines(shown, printed)
    as_text = "\n".join(f"{a}\n{b}" for a, b in pairs)
    masks = _MASK.search(as_text) is not None
    neural = _NEURAL.search(as_text) is not None
    for line, (expected, got) in enumerate(pairs, 1):
        a, b = (_mask(text) if masks else (text or "").rstrip() for text in (expected, got))
        if expected is None or got is None or not (a == b or (neural and _is_near(a, b))):
            return f"line {line}: the page shows {expected!r}, printed was {got!r}"
    return ""


def update(shown: str, printed: str) -> str:
    """Return the text that replaces a stale output.

    Paragraphs in which only figures of the machine differ stay as they are, so that a page does not
    change with the machine it was written on.
    """
    kept = {_mask_lines(paragraph): paragraph for paragraph in _paragraphs(shown)}
    new = (
        kept.get(_mask_lines(paragraph), paragraph) if _MASK.search(paragraph) else paragraph
        for paragraph in _paragraphs(_elide(printed, shown))
    )
    return "".join(new)


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, each with the blank lines after it."""
    return re.findall(r"(?:.+\n?)+\n*|\n+", text)


def _mask_lines(text: str) -> str:
    return "\n".join(_mask(line) for line in text.splitlines())


def _elide(printed: str, shown: str) -> str:
    """Return the actual output, with `...` where the page has it.

    The lines before and after `...` on the page are found again in the output, whatever their
    figures; where they are gone, as many lines are kept as the page had.
    """
    lines = printed.splitlines()
    head, tail = _split(shown)
    if tail is None:
        return printed
    stop = _find(lines, head[-1], len(head) - 1) + 1 if head else 0
    start = _find(lines, tail[0], max(stop, len(lines) - len(tail))) if tail else len(lines)
    if start <= stop:
        return printed
    return "\n".join([*lines[:stop], ELLIPSIS, *lines[start:]]) + "\n"


def _split(shown: str) -> tuple[list[str], list[str] | None]:
    """Return the lines before and after the ellipsis; only one list if there is none."""
    lines = shown.splitlines()
    places = [place for place, line in enumerate(lines) if line.strip() == ELLIPSIS]
    if not places:
        return lines, None
    if len(places) > 1:
        raise ValueError("an output may leave out lines in one place only")
    return lines[: places[0]], lines[places[0] + 1 :]


def _pair_lines(shown: str, printed: str) -> list[tuple[str | None, str | None]]:
    lines = printed.splitlines()
    head, tail = _split(shown)
    if tail is None:
        return list(zip_longest(head, lines))
    end = len(lines) - len(tail)
    if end < len(head):
        return list(zip_longest([*head, *tail], lines))
    return list(zip([*head, *tail], [*lines[: len(head)], *lines[end:]], strict=True))


def _mask(text: str | None) -> str:
    masked = _MASK.sub(lambda found: f"<{found.lastgroup}>", text or "")
    return _PADDING.sub(lambda found: found[1] or " ", masked).strip()


def _is_near(expected: str, got: str) -> bool:
    """Return whether two lines differ only in decimals, within the tolerance."""
    if _DECIMAL.sub("#", expected) != _DECIMAL.sub("#", got):
        return False
    figures = (_DECIMAL.findall(text.replace("\u2212", "-")) for text in (expected, got))
    return all(abs(float(a) - float(b)) <= _NEURAL_TOLERANCE for a, b in zip(*figures, strict=True))


def _find(lines: list[str], wanted: str, otherwise: int) -> int:
    """Return the index of a line, compared without its numbers; the closest of several."""
    bare = [re.sub(r"[\d.,]+", "#", _mask(line)) for line in lines]
    wanted = re.sub(r"[\d.,]+", "#", _mask(wanted))
    places = [place for place, line in enumerate(bare) if line == wanted]
    return min(places, key=lambda place: abs(place - otherwise), default=otherwise)
