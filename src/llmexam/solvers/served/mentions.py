"""Mentions of options in a written answer: by letter, or quoted in full."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from llmexam.exam.letters import letter_of
from llmexam.exam.normal_forms import normal_form

# A letter of a word, unlike one beside Chinese or Thai, which write no spaces.
_ATTACHED = r"0-9A-Za-z\u00c0-\u024f\u0370-\u058f_'\u2019"
_LETTER = re.compile(
    rf"(?<![{_ATTACHED}])(?<![{_ATTACHED}]-)([A-Z])"
    # Turkish writes "C'dir", "it is C".
    rf"(?=['\u2019][dt][i\u0131u\u00fc]r\b|(?![{_ATTACHED}]|-[{_ATTACHED}]|\+\+|#))"
)
# Lower-case letters are letters of options only with brackets, at an end, or after "option".
_SMALL = re.compile(
    rf"(?<![{_ATTACHED}])(?<![{_ATTACHED}]-)([a-z])(?=[).:,\]\"']|\s*(?:\Z|\n))"
    r"|(?:(?<=option )|(?<=choice )|(?<=letter ))([a-z])(?![\w'])",
)
# "A" and other vowels are also words: "A star is ...", "I think ...".
_WORD = re.compile(
    r"\s+(?!(?:is|as|because|and|or|then|since|was|would|looks|seems|due|ist|und|weil|est|et|ou|"
    r"car|es|porque|é)\b)[a-z]"
)
_NAMES = ("option ", "choice ", "letter ", "answer ")
_NUMBER = re.compile(r"\b(?:option|choice|number|answer choice)\s+(?:is\s+|no\.?\s*)?(\d{1,2})\b")
_SEPARATOR = re.compile(
    r"[)\]\s]*(?:\s*[,>&/、،]\s*|\s+)?"
    r"(?:(?:and|or|then|or else|followed by|und|oder|et|ou|y|o)\s+)?"
    r"(?:(?<=\n)\s*\d{1,2}[.)]\s*)?[(\[]?"
)
_MARKED_AFTER = re.compile(r"[).:\]]")
_LINE_END = re.compile(r"[).:\]]?[ ,>]*(?:\n|\Z)")
# Most characters between two options of one list.
_LONGEST_SEPARATOR = 24
# Scripts that write words without spaces between them.
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place of an answer that names an option.

    Attributes:
        place: Index of the option.
        start: Start in the text.
        end: End, exclusive; the option's own text after its letter belongs to it.
        is_letter: Whether it is a letter, not a quotation.
        is_marked: Whether the letter is written as a label: "(B)", "B.", "B: salt".
    """

    place: int
    start: int
    end: int
    is_letter: bool
    is_marked: bool = False


def plain(text: str) -> str:
    r"""Return a text in NFKC without Markdown, LaTeX styles and repeated spaces.

    >>> plain(r"The answer is **\text{B}**.")
    'The answer is B.'
    """
    text = normal_form(text.translate(_SQUARED))
    text = re.sub(r"<\|[^|<>]{1,40}\|>|</?s>|\\[()\[\]]", " ", text)
    text = re.sub(
        r"\\(?:text|math|operatorname)[a-z]{0,4}\s?\{([^{}]{0,200})\}|[*_`#$~]+", r"\1", text
    )
    return re.sub(r"[^\S\n]+", " ", text).strip()


# Letters in filled circles and squares, which NFKC keeps.
_SQUARED = {
    start + place: chr(ord("A") + place) for start in (0x1F150, 0x1F170) for place in range(26)
}


def find_quoted(text: str, options: Sequence[str]) -> list[Mention]:
    """Return the places where options are quoted in full, in order.

    The longest options come first, because "sea salt" contains "salt". Options whose text is a
    letter of an option, and repeated ones, are ambiguous and not searched for.

    Args:
        text: The answer, as `plain` returns it.
        options: The options.
    """
    texts = [plain(option).rstrip(".。 ") for option in options]
    folded = [one.casefold() for one in texts]
    letters = {letter_of(place) for place in range(len(options))}
    found: list[Mention] = []
    taken = bytearray(len(text))
    for place in sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i)):
        one = texts[place]
        if not re.search(r"\w", one) or folded.count(folded[place]) > 1 or one in letters:
            continue
        for match in re.finditer(_quotation(one), text, re.IGNORECASE):
            start, end = match.span()
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Mention(place, start, end, is_letter=False))
    return sorted(found, key=lambda one: one.start)


def _quotation(option: str) -> str:
    body = r"\s+".join(re.escape(word) for word in option.split())
    before, after = "", ""
    if re.match(r"\w", option) and not _SPACELESS.match(option):
        before = r"(?<![^\W\d_])(?<!\d)(?<!\d[.,])" if option[0].isdigit() else r"(?<!\w)"
        before += r"(?<![-\u2212])" if option[0].isdigit() else ""
        before = before.replace(r"(?<!\w)", rf"(?<![{_ATTACHED}])")
    if re.match(r"\w", option[-1]) and not _SPACELESS.match(option[-1]):
        after = rf"(?![{_ATTACHED[:-7]}])" + (r"(?![.,]\d)" if option[-1].isdigit() else "")
    return before + body + after


def find_letters(text: str, n_options: int, quoted: Sequence[Mention]) -> list[Mention]:
    """Return the letters of options in a text, in order; not those inside of quoted options.

    Args:
        text: The answer, as `plain` returns it.
        n_options: Number of options.
        quoted: Quoted options, in order.
    """
    places = {letter_of(place): place for place in range(n_options)}
    hidden = bytearray(len(text))
    starts = {}
    for one in quoted:
        hidden[one.start : one.end] = b"\1" * (one.end - one.start)
        starts[one.start] = one
    found = {}
    for match in _LETTER.finditer(text):
        place = places.get(match[1])
        start, end = match.span(1)
        named = text[max(0, start - 7) : start].lower() in _NAMES
        is_word = match[1] in "AEIOUY" and not named and _WORD.match(text, end)
        if place is not None and not hidden[start] and not is_word:
            found[start] = Mention(place, start, end, is_letter=True)
    for match in _SMALL.finditer(text):
        number = match.lastindex or 1
        place = places.get(match[number].upper())
        start, end = match.span(number)
        if place is not None and not hidden[start] and _is_label(text, start, end):
            found[start] = Mention(place, start, end, is_letter=True)
    for match in _NUMBER.finditer(text.lower()) if text.isascii() else ():
        if 1 <= int(match[1]) <= n_options and not hidden[match.start(1)]:
            start, end = match.span(1)
            found[start] = Mention(int(match[1]) - 1, start, end, is_letter=True)
    return [_marked(found[start], text, starts) for start in sorted(found)]


def _is_label(text: str, start: int, end: int) -> bool:
    """Return whether a lower-case letter is written as the label of an option."""
    before, after = text[max(0, start - 12) : start], text[end : end + 1]
    if not before.strip(" \n([\"'"):
        return True
    if before.rstrip("\"' ").endswith(("(", "[")):
        return after in (")", "]")
    # "e.g." and "a." of a sentence have no colon or cue before them; a cue is judged later.
    return bool(
        re.search(
            r"(?:[:=]|\n|\b(?:is|ist|est|es|choose|pick|select|with|answer)|option|choice|letter)\s*\Z",
            before,
        )
    )


def _marked(one: Mention, text: str, quoted: dict[int, Mention]) -> Mention:
    """Return a letter with its own option's text, and with whether it is written as a label."""
    is_marked = bool(_MARKED_AFTER.match(text, one.end))
    match = re.compile(r"[).:\]]{0,2}[\s\-\u2013\u2014=(\"']{0,4}").match(text, one.end)
    own = quoted.get(match.end()) if match is not None else None
    if own is not None and own.place == one.place and match is not None:
        return replace(one, end=own.end, is_marked=True)
    return replace(one, is_marked=is_marked)


def find_runs(text: str, mentions: Sequence[Mention]) -> Iterator[list[Mention]]:
    """Yield the mentions in lists such as "B, A and D"; a mention alone is a list of one."""
    run: list[Mention] = []
    for one in mentions:
        if run:
            gap = text[run[-1].end : one.start]
            ends_line = _LINE_END.match(text, one.end)
            goes_on = "\n" not in gap or ("\n\n" not in gap and ends_line)
            is_new = all(one.place != other.place for other in run)
            if not (gap and is_new and goes_on and _is_separator(gap)):
                yield run
                run = []
        run.append(one)
    if run:
        yield run


def _is_separator(gap: str) -> bool:
    return len(gap) <= _LONGEST_SEPARATOR and bool(_SEPARATOR.fullmatch(gap))
