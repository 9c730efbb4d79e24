"""Split text into sentences with one regular expression and a few rules, most for English."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Full stops, question and exclamation marks that always end a sentence: Chinese and Japanese,
# Hindi, Urdu and Arabic, Armenian, Ethiopic, Khmer, Burmese, Tibetan.
_ALWAYS = "。！？｡।॥۔؟։።៕។။།༎"  # noqa: RUF001
# Thai and Lao have none, and put a space between clauses.
_CLAUSE = re.compile(r"(?<=[\u0e01-\u0eff])[^\S\n]+(?=[\u0e01-\u0eff])")
# A candidate for the end of a sentence: closing punctuation with the quotes, brackets and numeric
# references attached to it, or a line break. It starts with a single character set, which lets
# the regex engine skip ahead in C.
_CANDIDATE = re.compile(
    rf"""[.!?…\n{_ALWAYS}]  [.!?…{_ALWAYS}]*  ["'”’)\]»」』）】》〉]*  (?:\[\d{{1,4}}\])*  (\s*)""",  # noqa: RUF001
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[A-Za-z0-9.]+\Z")
_NEXT_WORD = re.compile(r"[A-Z][A-Za-z]*(?=[\s,'’])")  # noqa: RUF001
_BULLET = re.compile(r"(?:[-–—*•‣◦·▪]|\(?(?:\d{1,3}|[A-Za-z])[.)])[ \t]")  # noqa: RUF001

_TITLES = (
    "mr mrs ms dr prof gen sgt capt cpt lt cmdr adm rev hon gov sen rep pres st mt ft messrs mme"
)
_LATIN = "e.g i.e eg ie cf viz vs v approx ca resp incl esp"
_NUMBERED = "fig figs eq eqs eqn eqns ref refs sec sect ch chap vol vols no nos nr pp ed eds trans"
_OTHERS = "dept univ spp sp subsp var nov"
# Abbreviations that are never the last word of a sentence when something follows.
_NEVER_LAST = frozenset(f"{_TITLES} {_LATIN} {_NUMBERED} {_OTHERS}".split())

_FIRMS = "al inc ltd co corp bros jr sr ph.d m.d b.a m.a b.sc m.sc a.m p.m b.c a.d u.s u.k u.n"
_MONTHS = "jan feb apr jun jul aug sep sept oct dec"
# Abbreviations that end a sentence only before a word that usually starts one.
_SELDOM_LAST = frozenset(f"{_FIRMS} {_MONTHS}".split())

_STARTERS_TEXT = """
    A After All Although An And Another As At Because Before Both But By During Each For From
    Further Furthermore Hence He Her Here His How However I If In Instead It Its Later Many More
    Moreover Most No Nevertheless Nor Not Of On Once One Other Others Our She Several Similarly
    Since So Some Such That The Their Then There Therefore These They This Those Though Through
    Thus To Today Two Under Unlike Until We What When Where Whereas Which While Who Why With
    Within Yet You
"""
_STARTERS = frozenset(_STARTERS_TEXT.split())
# Length range of hard-wrapped lines; shorter ones are headings, longer ones are paragraphs.
_WRAPPED_LINE = range(45, 161)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences of a text, in order.

    Spans do not overlap, have no white space at their ends, and together hold every other
    character of the text. A sentence ends at `.`, `!`, `?` or `…` before white space and
    something that can start a sentence; at the full stops of other scripts, such as `。`; in Thai
    and Lao, which have none, at a space; at a full stop glued to a capitalised word
    (`metals.Though`); at a blank line, before a bullet, and at the end of a line that was not
    wrapped. It does not end after abbreviations, initials, `e.g.`, in `3.5`, or before a word
    in lower case (unless the whole text is in lower case).

    Args:
        text: Any text; an empty or blank one has no sentences.

    >>> text = "Dr. A. Smith saw 3.5 g of metals.Though rare, e.g. gold sank. Why?"
    >>> [text[start:end] for start, end in split_sentences(text)]
    ['Dr. A. Smith saw 3.5 g of metals.', 'Though rare, e.g. gold sank.', 'Why?']
    """
    spans: list[tuple[int, int]] = []
    start = len(text) - len(text.lstrip())
    length = len(text.rstrip())
    lower = text.islower()
    for match in _CANDIDATE.finditer(text, start, length):
        next_start = match.end()
        if next_start >= length:
            break
        end = match.start(1)
        mark = match.start()
        # A decimal point or a dot inside a name, by far the most common dot inside a sentence.
        if end == next_start and text[mark] == "." and not text[next_start].isupper():
            continue
        if _ends_here(text, start, mark, end, next_start, lower):
            if text[mark] == "\n":
                end = mark + len(text[mark:end].rstrip())
                while end > start and text[end - 1].isspace():
                    end -= 1
            if end > start:
                spans.append((start, end))
            start = next_start
    if start < length:
        spans.append((start, length))
    if text.isascii() or _CLAUSE.search(text) is None:
        return spans
    return [clause for span in spans for clause in _clauses(text, *span)]


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of the clauses of a sentence in Thai or Lao."""
    for gap in _CLAUSE.finditer(text, start, end):
        yield start, gap.start()
        start = gap.end()
    yield start, end


def _ends_here(text: str, start: int, mark: int, end: int, next_start: int, lower: bool) -> bool:
    """Return whether a sentence that starts at `start` ends at the candidate at `mark`."""
    sign = text[mark]
    following = text[next_start]
    if sign in _ALWAYS:
        return True
    if sign == "\n" or "\n" in text[end:next_start]:
        if _line_ends(text, mark, end, next_start):
            return True
        if sign == "\n":
            return False
    if end == next_start:
        return _is_glued(text, mark, end)
    if following.islower() and not lower:
        # Tokenised text has a space before its full stop: "the wing .  the flow".
        return sign == "." and mark > start and text[mark - 1] == " " and text[end - 1] == "."
    return sign != "." or end - mark > 1 or _word_ends(text, start, mark, next_start, lower)


def _word_ends(text: str, start: int, mark: int, next_start: int, lower: bool) -> bool:
    """Return whether the word before a full stop can end a sentence."""
    match = _WORD_BEFORE.search(text, max(start, mark - 12), mark)
    if match is None:
        return True
    word = match.group()
    # Words in capitals are symbols or acronyms (CO, NO), not abbreviations.
    lookup = word if word.isupper() and len(word) > 1 and "." not in word else word.lower()
    if lookup in _NEVER_LAST:
        # "No." ends a sentence unless a number follows ("No. 5").
        return lookup in ("no", "nos", "nov", "var") and not text[next_start].isdigit()
    if match.start() == start and word.isdigit():
        return False  # A list number such as "1. First, ..." does not end a sentence.
    if lookup == "p":
        return not text[next_start].isdigit()
    is_initial = len(word) == 1 and (word.isupper() or lower) and word.isalpha()
    if is_initial or lookup in _SELDOM_LAST or ("." in word and not word[-1].isdigit()):
        return _starts_sentence(text, next_start)
    return True


def _starts_sentence(text: str, next_start: int) -> bool:
    match = _NEXT_WORD.match(text, next_start)
    return match is not None and match.group() in _STARTERS


def _is_glued(text: str, mark: int, end: int) -> bool:
    """Return whether a sentence starts right after the full stop, as in `metals.Though`."""
    before = text[mark - 2 : mark] if mark >= 2 else ""
    word_before = len(before) == 2 and before[1] in 'abcdefghijklmnopqrstuvwxyz0123456789)]”"'
    word_before = word_before and (before[0].isalnum() or before[0] in "-( ")
    after = text[end : end + 2]
    capitalised = len(after) == 2 and after[0].isupper() and (after[1].islower() or after[1] == " ")
    if not (word_before and capitalised) or text[mark : mark + 1] not in ".!?":
        return False
    match = _WORD_BEFORE.search(text, max(0, mark - 12), mark)
    # A dotted or abbreviated word before, as in "e.g.Gold" or "www.example.Com", ends nothing.
    return match is None or not ("." in match.group() or match.group().lower() in _NEVER_LAST)


def _line_ends(text: str, mark: int, end: int, next_start: int) -> bool:
    """Return whether a line break in the white space at the candidate ends the sentence."""
    gap = text[mark if text[mark] == "\n" else end : next_start]
    if gap.count("\n") > 1 or _BULLET.match(text, next_start):
        return True
    if text[next_start].islower():
        return False
    line_start = text.rfind("\n", 0, mark) + 1
    return text[mark] == "\n" and mark - line_start not in _WRAPPED_LINE
