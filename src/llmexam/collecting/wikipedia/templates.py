"""Expand templates to text, innermost first, and count those that are dropped.

The policy, in this order:

1. References, notes, maintenance tags, hatnotes and navigation are dropped without a count.
2. Templates of `VALUES` and `WORDS` are shown as their renderer says.
3. Infoboxes become `label: value` rows, or are dropped if the settings say so.
4. Parser functions: `formatnum` and the case functions show their argument, others are dropped.
5. Any other template is dropped. It is counted by name, with the numbers in its arguments.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import wikitextparser

from llmexam.collecting.wikipedia.numbers import count_numbers
from llmexam.collecting.wikipedia.template_arguments import (
    EQUALS,
    PIPE,
    Call,
    normal_name,
    parse_call,
)
from llmexam.collecting.wikipedia.template_values import VALUES
from llmexam.collecting.wikipedia.template_words import WORDS, infobox_rows

INFOBOX_START, INFOBOX_END = "\ue004", "\ue005"
_INNERMOST = re.compile(r"\{\{((?:[^{}]|\{(?!\{)|\}(?!\}))*)\}\}")
_DEEPEST = 40

REFERENCES = re.compile(
    r"(?:cite\b|citation(?! needed)\b|sfn|harv|efn|refn?\b|rp$|r$|isbn|issn|doi\b|oclc|pmid"
    r"|pmc\b|jstor|arxiv|bibcode|mr$|zbl|lccn|ol$|google books|vcite|cit book|#tag:ref|reflist"
    r"|notelist|note$|note label|ref label|ref$|refs$|notefoot|notetag|sfnp?|webarchive"
    r"|wayback|dead link|page ?needed|imdb|mathworld|springer|planetmath|dmoz|official website"
    r"|official$|url$|youtube|gutenberg|librivox|internet archive|lsj|sep$|sep entry|ref?begin"
    r"|refend|cia world|who's who|oxforddnb|eb1911|1911|catholic|worldcat|oed|cbignore"
    r"|bare url|opencorp|finance links|twitter|facebook|instagram|curlie|in lang|\w\w icon$"
    r"|open access|closed access|subscription|harvard citation|inconsistent citations|plainref"
    r"|allmovie|mojo|rotten|anime news|ann$|discogs|musicbrainz|netflix|metacritic|acad"
    r"|britannica|wikisource|wikicite|apostol)"
)
"""Templates that are references: neither shown nor counted."""

_SILENT = re.compile(
    r"(?:citation needed|cn$|fact$|clarify|when|who$|whom|which|by whom|what$|where$|why$|how$"
    r"|dubious|vague|weasel|update(?:$| )|as of\?|verify|failed ver|not in cit|original research"
    r"|or$|pov|npov|primary source|better source|unreliable|ambiguous|disputed|specify|lead"
    r"|cleanup|unreferenced|refimprove|more |expand|multiple issues|tone|essay-|context"
    r"|one source|no footnotes|orphan|merge|copy ?edit|advert|peacock|notability|globali"
    r"|inline"
    r"|use (?:dmy|mdy|british|american|australian|indian|canadian|oxford|hiberno|irish"
    r"|new zealand|south)"
    r"|engvar|short description|pp-|pp$|good article|featured|protected|redirect|about|other "
    r"|otheruses|for$|for |distinguish|not to be|hatnote|main$|main |see$|see also|further"
    r"|details|seealso|portal|commons|sister|wiktionary|wikibooks|wikiquote|wikinews"
    r"|wikivoyage|wikispecies|wikiversity|library resources|subject bar|navbox"
    r"|authority control|taxonbar|coord missing|toc|clear|-$|div col|colbegin|colend|col-"
    r"|cols$|multicol|end$|defaultsort|displaytitle|italic title|title$|lowercase"
    r"|featured|link (?:fa|ga)|persondata|anchor|anchors|flagicon|flagdeco|nomobile|collaps"
    r"|hidden begin|hidden end|no more links|wikipedia books|stub|.*-stub$|dis?ambig"
    r"|disambiguation|dab$|hndis|geodis|surname|given name|set index|r from|r to|redr|ipac-"
    r"|respell|ipa-|audio|listen|image(?:$| )|multiple image|double image|wide image|triple image"
    r"|gallery|css image|external media|annotated image"
    r"|s-(?:start|end$|ttl|bef|aft|off|ppo|dip|aca|prec|hou|reg|break)|succession|wikiatlas"
    r"|geogroup|osmrelation|map caption|location map|inuse|under construction|!-!|interwiki"
    r"|legend begin|legend end|plainlist$|endplainlist|flatlist$|endflatlist|noref|sortable"
    r"|jump|rtl|short pages|sources$|attrib|source$|translated|skip to|expert"
    r"|good topic|sep$|wp |wikiproject|spoken|footer"
    r"|.*(?:topics|navigation|footer|sidebar|series)$|nobots|bots|glossary (?:begin|end)$|center$"
    r"|italictitle|unsigned|requested|incomplete"
    r"|missing (?:information|info)|technical|jargon|buzz)"
)


def is_unshown(name: str) -> bool:
    """Return whether a template is a reference, a tag of maintenance, navigation or an image."""
    if name in VALUES or name in WORDS:
        return False
    return _is_unshown(name)


@lru_cache(maxsize=1 << 16)
def _is_unshown(name: str) -> bool:
    return bool(REFERENCES.match(name) or _SILENT.match(name))


@dataclass
class Dropped:
    """What was dropped, by name.

    Attributes:
        uses: Calls of templates without a renderer.
        numbers: Numbers in their arguments, and in other things that were dropped.
    """

    uses: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)

    def note(self, name: str, text: str) -> None:
        """Count a dropped template."""
        self.uses[name] += 1
        self.note_text(name, text)

    def note_text(self, name: str, text: str) -> None:
        """Count the numbers of a dropped text."""
        n_numbers = count_numbers(text)
        if n_numbers:
            self.numbers[name] += n_numbers


def expand_templates(text: str, title: str, *, infoboxes: bool, dropped: Dropped) -> str:
    """Return wikitext with all templates replaced by their text.

    Args:
        text: Wikitext without comments.
        title: Title of the page, for `{{PAGENAME}}`.
        infoboxes: Whether infoboxes become rows, between `INFOBOX_START` and `INFOBOX_END`.
        dropped: Filled in.
    """
    if "{{" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        return _protect(_render(match[1], title, infoboxes, dropped))

    for _ in range(_DEEPEST):
        text, n_replaced = _INNERMOST.subn(replace, text)
        if not n_replaced:
            break
    if "{{" in text and "}}" in text:
        text = _expand_unbalanced(text, title, infoboxes, dropped)
    return text.replace(PIPE, "|").replace(EQUALS, "=")


def _expand_unbalanced(text: str, title: str, infoboxes: bool, dropped: Dropped) -> str:
    """Return a text without the templates that only a parser finds, among unpaired braces."""
    parsed = wikitextparser.parse(text)
    for template in reversed(parsed.templates):
        template.string = _protect(_render(template.string[2:-2], title, infoboxes, dropped))
    return str(parsed.string)


def _protect(text: str) -> str:
    return text.replace("|", PIPE).replace("=", EQUALS)


def _render(content: str, title: str, infoboxes: bool, dropped: Dropped) -> str:
    name = normal_name(content.partition("|")[0])
    if not name.strip():
        return ""
    simple = _CONSTANTS.get(name)
    if simple is not None:
        return simple
    if name.startswith("#") or ":" in name:
        function = _function(content, title)
        if function is not None:
            return function
    renderer = VALUES.get(name) or WORDS.get(name)
    if renderer is None and name.startswith("lang-"):
        renderer = WORDS["lang"]
    if renderer is not None:
        # No argument of these is another number than what they show.
        return renderer(parse_call(content))
    if name.startswith(("infobox", "probability distribution")) or name.endswith("infobox"):
        return _infobox(parse_call(content), infoboxes, dropped, content)
    if is_unshown(name):
        return ""
    dropped.note(name, content.partition("|")[2])
    return ""


def _infobox(call: Call, shown: bool, dropped: Dropped, content: str) -> str:
    if not shown:
        dropped.note_text("(infoboxes)", content.partition("|")[2])
        return ""
    rows = infobox_rows(call)
    return f"{INFOBOX_START}{rows}{INFOBOX_END}"


_CONSTANTS = {
    "!": PIPE,
    "=": EQUALS,
    "pipe": PIPE,
    "(": "{",
    ")": "}",
    "((": "{{",
    "))": "}}",
    "!!": PIPE * 2,
    "·": " · ",
    "-": "",
    "clear": "",
}
_SHOWING: dict[str, Callable[[str], str]] = {
    "formatnum": str,
    "lc": str.lower,
    "uc": str.upper,
    "ucfirst": str,
    "lcfirst": str,
    "nowrap": str,
    "padleft": str,
}


def _function(content: str, title: str) -> str | None:
    """Return what a parser function shows; None if it is a template after all."""
    name, _, rest = content.partition(":")
    name = normal_name(name)
    if name in _SHOWING:
        return _SHOWING[name](rest.partition("|")[0].strip())
    if name in {"pagename", "fullpagename"}:
        return title
    return "" if name.startswith("#") or name in {"defaultsort", "displaytitle"} else None
