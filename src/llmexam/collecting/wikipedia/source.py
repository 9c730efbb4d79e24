"""Numbers and formulas that the wikitext of a page shows: the yardstick of every conversion.

Not counted: comments, references, templates of references, notes, maintenance, navigation and
images (`is_unshown`), file links with their captions, categories, addresses and link targets,
HTML and table attributes, names of templates and of their arguments, layout arguments such as
`image_size`, dates of maintenance tags, months in date templates (they are shown as words), the
precision of `{{convert}}`, and graphics.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass

from llmexam.collecting.wikipedia.numbers import find_numbers, squeeze
from llmexam.collecting.wikipedia.template_arguments import normal_name
from llmexam.collecting.wikipedia.template_words import is_layout
from llmexam.collecting.wikipedia.templates import is_unshown

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
REF = re.compile(r"<ref\b[^<>]*?(?:/>|>.*?(?:</ref\s*>|\Z))", re.DOTALL | re.IGNORECASE)
GRAPHIC = re.compile(
    r"<(timeline|score|imagemap|gallery|templatestyles|graph|mapframe|hiero|section)\b[^<>]*?"
    r"(?:/>|>.*?(?:</\1\s*>|\Z))",
    re.DOTALL | re.IGNORECASE,
)
FORMULA = re.compile(
    r"<(math|chem|ce)\b(?:\s[^<>]*)?(?<!/)>(.*?)(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
HEADING = re.compile(r"^(={1,6})(.+?)\1[ \t]*$", re.MULTILINE)
_FILE = re.compile(
    r"\[\[\s*+(?::\s*+)?(?:file|image|media|category|datei|fichier|archivo|bild|kategorie|[a-z]{2,3}(?:-[a-z]+)?)"
    r"\s*:(?:[^\[\]]|\[\[[^\[\]]*\]\]|\[[^\[\]]*\])*\]\]",
    re.IGNORECASE,
)
_LINK = re.compile(r"\[\[[^\[\]|]*\|([^\[\]]*)\]\]")
_ADDRESS = re.compile(r"//[^\s\]|}<>]+")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ATTRIBUTES = re.compile(
    r"(?<!\w)(?:style|width|height|align|valign|colspan|rowspan|bgcolor|class|border|cellpadding"
    r"|cellspacing|scope|id|color|nowrap|data-sort-value|title|dir|lang|rules)"
    r"\s*=\s*(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s|!\"'}]+)",
    re.IGNORECASE,
)
_TABLE_LINE = re.compile(r"^[ :]*(?:\{\||\|-).*$", re.MULTILINE)
_TEMPLATE = re.compile(r"\{\{((?:[^{}]|\{(?!\{)|\}(?!\}))*)\}\}")
_MAINTENANCE_DATE = re.compile(r"\|\s*date\s*=\s*+[A-Z]?[a-z]*\s*+\d{4}\s*(?=[|}])")
_PIXELS = re.compile(r"(?<![0-9])[0-9]++(?:x[0-9]+)?\s?px\b")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{3,8}\b")
_SCALE = re.compile(r"scale:[0-9]+")
_CELL_LINE = re.compile(r"^[ \t]*[|!][^\n]*=[^\n]*$", re.MULTILINE)
_DATE_NAME = re.compile(
    r"(?:birth|death|start|end|release|launch|published|opened|film|television)[ -]?date"
    r"|as of$|since$|dts$|bda$|dda$|dob$|release$"
)


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """What a page shows: numbers, and squeezed TeX of its formulas, with how often each occurs."""

    numbers: Counter[str]
    formulas: Counter[str]


def count_source(wikitext: str) -> SourceCounts:
    """Return the numbers and formulas that a wikitext shows."""
    text = COMMENT.sub("", wikitext)
    text = GRAPHIC.sub(" ", REF.sub(" ", text))
    formulas: Counter[str] = Counter()

    def take(match: re.Match[str]) -> str:
        if squeezed := squeeze(html.unescape(match[2])):
            formulas[squeezed] += 1
        return " "

    text = FORMULA.sub(take, _FILE.sub(" ", text))
    text = _MAINTENANCE_DATE.sub("", text)
    text = _ADDRESS.sub(" ", text)
    text = _LINK.sub(r"\1", text)
    text = TAG.sub(" ", text)
    # Innermost first: a reference template may hold other templates.
    for _ in range(12):
        text, n_replaced = _TEMPLATE.subn(_shown_arguments, text)
        if not n_replaced:
            break
    text = _CELL_LINE.sub(lambda m: _ATTRIBUTES.sub(" ", m[0]), _TABLE_LINE.sub(" ", text))
    text = html.unescape(text)
    for pattern in (_PIXELS, _COLOUR, _SCALE):
        text = pattern.sub(" ", text)
    return SourceCounts(find_numbers(text), formulas)


def _shown_arguments(match: re.Match[str]) -> str:
    """Return the shown values of a template's arguments, or nothing for a reference."""
    head, *parts = match[1].split("|")
    name = normal_name(head)
    if is_unshown(name):
        return " "
    # `{{formatnum:1234}}` has its value in its name.
    shown = [head.partition(":")[2]] if ":" in head else []
    values = [part for part in (_value(part) for part in parts) if part is not None]
    if name in {"convert", "cvt"}:
        values = _without_precision(parts)
    elif _DATE_NAME.match(name):
        values = [
            v for i, v in enumerate(v for v in values if v.strip()) if i % 3 != 1 or len(v) > 2
        ]
    return f" {' | '.join(shown + values)} "


def _value(part: str) -> str | None:
    label, equals, value = part.partition("=")
    if not equals:
        return part
    return None if is_layout(label) else value


def _without_precision(parts: list[str]) -> list[str]:
    values = [part for part in parts if "=" not in part]
    while len(values) > 1 and re.fullmatch(r"\s*-?[0-9]+\s*", values[-1]):
        values.pop()
    # The powers of ten of unit codes such as `e6acre` are shown as words, those of `km2` raised.
    return [re.sub(r"^\s*e(?:3|6|9|12)(?=[A-Za-z])", "", value) for value in values]
