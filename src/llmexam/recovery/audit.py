"""What is wrong or odd in rewrites, and what they share with training rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from llmexam.errors import plural
from llmexam.exam.audit.finding import Finding
from llmexam.exam.normalise import normalise, words_of
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.wording import clean_prompt, has_preamble, is_refusal

_QUOTE_WORDS = 8
_READ_OF_SCRIPT = 2000
_LARGEST_GROUP = 0.1
_SCRIPTS = (
    ("Latin", ((0x41, 0x24F), (0x1E00, 0x1EFF))),
    ("Greek", ((0x370, 0x3FF),)),
    ("Cyrillic", ((0x400, 0x52F),)),
    ("Hebrew", ((0x590, 0x5FF),)),
    ("Arabic", ((0x600, 0x6FF), (0x750, 0x77F))),
    ("Devanagari", ((0x900, 0x97F),)),
    ("Thai", ((0xE00, 0xE7F),)),
    ("Japanese", ((0x3040, 0x30FF),)),
    ("Chinese characters", ((0x4E00, 0x9FFF), (0x3400, 0x4DBF))),
    ("Korean", ((0xAC00, 0xD7AF),)),
)


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    severity: str
    message: str


_CHECKS = {
    "refusal": _Check("refusals", "warning", "with a rewritten text that refuses the task"),
    "unchanged": _Check(
        "unchanged texts", "warning", "with a rewritten text equal to the original"
    ),
    "preamble": _Check(
        "preambles",
        "note",
        'with a rewritten text that opens with an answer such as "Sure, here is"',
    ),
    "quoted": _Check(
        "quoted answers", "warning", "with a prompt that quotes eight or more words of the rewrite"
    ),
    "quoted original": _Check(
        "quoted originals", "note", "with a prompt that quotes eight or more words of the original"
    ),
    "gibberish": _Check("sticky tokens", "warning", "with tokens in the prompt that say nothing"),
    "repeated": _Check("repeated rows", "warning", "with both texts of an earlier row"),
    "same text, other prompt": _Check(
        "ambiguous pairs", "warning", "with the texts of an earlier row and another prompt"
    ),
}


def audit_rewrites(
    items: RewriteExam, *, against: RewriteExam | None = None
) -> tuple[Finding, ...]:
    """Return what is wrong or odd, worst first.

    Args:
        items: The rows.
        against: Training rows, which should share no prompts and texts with them.
    """
    rows: defaultdict[str, list[int]] = defaultdict(list)
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(items, 1):
        pair = (normalise(row.original), normalise(row.rewritten))
        if is_refusal(row.rewritten):
            rows["refusal"].append(number)
        elif has_preamble(row.rewritten):
            rows["preamble"].append(number)
        if pair[0] == pair[1]:
            rows["unchanged"].append(number)
        if pair in first:
            same = items[first[pair] - 1].prompt == row.prompt
            rows["repeated" if same else "same text, other prompt"].append(number)
        first.setdefault(pair, number)
        if row.prompt is None:
            continue
        if _quotes(row.prompt, row.rewritten):
            rows["quoted"].append(number)
        if _quotes(row.prompt, row.original):
            rows["quoted original"].append(number)
        if clean_prompt(row.prompt, context=f"{row.original} {row.rewritten}").removed:
            rows["gibberish"].append(number)
    found = [
        Finding(
            check.name,
            check.severity,
            f"{plural(len(rows[key]), 'row')} {check.message}",
            tuple(rows[key]),
        )
        for key, check in _CHECKS.items()
        if rows[key]
    ]
    found += [*_languages(items), *_large_groups(items)]
    if against is not None:
        found += find_shared(items, against)
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))


def find_shared(items: RewriteExam, train: RewriteExam) -> list[Finding]:
    """Return what rows share with training rows: texts, and near-equal prompts."""
    found = []
    known: Sequence[str] = [normalise(text) for text in (*train.originals, *train.rewrittens)]
    texts = set(known)
    rows = tuple(
        number
        for number, row in enumerate(items, 1)
        if normalise(row.original) in texts or normalise(row.rewritten) in texts
    )
    if rows:
        found.append(
            Finding(
                "texts in training data",
                "warning",
                f"{plural(len(rows), 'row')} with a text that is also in {train.source}",
                rows,
            )
        )
    if items.is_labelled and train.is_labelled:
        groups = prompt_groups([*train.prompts, *items.prompts])
        seen = set(groups[: len(train)].tolist())
        rows = tuple(
            number for number, group in enumerate(groups[len(train) :].tolist(), 1) if group in seen
        )
        if rows:
            found.append(
                Finding(
                    "prompts in training data",
                    "warning",
                    f"{plural(len(rows), 'row')} with a prompt equal or near-equal to one of "
                    f"{train.source}: scores say little about new prompts",
                    rows,
                )
            )
    return found


def script_of(text: str) -> str:
    """Return the script that most letters of a text belong to, or an empty string.

    >>> script_of("Rewrite this."), script_of("Перепиши это.")
    ('Latin', 'Cyrillic')
    """
    counts: Counter[str] = Counter()
    for letter, n in Counter(text[:_READ_OF_SCRIPT]).items():
        if name := _script_of_letter(letter):
            counts[name] += n
    return counts.most_common(1)[0][0] if counts else ""


@lru_cache(maxsize=4096)
def _script_of_letter(letter: str) -> str:
    if not letter.isalpha():
        return ""
    code = ord(letter)
    known = (name for name, spans in _SCRIPTS if any(a <= code <= b for a, b in spans))
    return next(known, "another script")


def _quotes(prompt: str, quoted: str) -> bool:
    spans = _word_spans(prompt)
    return bool(spans) and not spans.isdisjoint(_word_spans(quoted))


def _word_spans(text: str) -> set[tuple[str, ...]]:
    """Return all spans of `_QUOTE_WORDS` consecutive words."""
    words = words_of(text)
    return set(zip(*(words[i:] for i in range(_QUOTE_WORDS)), strict=False))


def _languages(items: RewriteExam) -> list[Finding]:
    found = [script_of(row.rewritten) for row in items]
    scripts = Counter(found)
    if len(scripts) < 2:
        return []
    shares = ", ".join(f"{name or 'no letters'} {n}" for name, n in scripts.most_common())
    usual = scripts.most_common(1)[0][0]
    rows = tuple(number for number, row in enumerate(items, 1) if script_of(row.rewritten) != usual)
    return [Finding("scripts", "note", f"rewritten texts by script: {shares}", rows)]


def _large_groups(items: RewriteExam) -> list[Finding]:
    if not items.is_labelled or len(items) < 20:
        return []
    groups = prompt_groups(items.prompts)
    group, size = Counter(groups.tolist()).most_common(1)[0]
    if size < _LARGEST_GROUP * len(items):
        return []
    rows = tuple(number for number, own in enumerate(groups.tolist(), 1) if own == group)
    message = (
        f"{size} of {len(items)} rows have the prompt '{items.prompts[rows[0] - 1]}' or one "
        "near-equal to it"
    )
    return [Finding("frequent prompt", "note", message, rows)]
