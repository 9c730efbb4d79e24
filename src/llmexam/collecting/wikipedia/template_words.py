"""Templates that show words, dates, lists and layout."""

# Minus signs, dashes and multiplication signs are the subject of this module.
# ruff: noqa: RUF001

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from llmexam.collecting.wikipedia.template_arguments import Call

Renderer = Callable[[Call], str]

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def date_text(year: str, month: str = "", day: str = "") -> str:
    """Return a date in words; a month that is no number from 1 to 12 stays as it is.

    >>> date_text("1954", "7", "17"), date_text("2010", "3"), date_text("1999")
    ('17 July 1954', 'March 2010', '1999')
    """
    number = int(month) if month.isascii() and month.isdigit() and len(month) <= 2 else 0
    name = _MONTHS[number - 1] if 1 <= number <= 12 else month
    return " ".join(part for part in (day.lstrip("0"), name, year) if part)


def _date(call: Call) -> str:
    return date_text(call.at(1), call.at(2), call.at(3))


def _two_dates(call: Call) -> str:
    parts = call.positional
    if len(parts) < 6:
        return ", ".join(parts)
    return f"{date_text(*parts[:3])} (born {date_text(*parts[3:6])})"


def _as_of(call: Call) -> str:
    text = call.get("alt") or ("as of " if call.get("lc") else "As of ") + _date(call)
    return text + call.get("post")


def _film_dates(call: Call) -> str:
    parts, found = call.positional, []
    while parts:
        place = parts[3] if len(parts) > 3 else ""
        found.append(date_text(*parts[:3]) + (f" ({place})" if place else ""))
        parts = parts[4:]
    return "; ".join(one for one in found if one)


def _coordinates(call: Call) -> str:
    parts = [part for part in call.positional if ":" not in part]
    found: list[str] = []
    current: list[str] = []
    for part in parts:
        if part.upper() in {"N", "S", "E", "W"}:
            marks = zip(current, ("°", "′", "″"), strict=False)
            found.append("".join(f"{value}{mark}" for value, mark in marks) + part.upper())
            current = []
        elif part:
            current.append(part)
    return " ".join(found) if found else ", ".join(current)


def _nihongo(call: Call) -> str:
    inner = ", ".join(part for part in (call.at(2), call.at(3)) if part)
    return f"{call.at(1)} ({inner})" if inner else call.at(1)


def _marriage(call: Call) -> str:
    years = "–".join(part for part in (call.at(2), call.at(3)) if part)
    return f"{call.at(1)} (m. {years})" if years else call.at(1)


def _list(call: Call) -> str:
    return "; ".join(part for part in call.positional if part)


def _lines(call: Call) -> str:
    # The first argument of {{plainlist}} is a list in wikitext; other lists have one item each.
    if len(call.positional) == 1 and "\n" in call.at(1):
        return "; ".join(
            line.lstrip("*# ").strip() for line in call.at(1).splitlines() if line.strip("*# ")
        )
    return _list(call)


def _quote(call: Call) -> str:
    text = call.at(1) or call.get("text", "quote")
    source = ", ".join(
        one for one in (call.at(2) or call.get("author", "sign"), call.get("source")) if one
    )
    return f"\n{text}{f' — {source}' if source else ''}\n"


def _rows(call: Call) -> str:
    """Return labelled values as `label: value` rows: infoboxes and rows of tables."""
    rows = [
        f"{label.replace('_', ' ').strip()}: {' '.join(value.split())}"
        for label, value in call.named.items()
        if value and not is_layout(label)
    ]
    return "\n" + "\n".join(rows) + "\n" if rows else ""


def _table_row(call: Call) -> str:
    """Return labelled values, and pairs of values without labels, in one line."""
    pairs = [": ".join(call.positional[i : i + 2]) for i in range(0, len(call.positional), 2)]
    return "\n" + "; ".join([*_rows(call).strip().splitlines(), *filter(None, pairs)]) + "\n"


def at(place: int) -> Renderer:
    """Return a renderer that shows one positional argument."""
    return lambda call: call.at(place)


def _last(call: Call) -> str:
    return call.positional[-1] if call.positional else ""


def constant(text: str) -> Renderer:
    """Return a renderer that always shows the same text."""
    return lambda call: text


_LAYOUT_WORDS = (
    "image images img imagesize logo map mapsize flag photo picture signature size color "
    "colour style alt upright footnote footnotes ref refs caption align url website bgcolor "
    "background pushpin coat seal module embed zoom scale border frame margin padding "
    "direction titlestyle class id format float bodystyle abovestyle pic image_size bg "
    "text-align valign col cols width "
)
_LAYOUT = frozenset(_LAYOUT_WORDS.split())
_LAYOUT_ENDINGS = ("style", "size", "color", "colour", "caption", "align", "image", "width")


def is_layout(label: str) -> bool:
    """Return whether an argument holds layout, an image or an address, by its label.

    >>> is_layout("image_size2"), is_layout("height"), is_layout("altitude")
    (True, False, False)
    """
    words = [word for word in re.split(r"[\W\d_]+", label.lower()) if word]
    return any(word in _LAYOUT or word.endswith(_LAYOUT_ENDINGS) for word in words)


_SHOWN = (
    "small smaller smaller2 larger big bigger huge large nowrap nobr nobold noitalic "
    "nobreak center resize lower keypress key press kbd code mono monospace tt strong em "
    "emph strong underline u i b italic bold abbr tooltip abbrlink vanchor visible+anchor "
    "sc smallcaps small+caps var mvar math bigmath mathcal longitem poem block+indent "
    "quote+box white color box box+text nowiki noprint hidden text vec gaelic flag flagu "
    "flagcountry flaglist flagdeco noflag ill interlanguage+link link-interwiki "
    "interlanguage+link+multi oeis oeis2c ipa ipa2 ipaslink ipa+link linktext wikt wikt- "
    "lang nom won sic typo not+a+typo proper+name ship hms uss sclass native+phrase date "
    "start+year vr c. sfrac. script asterisk ubl. nobots stack anchor+text blue red green "
    "n/a2 cite-inline pagename visible not-a-typo nbsp+text audio pronunciation "
    "transliteration. notatypo yesno tmath imath unichar char quote-inline inline+quote' "
    "self-published' lc uc ucfirst lcfirst "
)
_DATES = (
    "birth date;birth date and age;birth year and age;death date;death year;start date;end date"
    ";start date and age;start-date;end-date;dob;bda;birth-date;death-date;birth-date and age"
    ";release date;published date;launch date;dts;date table sorting;dtsh;date;start date2;age"
    ";birth year;death year and age;opened date;completion date;age in years;age in days"
)

WORDS: Mapping[str, Renderer] = {
    **dict.fromkeys((n.replace("+", " ").rstrip("'") for n in _SHOWN.split()), at(1)),
    **dict.fromkeys(_DATES.split(";"), _date),
    **dict.fromkeys(("death date and age", "dda", "death-date and age"), _two_dates),
    **dict.fromkeys(("as of", "since", "asof"), _as_of),
    **dict.fromkeys(("film date", "television date", "release"), _film_dates),
    **dict.fromkeys(("circa", "c.", "ca", "ca."), lambda call: f"c. {'–'.join(call.positional)}"),
    **dict.fromkeys(("floruit", "fl."), lambda call: f"fl. {'–'.join(call.positional)}"),
    **dict.fromkeys(("reign", "r."), lambda call: f"r. {'–'.join(call.positional)}"),
    **dict.fromkeys(("lang", "langx", "transl", "transliteration", "native name"), _last),
    **dict.fromkeys(("nihongo", "nihongo2", "nihongo3", "nihongo4", "nihongo krt"), _nihongo),
    **dict.fromkeys(
        ("zh", "chinese"),
        lambda call: "; ".join(
            v for k, v in call.named.items() if k in {"s", "t", "c", "p", "w", "j"}
        ),
    ),
    **dict.fromkeys(("coord", "coordinates"), _coordinates),
    **dict.fromkeys(
        (
            "columns-list",
            "columns list",
            "col list",
            "multicol",
            "div col list",
            "hidden",
            "collapsed",
        ),
        lambda call: call.get("content", "text", "list1") or _last(call),
    ),
    "marriage": _marriage,
    **dict.fromkeys(
        (
            "plainlist",
            "flatlist",
            "hlist",
            "ubl",
            "ublist",
            "unbulleted list",
            "vunblist",
            "bulleted list",
            "ordered list",
            "unordered list",
            "cslist",
            "comma separated entries",
            "collapsible list",
        ),
        _lines,
    ),
    **dict.fromkeys(
        (
            "quote",
            "blockquote",
            "cquote",
            "quotation",
            "rquote",
            "bquote",
            "pull quote",
            "centered pull quote",
            "quote frame",
        ),
        _quote,
    ),
    **dict.fromkeys(
        (
            "legend",
            "legend2",
            "color box",
            "font color",
            "fontcolor",
            "colour",
            "color",
            "sort",
            "sortname2",
            "hover title",
            "background color",
            "bg",
            "wikt-lang",
            "iast",
            "angle",
            "diagonal split header",
            "dunno",
        ),
        lambda call: call.at(2) or call.at(1),
    ),
    "sortname": lambda call: f"{call.at(1)} {call.at(2)}".strip(),
    **dict.fromkeys(("mdash", "em dash", "—", "emdash", "mdashb", "spaced em dash"), constant("—")),
    **dict.fromkeys(("ndash", "en dash", "–", "endash"), constant("–")),
    **dict.fromkeys(("snd", "spnd", "spaced ndash", "spaced en dash", "dash"), constant(" – ")),
    **dict.fromkeys(
        (
            "nbsp",
            "spaces",
            "space",
            "thinsp",
            "thin space",
            "hairsp",
            "pad",
            "figure space",
            "zwsp",
            "zwj",
            "zwnj",
            "wbr",
            "shy",
            "·w",
        ),
        constant(" "),
    ),
    **dict.fromkeys(("·", "dot", "middot", "•", "bullet", "bold middot"), constant(" · ")),
    **dict.fromkeys(("'", "apostrophe"), constant("'")),
    **dict.fromkeys(("'s", "' s"), constant("'s")),
    **dict.fromkeys(("n/a", "na"), constant("N/A")),
    **dict.fromkeys(("yes", "won", "aye", "ya"), lambda call: call.at(1) or "Yes"),
    **dict.fromkeys(("no", "nom", "nay", "nope"), lambda call: call.at(1) or "No"),
    **dict.fromkeys(("increase", "up", "profit"), constant("▲")),
    **dict.fromkeys(("decrease", "down", "loss"), constant("▼")),
    **dict.fromkeys(("steady",), constant("")),
    **dict.fromkeys(("née", "nee", "born"), lambda call: f"née {call.at(1)}"),
    **dict.fromkeys(("inflation", "formatprice", "fxconvert"), lambda call: call.at(2)),
    **dict.fromkeys(
        (
            "episode list",
            "fs player",
            "football squad player",
            "taxobox",
            "automatic taxobox",
            "speciesbox",
            "chembox",
            "drugbox",
            "geographic location",
            "election box candidate",
            "equation box 1",
            "track listing",
            "tracklist",
            "graphical timeline",
            "bar percent",
            "weather box",
            "climate chart",
            "historical populations",
            "us census population",
            "english anime licensee",
            "elementbox",
        ),
        _table_row,
    ),
    **dict.fromkeys(("bartable",), lambda call: f"{call.at(1)} {call.at(2)}".strip()),
    **dict.fromkeys(("vol.", "vol"), lambda call: f"vol. {call.at(1)}"),
    **dict.fromkeys(("p.", "pp."), lambda call: f"p. {call.at(1)}"),
    **dict.fromkeys(("lien", "link", "nolink"), lambda call: call.at(2) or call.at(1)),
}


def infobox_rows(call: Call) -> str:
    """Return an infobox as rows of `label: value`; `labelN` and `dataN` make one row.

    Args:
        call: The call of the infobox.
    """
    named = dict(call.named)
    for key in [key for key in named if re.fullmatch(r"label\d+", key)]:
        label, data = named.pop(key), named.pop(key.replace("label", "data"), "")
        if data:
            named[label] = data
    return _rows(Call(call.name, call.positional, named))
