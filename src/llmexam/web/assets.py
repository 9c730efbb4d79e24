"""Style sheets and scripts of the pages."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_PALETTE = "palette.css"
_REPORT = "report.css"
_ROOT = re.compile(r"^\s*:root \{(.*?)^\s*\}", re.DOTALL | re.MULTILINE)


@cache
def asset_names() -> tuple[str, ...]:
    """Return the names of all style sheets and scripts."""
    own = [one.name for one in files("llmexam.web").joinpath("static").iterdir()]
    return tuple(
        sorted([_PALETTE, _REPORT, *(name for name in own if name.endswith(tuple(_TYPES)))])
    )


@cache
def asset(name: str) -> str:
    """Return the text of a style sheet or script.

    Raises:
        KeyError: There is none of this name.
    """
    if name not in asset_names():
        raise KeyError(name)
    if name == _PALETTE:
        return _palette()
    package, folder = ("report", "templates") if name == _REPORT else ("web", "static")
    return files(f"llmexam.{package}").joinpath(folder, name).read_text(encoding="utf-8")


def media_type(name: str) -> str:
    """Return the media type of a style sheet or script."""
    return _TYPES[name[name.rfind(".") :]]


def _palette() -> str:
    """Return the colours of the report once more, for the switch between light and dark."""
    light, dark = _ROOT.findall(asset(_REPORT))[:2]
    light = light.replace("color-scheme: light dark;", "")
    return (
        f':root[data-theme="light"] {{ color-scheme: light; {light}}}\n'
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark}}}\n'
    )
