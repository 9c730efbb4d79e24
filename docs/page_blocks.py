"""The fenced blocks of a page, and what becomes of each.

- every `python` block is run; what it prints is shown in a `text` block right behind it;
- every `sh` block that begins with `llmexam` is run; its output is not shown;
- every `console` block is run: each `$ llmexam ...`, its output (stdout and stderr) below it;
- a block under `<!-- output of: llmexam ... -->` shows what that command prints;
- a block under `<!-- file: NAME -->` becomes that file instead;
- a block under `<!-- exit: 2 -->` must end with that exit code instead of 0;
- a block under `<!-- not run: REASON -->` is left out; its options are checked only.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*?) -->\n+)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block and the comment above it.

    Args:
        language: What stands behind the opening fence.
        text: The lines between the fences.
        note: The comment, without its signs.
        start: Where the text begins on the page.
        end: Where the closing fence ends.
    """

    language: str
    text: str
    note: str = ""
    start: int = 0
    end: int = 0

    @property
    def file(self) -> str:
        """The file that the block becomes, or empty."""
        return self._noted("file")

    @property
    def output_of(self) -> str:
        """The command whose output the block is, or empty."""
        return self._noted("output of")

    @property
    def exit_code(self) -> int:
        """The exit code that its commands must end with."""
        return int(self._noted("exit") or 0)

    @property
    def is_left_out(self) -> bool:
        """Whether the block is not run."""
        return bool(self._noted("not run"))

    def _noted(self, word: str) -> str:
        return self.note.removeprefix(f"{word}: ") if self.note.startswith(f"{word}: ") else ""

    @property
    def commands(self) -> list[list[str]]:
        """The llmexam commands in a block for a shell; none if it begins with another one."""
        if self.language == "console":
            return [words for words, _, _ in self.shown]
        if self.language != "sh":
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
        if not lines or not lines[0].startswith("llmexam "):
            return []
        return [shlex.split(line, comments=True) for line in lines]

    @property
    def shown(self) -> list[tuple[list[str], int, int]]:
        """The commands of a `console` block, and where the output of each stands on the page."""
        return [
            (
                shlex.split(found["command"].replace("\\\n", " "), comments=True),
                self.start + found.start("output"),
                # Blank lines before the next command are no output.
                self.start + found.start("output") + len(found["output"].rstrip("\n")),
            )
            for found in _COMMAND.finditer(self.text)
        ]


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(m["language"], m["text"], m["note"] or "", m.start("text"), m.end())
        for m in _BLOCK.finditer(text)
    ]


def is_runnable(page: Path) -> bool:
    """Return whether a page has a block to run."""
    return any(
        (block.commands or block.language == "python" or block.output_of) and not block.is_left_out
        for block in blocks_of(page)
    )


def unchecked_blocks(page: Path) -> list[Block]:
    """Return the blocks that look like commands or output, but are neither run nor compared."""
    text = page.read_text(encoding="utf-8")
    if "Written by docs/generate.py" in text:
        return []
    blocks, found = blocks_of(page), []
    for place, block in enumerate(blocks):
        if block.language not in ("", "text", "sh", "console") or block.note or block.commands:
            continue
        if not (place and is_output_of(text, blocks[place - 1], block)):
            found.append(block)
    return found


def is_output_of(text: str, before: Block, block: Block) -> bool:
    """Return whether a block stands right behind a Python block and shows what it printed."""
    runs = before.language == "python" and not (before.file or before.is_left_out)
    between = text[before.end : block.start].strip()
    return runs and block.language == "text" and between == "```text"
