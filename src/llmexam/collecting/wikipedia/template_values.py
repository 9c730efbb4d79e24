"""Templates that show numbers, units and formulas."""

# Minus signs, dashes and multiplication signs are the subject of this module.
# ruff: noqa: RUF001

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from llmexam.collecting.wikipedia.formulas import lowered, mhchem, raised
from llmexam.collecting.wikipedia.template_arguments import Call

Renderer = Callable[[Call], str]

_RANGES = {
    "-": "–",
    "–": "–",
    "to": " to ",
    "to(-)": " to ",
    "to about": " to about ",
    "and": " and ",
    "&": " and ",
    "and(-)": " and ",
    "or": " or ",
    "by": " by ",
    "x": " × ",
    "×": " × ",
    "*": " × ",
    "xx": " × ",
    "by(x)": " by ",
    "+/-": " ± ",
    "±": " ± ",
    "+": " + ",
    ",": ", ",
    "/": "/",
    "to-": " to ",
    "&-": " and ",
    "through": " through ",
}
_NUMBER = re.compile(r"[-+−–±]?[~<>≈]?[0-9][0-9.,/+\-–⁄ ]*(?:e[-+−]?[0-9]+)?|[0-9]*[½¼¾⅓⅔⅛]", re.I)
_UNITS = {
    "c": "°C",
    "f": "°F",
    "k": "K",
    "r": "°R",
    "sqmi": "sq mi",
    "sqkm": "km²",
    "sqft": "sq ft",
    "sqyd": "sq yd",
    "sqm": "m²",
    "sqin": "sq in",
    "cuft": "cu ft",
    "cuyd": "cu yd",
    "cuin": "cu in",
    "cumi": "cu mi",
    "impgal": "imp gal",
    "usgal": "US gal",
    "u.s.gal": "US gal",
    "kph": "km/h",
    "kmph": "km/h",
    "ftin": "ft",
    "lbf.ft": "lb⋅ft",
    "lk": "lk",
    "um": "μm",
    "deg": "°",
    "t": "tonnes",
    "st": "st",
    "l": "L",
    "shton": "short tons",
    "lton": "long tons",
}


_POWERS = {"3": "thousand", "6": "million", "9": "billion", "12": "trillion"}


def unit(text: str) -> str:
    """Return a unit code of `{{convert}}` or `{{val}}` as it is read.

    >>> unit("km2"), unit("C"), unit("kg.m-3"), unit("e6acre")
    ('km²', '°C', 'kg⋅m⁻³', 'million acre')
    """
    text = text.strip()
    power = re.match(r"e(3|6|9|12)(?=[A-Za-z])", text)
    if power:
        return f"{_POWERS[power[1]]} {unit(text[power.end() :])}"
    return _UNITS.get(text.lower()) or symbol(text)


def symbol(text: str) -> str:
    """Return a unit with raised powers and dots; of `{{val|u=C}}`, C is the coulomb."""
    text = re.sub(r"(?<=[A-Za-z])([-−]?[0-9]+)(?![0-9A-Za-z])", lambda m: raised(m[1]), text)
    return re.sub(r"(?<=\w)[.*](?=[A-Za-zμ°])", "⋅", text).replace("⁻⁻", "⁻")


def convert(call: Call) -> str:
    """Return the given values with their unit; conversions to other units are not computed."""
    parts: list[str] = []
    values = call.positional
    seen_number = False
    for place, value in enumerate(values):
        if _NUMBER.fullmatch(value) or not value:
            if seen_number and parts and parts[-1].startswith(" ") and parts[-1] != " ":
                # A value after a unit: `5 ft 10 in` goes on, a precision does not.
                following = values[place + 1] if place + 1 < len(values) else ""
                if parts[-1] not in _RANGES.values():
                    if not following or _NUMBER.fullmatch(following):
                        break
                    parts.append(" ")
            parts.append(value)
            seen_number = True
        elif value.lower() in _RANGES and seen_number:
            parts.append(_RANGES[value.lower()])
        elif seen_number:
            if parts[-1].startswith(" ") and parts[-1] not in _RANGES.values():
                break
            parts.append(f" {unit(value)}")
        else:
            parts.append(value)
            seen_number = True
    return "".join(parts).strip()


def val(call: Call) -> str:
    """Return value, uncertainty, exponent and unit of `{{val}}`."""
    words = [value for value in call.positional if value]
    text = words[0] if words else ""
    rest = words[1:]
    if rest and rest[0].lower() in _RANGES and len(rest) > 1:
        for place, word in enumerate(rest):
            text += _RANGES.get(word.lower(), word) if place % 2 == 0 else word
    elif len(rest) == 1:
        text += rest[0] if rest[0].startswith("(") else f" ± {rest[0]}"
    elif len(rest) > 1:
        text += f" +{rest[0].lstrip('+')} −{rest[1].lstrip('-−')}"
    exponent = call.get("e")
    if exponent:
        text = f"({text})" if rest else text
        text = f"{text} × 10{raised(exponent)}" if text else f"10{raised(exponent)}"
    units = [call.get("u", "ul", "up", "upl"), call.get("u2", "ul2", "up2", "upl2")]
    shown = "/".join(symbol(one.strip()) for one in units if one)
    text = call.get("p", "pre") + text + call.get("s", "suf", "end")
    return f"{text} {shown}".strip() if shown and shown[0] not in "%°′″" else text + shown


def fraction(call: Call) -> str:
    """Return `{{frac}}`: one argument is a denominator, the first of three a whole number."""
    parts = [part for part in call.positional if part]
    match parts:
        case [below]:
            return f"1/{below}"
        case [above, below]:
            return f"{above}/{below}"
        case [whole, above, below, *_]:
            return f"{whole} {above}/{below}"
    return ""


def chemical(call: Call) -> str:
    """Return `{{chem}}`: symbols and counts in turn, a charge last."""
    text = ""
    for place, part in enumerate(call.positional):
        if re.fullmatch(r"[0-9]*[+\-−–]", part) or (
            part and part[-1] in "+-−" and part[:-1].isdigit()
        ):
            text += raised(part)
        elif place and re.fullmatch(r"[0-9.,]+|[nxyzm]", part):
            text += lowered(part)
        else:
            text += part
    return text


def both_scripts(call: Call) -> str:
    """Return `{{su}}`: a superscript and a subscript above each other."""
    above, below = call.get("p") or call.at(1), call.get("b") or call.at(2)
    return lowered(below) + raised(above)


def nuclide(call: Call) -> str:
    """Return `{{simplenuclide}}`: the element with its mass number."""
    element, mass = call.at(1), call.at(2)
    if mass.isdigit():
        return f"{element}-{mass}"
    return element


def isotope(call: Call) -> str:
    """Return `{{physics particle}}` and `{{nuclide}}`-like calls with all four corners."""
    text = call.at(1) or call.get("label", "symbol", "anti")
    before = raised(call.get("TL", "a", "mass")) + lowered(call.get("BL", "z"))
    return before + text + lowered(call.get("BR")) + raised(call.get("TR"))


def _script_before(call: Call) -> str:
    # {{sup|x}}, but also {{sup sub|above|below}}.
    return raised(call.at(1))


VALUES: Mapping[str, Renderer] = {
    **dict.fromkeys(("convert", "cvt"), convert),
    **dict.fromkeys(("val", "value"), val),
    **dict.fromkeys(("frac", "sfrac", "frac2", "fract", "fraction", "tfrac", "dfrac"), fraction),
    **dict.fromkeys(("chem", "chem/link", "simplechem"), chemical),
    "chem2": lambda call: "".join(mhchem(part) for part in call.positional),
    "su": both_scripts,
    **dict.fromkeys(("sup sub", "supsub"), lambda call: raised(call.at(1)) + lowered(call.at(2))),
    **dict.fromkeys(
        ("sub sup", "subsup"), lambda call: call.at(1) + lowered(call.at(2)) + raised(call.at(3))
    ),
    **dict.fromkeys(("sup", "smallsup"), _script_before),
    **dict.fromkeys(("sub", "smallsub"), lambda call: lowered(call.at(1))),
    **dict.fromkeys(("e", "esp", "exp10", "x10^", "×10^"), lambda call: f"×10{raised(call.at(1))}"),
    "10^": lambda call: f"10{raised(call.at(1))}",
    # Thin spaces, as on the page.
    "gaps": lambda call: (
        "\u2009".join(call.positional)
        + (f" × 10{raised(call.get('e'))}" if call.get("e") else "")
        + (f" {symbol(call.get('u'))}" if call.get("u") else "")
    ),
    **dict.fromkeys(("simplenuclide", "simplenuclide2", "simplenuclide link"), nuclide),
    **dict.fromkeys(("nuclide", "physics particle", "subatomic particle", "particle"), isotope),
    **dict.fromkeys(
        ("sqrt", "radic", "radical"),
        lambda call: (raised(call.at(2)) if call.at(2) else "") + f"√({call.at(1)})",
    ),
    **dict.fromkeys(("abs", "mabs"), lambda call: f"|{call.at(1)}|"),
    **dict.fromkeys(("norm",), lambda call: f"‖{call.at(1)}‖"),
    **dict.fromkeys(
        ("angbr", "angle bracket", "langle", "bra-ket"), lambda call: f"⟨{call.at(1)}⟩"
    ),
    **dict.fromkeys(("bra",), lambda call: f"⟨{call.at(1)}|"),
    **dict.fromkeys(("ket",), lambda call: f"|{call.at(1)}⟩"),
    **dict.fromkeys(("pi",), lambda call: "π"),
    **dict.fromkeys(("overline", "overbar", "overset"), lambda call: call.at(1)),
    **dict.fromkeys(
        ("nts", "number table sorting", "ntsc", "formatnum", "num"), lambda call: call.at(1)
    ),
    **dict.fromkeys(
        ("railgauge", "track gauge", "rail gauge"),
        lambda call: re.sub(r"(?<=[0-9])\s*(?=[a-z])", " ", call.at(1)),
    ),
    "log": lambda call: "log" + lowered(call.at(1)),
    **dict.fromkeys(("us$", "usd"), lambda call: f"US${call.at(1)}"),
    **dict.fromkeys(("gbp", "£", "pound sterling"), lambda call: f"£{call.at(1)}"),
    **dict.fromkeys(("€", "euro", "eur"), lambda call: f"€{call.at(1)}"),
    **dict.fromkeys(("inr", "indian rupee"), lambda call: f"₹{call.at(1)}"),
    "currency": lambda call: f"{call.at(1)} {call.at(2) or call.get('type')}".strip(),
    "equationnote": lambda call: f"({call.at(2) or call.at(1)})",
    "equationref": lambda call: f"({call.at(2) or call.at(1)})",
    "numblk": lambda call: f"{call.at(2)} {call.at(3)}",
}
