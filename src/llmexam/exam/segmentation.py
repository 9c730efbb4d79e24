"""Words of scripts that write no spaces between them: overlapping pairs of characters.

Chinese, Japanese, Thai, Lao, Khmer, Burmese and others are cut into pairs of characters with
their marks, as Lucene's CJKBigramFilter does; so is Korean, whose words end in particles. Pairs
need no dictionary, and for retrieval they are about as good as words. Texts in ASCII stay the
same object, so that other scripts cost nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from llmexam.exam.normal_forms import normal_form

# Thai, Lao, Burmese, Khmer, Tai Le, New Tai Lue, Tai Tham, Balinese, Javanese, Tai Viet, Myanmar
# extended: class SA of the Unicode line breaking algorithm, and Indonesian scripts.
_COMPLEX = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f"
    r"\ua980-\ua9ff\uaa60-\uaadf"
)
# Kana, Bopomofo, Han with its extensions, Yi: class ID, and iteration marks.
_IDEOGRAPHIC = (
    r"\u3005-\u3007\u3021-\u3029\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\ua000-\ua4cf\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
_HANGUL = r"\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
# Tibetan has a mark between syllables, and no spaces.
_SYLLABIC = r"\u0f00-\u0fff"
SPACELESS = re.compile(f"[{_COMPLEX}{_IDEOGRAPHIC}{_SYLLABIC}]")
"""A character of a script that writes no spaces between words."""

_ASCII = bytes(range(128))
# Marks of all scripts are beyond these, or in the blocks of combining characters.
_COMBINING = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u1fff\u20d0-\u20ff\u2cef-\u2cf1\u2de0-\u2dff"
    r"\u302a-\u302f\u3099\u309a\u3130-\u318f\ua66f-\uabff\ud7b0-\ud7ff\ufb1e\ufe20-\ufe2f\uff9e-\uffdc"
    r"\U00010000-\U0010ffff]"
)
_CUT = re.compile(f"[{_COMPLEX}{_IDEOGRAPHIC}{_HANGUL}]+")
_MARKS = "".join(
    chr(code)
    for code in (*range(0x0E00, 0x10A0), *range(0x1780, 0x1800), *range(0x1950, 0x1B80))
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
# Two characters of ideographic scripts are about a word; of the others, four.
_SIZED = re.compile(
    rf"[{_IDEOGRAPHIC}]{{1,2}}|[{_COMPLEX}{_SYLLABIC}]{{1,4}}[{_MARKS}]*"
    rf"|[^\s{_COMPLEX}{_IDEOGRAPHIC}{_SYLLABIC}]{{1,40}}"
)
# Virama signs that join the next consonant to the one before.
_JOINING = "\u17d2\u1039\u1a60\u1b44\ua9c0"
# A word of this many letters is none: its words cannot be told apart.
_LONGEST_WORD = 60
_UNDIVIDED = re.compile(rf"[^\W\d_]{{{_LONGEST_WORD + 1},}}")


@dataclass(frozen=True, slots=True)
class Singles:
    """Characters that are words of their own, beside the pairs.

    Attributes:
        characters: The characters.
        longer: Pairs that are known as parts of longer words: in them, a character is no word, as
            the "金" (gold) of "金属" (metal).
    """

    characters: frozenset[str] = frozenset()
    longer: frozenset[str] = frozenset()


def non_ascii(text: str) -> str:
    """Return the characters of a text that are not in ASCII, in order.

    It is many times faster than to look at each character, for most are in ASCII.

    >>> non_ascii("70 µm of café")
    'µé'
    """
    return (
        text.encode("utf-8", "surrogatepass")
        .translate(None, _ASCII)
        .decode("utf-8", "surrogatepass")
    )


def nfkc(text: str) -> str:
    """Return a text in Unicode's normalisation form NFKC; fast where few characters change.

    >>> nfkc("H₂O is 70 µm"), nfkc("Go\u0308del")
    ('H2O is 70 μm', 'Gödel')
    """
    if text.isascii():
        return text
    rest = non_ascii(text)
    normal = normal_form(rest)
    # Marks combine with the letter before them, and parts of Korean syllables with each other.
    if _COMBINING.search(rest) or _COMBINING.search(normal):
        return normal_form(text)
    if normal != rest:
        for character in set(rest):
            text = text.replace(character, unicodedata.normalize("NFKC", character))
    return text


def segmented(text: str, *, singles: Singles | None = None, all_singles: bool = False) -> str:
    """Return a text in NFKC with spaces between what counts as a word.

    >>> segmented("水星 is 最近的"), segmented("Go\u0308del")
    ('水星 is 最近 近的', 'Gödel')
    >>> segmented("水星", all_singles=True)
    '水 水星 星'

    Args:
        text: Any text; one in ASCII is returned as it is.
        singles: Characters that stand beside the pairs. A character alone is always a word.
        all_singles: Whether all characters stand beside the pairs.
    """
    if text.isascii():
        return text
    text = nfkc(text)
    if _CUT.search(non_ascii(text)) is None:
        return text
    cut = _CUT.sub(lambda match: f" {' '.join(_cut(match[0], singles, all_singles))} ", text)
    return re.sub(r" {2,}", " ", cut).strip(" ")


def single_characters(text: str) -> frozenset[str]:
    """Return the characters that are words of their own in a text of a script without spaces.

    >>> single_characters("铁 or 黄金")
    frozenset({'铁'})
    """
    if text.isascii():
        return frozenset()
    runs = _CUT.findall(normal_form(text))
    return frozenset(run for run in runs if len(_units(run)) == 1)


def _cut(run: str, singles: Singles | None, all_singles: bool) -> list[str]:
    units = _units(run)
    if len(units) == 1:
        return units
    pairs = [first + second for first, second in pairwise(units)]
    if singles is None and not all_singles:
        return pairs
    words = []
    for place, unit in enumerate(units):
        around = pairs[max(0, place - 1) : place + 1]
        if all_singles or (
            singles is not None and unit in singles.characters and singles.longer.isdisjoint(around)
        ):
            words.append(unit)
        words += pairs[place : place + 1]
    return words


def _units(run: str) -> list[str]:
    """Return the characters of a run, each with its marks and the consonants joined to it."""
    starts: list[int] = []
    joins = False
    for place, character in enumerate(run):
        is_mark = unicodedata.category(character) in ("Mn", "Mc")
        if not starts or not (is_mark or joins):
            starts.append(place)
        joins = character in _JOINING
    return [run[start:end] for start, end in pairwise([*starts, len(run)])]


def sized_words(text: str) -> re.Pattern[str] | None:
    """Return a pattern for parts of about a word's size, or None if white space separates words.

    >>> sized_words("水星是行星 or so").findall("水星是行星 or so")
    ['水星', '是行', '星', 'or', 'so']

    Args:
        text: The text that is to be divided.
    """
    is_divided = text.isascii() or SPACELESS.search(non_ascii(text)) is None
    return None if is_divided else _SIZED


def is_undivided(text: str) -> bool:
    """Return whether a text has words that cannot be told apart: over 60 letters in a row.

    Args:
        text: The text.
    """
    # Most texts have so many spaces that there is nothing to search for.
    if (text.count(" ") + text.count("\n") + 1) * _LONGEST_WORD > len(text):
        return False
    return _UNDIVIDED.search(segmented(text)) is not None


def share_undivided(texts: Iterable[str]) -> float:
    """Return the share of texts with words that cannot be told apart.

    Args:
        texts: The texts.
    """
    found = [is_undivided(text) for text in texts]
    return sum(found) / len(found) if found else 0.0
