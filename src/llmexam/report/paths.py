"""Relative paths for pages, which are shared and must not show the user's folders."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePosixPath, PureWindowsPath

# An absolute path of two names or more inside a text; the last name is kept. What follows a
# letter, a dot, a slash or a colon is part of a word, of a relative path or of an address.
_INSIDE = re.compile(
    r"""(?<![\w.:/\\~-])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\'"<>,;()\[\]{}]+)+[/\\]"""
    r"""(?=[^\s/\\'"<>,;()\[\]{}])"""
)


def without_folders(text: str, folder: str = "") -> str:
    """Return a text whose absolute paths are relative to the run folder, or only file names.

    >>> without_folders("/tmp/run/index/sparse", "/tmp/run"), without_folders("/home/me/exam.csv")
    ('index/sparse', 'exam.csv')
    >>> without_folders("index /home/me/my notes/dense"), without_folders("see https://a.org/b/c")
    ('index dense', 'see https://a.org/b/c')
    >>> without_folders("/home/me/my exam.csv row 3: not found. Give /home/me/other.csv")
    'my exam.csv row 3: not found. Give other.csv'
    """
    if folder:
        for form in {folder, str(Path(folder).absolute())}:
            for separator in "/\\":
                text = text.replace(form.rstrip("/\\") + separator, "")
    start, colon, rest = text.partition(": ")
    if colon and (name := _name(start)):
        # The error about a file begins with it, and may name others.
        return f"{name}{colon}{_INSIDE.sub('', rest)}"
    kind, space, rest = text.partition(" ")
    if name := _name(text):
        return name
    if name := _name(rest):
        return f"{kind}{space}{name}"
    return _INSIDE.sub("", text)


def command_without_folders(command: str, folder: str = "") -> str:
    """Return a command line whose absolute paths are relative to the run folder, or file names.

    >>> command_without_folders("llmexam run '/home/me/my plan.yaml' --out=/tmp/run")
    "llmexam run 'my plan.yaml' --out=run"
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return without_folders(command, folder)
    if all(without_folders(word) == word for word in words):
        return command
    shown = []
    for word in words:
        option, equals, value = word.rpartition("=")
        shown.append(option + equals + without_folders(value, folder))
    return shlex.join(shown)


def _name(text: str) -> str:
    """Return the file name if the whole text is an absolute path, else nothing."""
    if "\n" in text:
        return ""
    if PurePosixPath(text).is_absolute():
        return PurePosixPath(text).name
    return PureWindowsPath(text).name if PureWindowsPath(text).is_absolute() else ""
