"""Find quantities in sentences, and other numbers of the same form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmexam.authoring.generators.assembly import stable_random

_UNITS = (
    r"(?:(?:square|cubic) )?(?:kilometers?|meters?|centimeters?|millimeters?|micrometers?|"
    r"nanometers?|km|cm|mm|μm|nm|pm|miles?|feet|inches|light-years?|parsecs?|megaparsecs?|"
    r"kilograms?|grams?|milligrams?|kg|mg|pounds?|seconds?|minutes?|hours?|days?|"
    r"weeks?|months?|years?|kelvins?|K|degrees Celsius|degrees Fahrenheit|degrees C|°C|°F|"
    r"degrees|joules?|kilojoules?|kJ|eV|MeV|GeV|keV|electron volts|calories|watts?|kilowatts?|"
    r"megawatts?|volts?|amperes?|amps|ohms?|teslas?|hertz|Hz|kHz|MHz|GHz|newtons?|pascals?|"
    r"atmospheres?|atm|mmHg|liters?|milliliters?|mL|moles?|percent|%|times|base pairs|bp|"
    r"amino acids|nucleotides|chromosomes|genes|species|moons|satellites|protons|neutrons|"
    r"electrons|valence electrons|atoms|carbon atoms|orbitals|bonds|ions|molecules|codons|"
    r"centuries|decades|revolutions|elements)"
)
_QUANTITY = re.compile(
    r"(?<![\w.,-])(?P<number>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"
    rf"(?P<scale> (?:thousand|million|billion|"
    rf"trillion))? ?(?P<unit>{_UNITS})(?![\w/-]| (?:per|of arc))"
)
_ANY_NUMBER = re.compile(r"(?<![\w.-])\d[\d,.]*")
_RANGE = re.compile(
    r"\b(?:between|from)\b[^.]*\d.*\b(?:and|to)\b|\d (?:to|or|and) \d|\d[-–]\d|more than|less than|"  # noqa: RUF001
    r"[Aa]t least|[Ss]everal|[Uu]p to|at most|[Oo]ver \d|fewer than|within|(?:and|"
    r"or) (?:larger|smaller|older|more|less|higher|lower)|than \d|~|, or \d|"
    r"or greater|or more|or less|greater than|older than"
)
_MOST_NUMBERS = 3
_LABEL = re.compile(
    r"\b(?:group|groups|type|stage|class|level|period|number|version|vitamin|"
    r"phase|grade|Apollo)s? $",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit in a text.

    Attributes:
        start: Where it starts.
        end: Where it ends.
        number: The digits as written.
        rest: Scale and unit as written, with the space before them.
    """

    start: int
    end: int
    number: str
    rest: str

    @property
    def value(self) -> float:
        """The number without its scale."""
        return float(self.number.replace(",", ""))


def find_quantity(text: str) -> Quantity | None:
    """Return the last quantity of a sentence, or None.

    A sentence with several quantities of one unit, more than three numbers, or a range is left out.
    """
    if len(_ANY_NUMBER.findall(text)) > _MOST_NUMBERS or _RANGE.search(text):
        return None
    found = list(_QUANTITY.finditer(text))
    if not found or len({one["unit"].removesuffix("s") for one in found}) < len(found):
        return None
    match = found[-1]
    if _LABEL.search(text[: match.start()]):
        return None
    rest = text[match.end("number") : match.end()]
    return Quantity(match.start(), match.end(), match["number"], rest)


def other_numbers(quantity: Quantity, n_wanted: int, seed: int, text: str) -> list[str] | None:
    """Return other numbers in the format of a quantity, of a plausible magnitude.

    They are the number times factors between 1/4 and 4, rounded to its significant digits. How
    many of them are smaller is drawn evenly, so the rank of the answer tells nothing.

    Args:
        quantity: The right number.
        n_wanted: Number of wrong numbers.
        seed: Random seed.
        text: The passage; numbers that it contains are left out.
    """
    value = quantity.value
    if value <= 0 or value == 1:
        return None
    random_source = stable_random(seed, "numbers", text, quantity.number)
    n_smaller = random_source.randint(0, n_wanted)
    taken = {quantity.number, *(one.rstrip(".,") for one in _ANY_NUMBER.findall(text))}
    limit = 100.0 if quantity.rest.strip() in ("percent", "%") else float("inf")
    smaller = _series(
        quantity, [0.75, 0.5, 0.6, 0.35, 0.25, 0.85, 0.4, 0.15, 0.1, 0.2], taken, 0, limit
    )
    larger = _series(quantity, [1.4, 2.0, 1.7, 3.0, 4.0, 1.2, 2.5, 5.0, 7.0, 10.0], taken, 0, limit)
    n_smaller = min(max(n_smaller, n_wanted - len(larger)), len(smaller))
    chosen = smaller[:n_smaller] + larger[: n_wanted - n_smaller]
    return chosen if len(chosen) == n_wanted else None


def _series(
    quantity: Quantity, factors: list[float], taken: set[str], low: float, limit: float
) -> list[str]:
    found: list[str] = []
    digits = quantity.number.replace(",", "")
    decimals = len(digits.partition(".")[2])
    plain = digits.replace(".", "").lstrip("0")
    significant = max(len(plain.rstrip("0") if decimals == 0 else plain), 1)
    for factor in factors:
        value = quantity.value * factor
        if decimals:
            text = f"{value:.{decimals}f}"
        else:
            rounded = float(f"{value:.{significant}g}")
            text = str(int(rounded)) if rounded == int(rounded) else str(round(rounded))
        number = float(text)
        if not low < number <= limit or number == quantity.value:
            continue
        if "," in quantity.number and number >= 1000:
            text = f"{int(number):,}"
        is_one = quantity.rest.strip().endswith("s") and number == 1
        if text in taken or text in found or is_one:
            continue
        found.append(text)
    return found
