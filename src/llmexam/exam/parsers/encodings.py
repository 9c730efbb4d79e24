"""Recognition of the encoding of a text file."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from llmexam.errors import ExamError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # The mark of UTF-32 starts with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_N_LOOKED_AT = 4096
# Western European texts have few accented letters; in other alphabets most bytes are above 127.
_MOST_HIGH_BYTES = 0.2


@dataclass(frozen=True)
class Decoded:
    """A decoded text.

    Attributes:
        text: The text, without a byte order mark.
        encoding: Python's name of the encoding.
        note: What the user should know about the choice, or empty.
    """

    text: str
    encoding: str
    note: str = ""


def decode(data: bytes, encoding: str | None = None, *, is_strict: bool = False) -> Decoded:
    """Return the text of a file: UTF-8, UTF-16 or UTF-32, else Windows-1252 if it is plausible.

    Args:
        data: The bytes.
        encoding: Name of the encoding, if the user gave it.
        is_strict: Whether only UTF-8 is right.

    Raises:
        ExamError: The bytes are no text in the encoding, or no encoding is plausible.
    """
    if encoding is not None:
        return _decode_as(data, encoding)
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    marked = marked or _utf16_without_mark(data)
    if marked is not None:
        if is_strict and not marked.startswith("utf-8"):
            name = marked[:6].upper()
            raise ExamError(f"expected UTF-8, got {name}", hint="Save it as UTF-8")
        decoded = _decode_as(data, marked)
        is_told = not marked.startswith("utf-8")
        return Decoded(decoded.text, marked, f"read as {marked.upper()}" if is_told else "")
    zero = data.find(b"\0")
    if zero >= 0:
        raise ExamError(
            f"expected a text file, got a NUL byte at byte offset {zero} "
            f"(line {_line_of(data, zero)})",
            hint="Remove the byte, or give a text file",
        )
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        what = (
            f"byte 0x{data[error.start]:02x} at byte offset {error.start} "
            f"(line {_line_of(data, error.start)})"
        )
    text = None if is_strict else _as_windows_1252(data)
    if text is None:
        raise ExamError(
            f"expected UTF-8, got {what}",
            hint="Save it as UTF-8"
            if is_strict
            else "Save it as UTF-8, or give its encoding, such as --encoding gb18030",
        )
    return Decoded(text, "cp1252", f"read as Windows-1252, because it is not UTF-8: {what}")


def _decode_as(data: bytes, encoding: str) -> Decoded:
    try:
        text = data.decode(encoding)
    except LookupError:
        raise ExamError(
            f"unknown encoding '{encoding}'",
            field="encoding",
            hint="Give a name that Python knows, such as utf-8, cp1252, gb18030 or shift_jis",
        ) from None
    except (UnicodeError, ValueError) as error:
        raise ExamError(
            f"expected text in {encoding}, got other bytes: {error}",
            hint="Save it as UTF-8, or give its encoding with --encoding",
        ) from None
    if not isinstance(text, str):
        raise ExamError(f"'{encoding}' is no encoding of text", field="encoding")
    return Decoded(text.removeprefix("\ufeff"), encoding)


def _utf16_without_mark(data: bytes) -> str | None:
    """Return the byte order of mostly Latin text in UTF-16: every second byte is zero."""
    start = data[:_N_LOOKED_AT]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > len(start) * 0.3 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(start) * 0.3 and not odd else None


def _as_windows_1252(data: bytes) -> str | None:
    """Return the text in Windows-1252, or None if another encoding or damage is likelier."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    high = sum(not c.isascii() for c in text)
    if high > _MOST_HIGH_BYTES * len(text):
        return None
    # UTF-8 with a few damaged bytes has many intact sequences.
    repaired = data.decode("utf-8", errors="replace")
    damaged = repaired.count("\ufffd")
    intact = sum(not c.isascii() for c in repaired) - damaged
    return None if intact >= damaged else text


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1
