"""Arguments of a template call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Characters of the private use area stand for markup that must survive the expansion.
PIPE = "\ue002"
EQUALS = "\ue003"
_LINK = re.compile(r"\[\[[^\[\]]*\]\]")


@dataclass(frozen=True, slots=True)
class Call:
    """A template call with its arguments; inner templates are already expanded.

    Attributes:
        name: Name in lower case, with spaces for underscores.
        positional: Values without names, stripped.
        named: Values with names, stripped, in their order; a numbered name is positional.
    """

    name: str
    positional: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)

    def at(self, place: int) -> str:
        """Return a positional value, counted from 1, or an empty text."""
        return self.positional[place - 1] if 0 < place <= len(self.positional) else ""

    def get(self, *names: str) -> str:
        """Return the first of several named values that is not empty."""
        return next((self.named[n] for n in names if self.named.get(n)), "")


def parse_call(content: str) -> Call:
    """Return the call in the text between `{{` and `}}`.

    >>> parse_call("Val|1.5|e=3|u=[[metre|m]]").named["e"]
    '3'
    """
    if "[[" in content:
        content = _LINK.sub(lambda m: m[0].replace("|", PIPE), content)
    name, *parts = content.split("|")
    call = Call(normal_name(name))
    numbered: dict[int, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        key = key.strip()
        if not equals or "<" in key or "[" in key:
            call.positional.append(part.strip())
        elif key.isascii() and key.isdigit() and 0 < int(key) <= 99:
            numbered[int(key)] = value.strip()
        else:
            call.named[key] = value.strip()
    for number, value in sorted(numbered.items()):
        while len(call.positional) < number:
            call.positional.append("")
        call.positional[number - 1] = value
    return call


def normal_name(name: str) -> str:
    """Return a template's name in the form of the registries: lower case, single spaces."""
    name = " ".join(name.replace("_", " ").split()).lower()
    return name.removeprefix("template:").lstrip()
