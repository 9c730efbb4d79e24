"""Parse the fenced blocks of a page.

The language and the comment of a block determine how it is handled:

- every `python` block is run; its output is shown in a `text` block directly after it;
- every `sh` block that starts with `llmexam` is run; its output is not shown;
- every `console` block is run: each `$ llmexam ...`, its output (stdout and stderr) below it;
- a block under `<!-- output of: llmexam ... -->` shows what that command prints;
- a block under `<!-- file: NAME -->` is written to that file instead;
- a block under `<!-- exit: 2 -->` must end with that exit code instead of 0;
- a block under `<!-- not run: REASON -->` is not run; only its options are checked.
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
        language: The language after the opening fence.
        text: The lines between the fences.
        note: The text of the comment.
        start: Offset of the text on the page.
        end: Offset of the end of the closing fence.
    """

    language: str
    text: str
    note: str = ""
    start: int = 0
    end: int = 0

    @property
    def file(self) -> str:
        """The file that the block is written to, or empty."""
        return self._noted("file")

    @property
    def output_of(self) -> str:
        """The command whose output the block is, or empty."""
        return self._noted("output of")

    @property
    def exit_code(self) -> int:
        """The expected exit code of its commands."""
        return int(self._noted("exit") or 0)

    @property
    def is_left_out(self) -> bool:
        """Whether the block is not run."""
        return bool(self._noted("not run"))

    def _noted(self, word: str) -> str:
        return self.note.removeprefix(f"{word}: ") if self.note.startswith(f"{word}: ") else ""

    @property
    def commands(self) -> list[list[str]]:
        """The llmexam commands of a shell block; none if its first command is another program."""
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
        """The commands of a `console` block, with the start and end offset of each output."""
        return [
            (
                shlex.split(found["command"].replace("\\\n", " "), comments=True),
                self.start + found.start("output"),
                # Blank lines before the next command do not belong to the output.
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
    """Return whether a page has blocks to run."""
    return any(
        (block.commands or block.language == "python" or block.output_of) and not block.is_left_out
        for block in blocks_of(page)
    )


def unchecked_blocks(page: Path) -> list[Block]:
    """Return blocks that look like commands or output but are neither run nor compared."""
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
    """Return whether a block directly follows a Python block and shows its output."""
    runs = before.language == "python" and not (before.file or before.is_left_out)
    between = text[before.end : block.start].strip()
    return runs and block.language == "text" and between == "```text"
