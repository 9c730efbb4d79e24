"""The one place through which all output goes: control characters are escaped.

Ids, texts and file names come from files of others, and may hold commands to the terminal.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO, cast

# A carriage return inside a line would let an id overwrite what stands before it.
_RETURN = re.compile(r"\r(?!\n)")
# Colours, which rich writes in help texts where a terminal shows them.
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_CONTROLS = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
    if chr(code) not in "\n\t\r"
}
_FORCE_COLOUR = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")


class EscapingStream:
    r"""A text stream that writes control characters as `\u001b`, which is also valid in JSON.

    Args:
        stream: Where it writes.
        has_bars: Whether a text may begin with a carriage return, as those of progress bars do.
    """

    def __init__(self, stream: TextIO, *, has_bars: bool = False) -> None:
        self._stream = stream
        self._has_bars = has_bars
        self._has_colours = any(os.environ.get(name) for name in _FORCE_COLOUR) or stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def unescaped(self) -> TextIO:
        """The stream itself."""
        return self._stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        start = "\r" if self._has_bars and text.startswith("\r") else ""
        rest = _RETURN.sub(r"\\u000d", text[len(start) :])
        parts = _COLOUR.split(rest) if self._has_colours else [rest]
        # Every second part is a colour.
        shown = [part if n % 2 else part.translate(_CONTROLS) for n, part in enumerate(parts)]
        self._stream.write(start + "".join(shown))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)


def escape_output() -> None:
    """Let standard output and standard error escape control characters from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, EscapingStream):
            setattr(sys, name, EscapingStream(stream, has_bars=name == "stderr"))


def unescaped(stream: TextIO) -> TextIO:
    """Return the stream under an escaping one, for output that is escaped already."""
    return stream.unescaped if isinstance(stream, EscapingStream) else stream


def write_exactly(text: str) -> None:
    """Write data to standard output; characters are escaped on a terminal only."""
    stream = sys.stdout if sys.stdout.isatty() else unescaped(cast(TextIO, sys.stdout))
    stream.write(text)
    stream.flush()
