"""Rules that recognise lines that are no content: navigation, notices, captions, exercises."""

from __future__ import annotations

import re

_N = r"\d+(?:[.\-\u2013]\d+)*[a-z]?"

RULES: dict[str, tuple[str, str]] = {
    "navigation": (
        "menu entries and links such as `Skip to main content`, `Back to top` or `Click here to`",
        r"(?:skip|jump|go|back|return) (?:back )?to (?:the )?(?:main )?"
        r"(?:content|navigation|search|top|next|previous|home|menu)\b.{0,80}$"
        r"|(?:previous|next|home|menu|search|log ?in|sign (?:in|up)|share|print|subscribe"
        r"|toggle \w+)(?:\s*[|\u203a»>·/]\s*[\w ]{1,30})*$"
        r"|[\w ]{1,30}(?:\s[|\u203a»]\s[\w ]{1,30}){2,}$"
        r"|click here (?:to|for) .{0,80}$",
    ),
    "cookies": (
        "cookie notices",
        r"(?:(?:we|this (?:web)?site|our (?:web)?site|by (?:using|continuing)).{0,120}\bcookies?\b"
        r"|(?:accept|reject|manage) (?:all )?cookies?\b|cookie (?:policy|settings|preferences)\b)"
        r".{0,300}$",
    ),
    "copyright": (
        "copyright and licence notices",
        r"(?:©|copyright\b|\(c\))\s*(?:copyright\s*)?(?:©|\(c\))?\s*(?:19|20)\d\d\b.{0,200}$"
        r"|.{0,200}\ball rights reserved\b.{0,40}$"
        r"|(?:this|the) (?:work|content|text|book|article|page)\b.{0,60}"
        r"\blicen[sc]ed under\b.{0,200}$"
        r"|(?:except where|unless) otherwise (?:noted|stated).{0,200}$"
        r"|(?:access|download) (?:it |this \w+ )?for free at\b.{0,120}$",
    ),
    "exercises": (
        "headings and references of exercises, such as `Exercise 3.4` or `Check Your "
        "Understanding`; the text of a worked solution is kept",
        r"(?:see |do |try )?(?:exercises?|problems?|examples?|questions?|quiz|activity) "
        rf"{_N}(?: (?:and|to|through|\u2013|-) {_N})?\s*[.:)]?(?: (?:solution|answer|hint)s?)?$"
        r"|(?:check your (?:understanding|learning)|(?:end[- ]of[- ]chapter|review|practice|"
        r"conceptual|additional) (?:exercises|problems|questions)|(?:solution|answer|hint)s?"
        r"|answer key)\s*[.:]?$",
    ),
    "captions": (
        "captions of figures and tables: `Figure 3.2 Orbit of Mars`; a sentence such as "
        "`Figure 3.2 shows` is kept",
        rf"(?:(?:figure|fig\.?|table|plate|scheme|box|photo) {_N}|FIGURE {_N}|TABLE {_N})"
        r"(?:\s*[.:\u2014\u2013-]\s*|\s+)(?-i:(?=[A-Z(\[“\"]|$)).{0,600}$"
        rf"|(?:figure|fig\.?|table) {_N}$",
    ),
    "credits": (
        "credits of pictures: `Credit: NASA`, `(credit a: modification of work by ...)`",
        r"\(?(?:(?:photo|image|picture|figure|video)s? )?(?:credits?|courtesy(?: of)?|source)"
        r"(?: [a-z])?\s*[:\uff1a].{0,300}$",
    ),
    "contents": (
        "lines of a table of contents: `Measurement ..... 12`, `3.2 Orbits of Planets 57`",
        r"(?:table of contents|contents|list of (?:figures|tables)|index)$"
        r"|.{1,120}?(?:\.{3,}|(?: \.){3,}|…+|·{3,})\s*[ivxlc\d]+$"
        rf"|(?:(?:chapter|section|appendix) {_N}|\d+(?:\.\d+)+) "
        r"(?-i:[A-Z])[^.!?]{2,80} \d{1,4}$",
    ),
    "empty": ("lines without a letter or digit", r"[\W_]+$"),
}
"""Rules by name: what they recognise, and a pattern for a whole line without outer spaces."""

COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, (_, pattern) in RULES.items()}

INLINE_CREDIT = re.compile(
    r"\s*\((?:(?:photo|image|picture)s? )?credits?(?: [a-z])?(?: (?:left|right|top|bottom))?\s*:"
    r"[^()]*(?:\([^()]*\)[^()]*)*\)",
    re.IGNORECASE,
)
