"""Formulas and raised or lowered characters as text."""

# Minus signs, dashes and multiplication signs are the subject of this module.
# ruff: noqa: RUF001

from __future__ import annotations

import re

_RAISED = str.maketrans("0123456789+-−–=()nix", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱˣ")
_LOWERED = str.maketrans("0123456789+-−–=()ix", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎ᵢₓ")
_IS_RAISABLE = re.compile(r"[0-9+\-−–=()nix]+")
_IS_LOWERABLE = re.compile(r"[0-9+\-−–=()ix]+")
_ORDINALS = frozenset({"st", "nd", "rd", "th", "o", "a", "er", "e", "re", "ème"})

_SYMBOLS = {
    name: symbol
    for names, symbols in (
        (
            "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda",
            "αβγδεεζηθικλ",
        ),
        ("mu nu xi pi rho sigma tau upsilon phi varphi chi psi omega", "μνξπρστυφφχψω"),
        ("Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega", "ΓΔΘΛΞΠΣΥΦΨΩ"),
        ("times cdot pm mp leq le geq ge neq ne approx equiv sim propto", "×·±∓≤≤≥≥≠≠≈≡∼∝"),
        ("infty partial nabla sum prod int oint in notin subset cup cap", "∞∂∇∑∏∫∮∈∉⊂∪∩"),
        ("to rightarrow leftarrow Rightarrow forall exists hbar ell circ", "→→←⇒∀∃ħℓ∘"),
        ("langle rangle ldots cdots dots wedge vee oplus otimes dagger", "⟨⟩…⋯…∧∨⊕⊗†"),
    )
    for name, symbol in zip(names.split(), symbols, strict=True)
}
_BRACED = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_STYLE = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|limits|left|right|big|Big|bigg|Bigg|,|;|!|:|quad|qquad)"
    r"(?![a-zA-Z])"
)
_FONT = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathsf|mathcal|mathbb|text|textrm|operatorname|boldsymbol|vec|hat|bar)\s*"
    + _BRACED
)
_FRACTION = re.compile(rf"\\[dt]?frac\s*{_BRACED}\s*{_BRACED}")
_ROOT = re.compile(rf"\\sqrt\s*{_BRACED}")
_SCRIPT = re.compile(rf"([_^])\s*(?:{_BRACED}|(\\?[^\s{{}}\\]))")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")


def raised(text: str) -> str:
    """Return a superscript: Unicode characters where all exist, else `^(...)`.

    >>> raised("-19"), raised("th"), raised("ab")
    ('⁻¹⁹', 'th', '^(ab)')
    """
    text = text.strip()
    if not text or text.lower() in _ORDINALS:
        return text
    if _IS_RAISABLE.fullmatch(text):
        return text.translate(_RAISED)
    return f"^{text}" if len(text) == 1 else f"^({text})"


def lowered(text: str) -> str:
    """Return a subscript: Unicode characters where all exist, else `_(...)`.

    >>> lowered("2"), lowered("max")
    ('₂', '_(max)')
    """
    text = text.strip()
    if not text:
        return text
    if _IS_LOWERABLE.fullmatch(text):
        return text.translate(_LOWERED)
    return f"_{text}" if len(text) == 1 else f"_({text})"


def tidy_tex(tex: str) -> str:
    """Return TeX on one line, without layout commands that change no meaning."""
    return " ".join(tex.replace("\\displaystyle", " ").split())


def tex_to_unicode(tex: str) -> str:
    r"""Return TeX as plain characters as far as they exist; other commands stay.

    >>> tex_to_unicode(r"E = \frac{1}{2} m v^2 \leq \hbar\omega_{max}")
    'E = 1/2 m v² ≤ ħω_(max)'
    """
    text = _STYLE.sub(" ", tex)
    before = ""
    # From the inside outwards, as often as something changes.
    while before != text:
        before = text
        text = _FONT.sub(r"\1", text)
        text = _FRACTION.sub(lambda m: f"{_grouped(m[1])}/{_grouped(m[2])}", text)
        text = _ROOT.sub(lambda m: f"√{_grouped(m[1])}", text)
    text = _COMMAND.sub(lambda m: _SYMBOLS.get(m[1], m[0]), text)
    text = _SCRIPT.sub(_script, text)
    return " ".join(text.replace("{", "").replace("}", "").split())


def _script(match: re.Match[str]) -> str:
    content = match[2] if match[2] is not None else match[3]
    return raised(content) if match[1] == "^" else lowered(content)


def _grouped(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"\w+|\\\w+", text) else f"({text})"


def mhchem(text: str) -> str:
    r"""Return a formula of `<chem>`, `<ce>` or `{{chem2}}` with raised charges and lowered counts.

    >>> mhchem("2H2O + SO4^2- -> CO3(2-)")
    '2H₂O + SO₄²⁻ → CO₃²⁻'
    """
    text = text.replace("<=>", "⇌").replace("<->", "↔").replace("->", "→").replace("<-", "←")
    text = re.sub(r"\^\{?([0-9]*[+\-−])\}?", lambda m: raised(m[1]), text)
    text = re.sub(r"\^\{?([0-9]+)\}?", lambda m: raised(m[1]), text)
    text = re.sub(r"_\{?([0-9]+)\}?", lambda m: lowered(m[1]), text)
    text = re.sub(r"\(([0-9]*[+\-−])\)", lambda m: raised(m[1]), text)
    text = re.sub(r"(?<=[A-Za-z)\]])[0-9]+", lambda m: lowered(m[0]), text)
    # A sign directly after a symbol or count, before the end of the formula, is a charge.
    return re.sub(r"(?<=[A-Za-z)\]₀-₉])[+\-−](?=$|[\s,;)])", lambda m: raised(m[0]), text)
