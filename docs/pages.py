"""Run the code blocks of the documentation, and update the outputs on its pages.

    python docs/pages.py [--check] [PAGE ...]

The blocks of a page run in order, in one empty folder, and share their files and Python names.
`page_blocks.py` describes the kinds of blocks.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import shlex
import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from page_blocks import Block, blocks_of, is_output_of, is_runnable
from page_outputs import difference, update

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [
        *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "recipes/README.md")),
        *(REPOSITORY / "docs").rglob("*.md"),
    ]
)
_WIDTH = "100"


@dataclass(frozen=True)
class Output:
    """The output that a page shows for a command or a Python block, and the actual output.

    Args:
        source: The command, or the page and number of the Python block.
        start: Offset of the output on the page.
        end: Offset of its end.
        shown: The output on the page.
        printed: What was printed.
        is_missing: The page has no block for this output yet.
    """

    source: str
    start: int
    end: int
    shown: str
    printed: str
    is_missing: bool = False


class PageError(Exception):
    """A block of a page failed."""


def name_of(page: Path) -> str:
    """Return the path of a page within the repository."""
    return page.relative_to(REPOSITORY).as_posix() if page.is_relative_to(REPOSITORY) else page.name


@dataclass
class _Printed:
    """Captures stdout and stderr in the order of printing."""

    parts: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def capture(self) -> Iterator[None]:
        out, err = _Stream("stdout", self.parts), _Stream("stderr", self.parts)
        with redirect_stdout(out), redirect_stderr(err):
            yield

    def take(self, folder: Path) -> str:
        """Return what was printed since the last call, as a terminal would show it."""
        # A terminal shows a progress bar instead of these lines, and removes it at the end.
        texts = [
            text if stream == "stdout" else re.sub(r"^- .*\n", "", text, flags=re.MULTILINE)
            for stream, text in self.parts
        ]
        self.parts.clear()
        text = "".join(texts).replace(f"{folder}{os.sep}", "")
        return "".join(f"{line.rstrip()}\n" for line in text.splitlines()).strip("\n")


class _Stream(io.StringIO):
    def __init__(self, name: str, parts: list[tuple[str, str]]) -> None:
        super().__init__()
        self._name, self._parts = name, parts

    def write(self, text: str, /) -> int:
        # This raises an error on bytes, which is how click detects a text stream.
        length = super().write(text)
        self._parts.append((self._name, text))
        return length


def run_page(page: Path, folder: Path) -> list[Output]:
    """Run the blocks of a page in an empty folder.

    Args:
        page: A page of the documentation.
        folder: An empty folder to work in.

    Returns:
        The outputs that the page shows, with the actual outputs.

    Raises:
        PageError: A block did not end with the exit code that the page states.
    """
    folder, text, blocks = folder.resolve(), page.read_text(encoding="utf-8"), blocks_of(page)
    names: dict[str, object] = {"__name__": "__page__"}
    outputs: list[Output] = []
    with _working_in(folder), (printed := _Printed()).capture():
        for place, block in enumerate(blocks):
            following = blocks[place + 1] if place + 1 < len(blocks) else None
            if block.is_left_out:
                continue
            if block.file:
                _write_file(folder, block.file, block.text)
            elif block.language == "python":
                source = f"{name_of(page)}, block {place + 1}"
                exec(compile(block.text, source, "exec"), names)
                said = printed.take(folder)
                if following and is_output_of(text, block, following):
                    shown, end = following.text, following.start + len(following.text)
                    outputs.append(Output(source, following.start, end, shown, said))
                elif said:
                    outputs.append(Output(source, block.end, block.end, "", said, True))
            elif block.output_of:
                _run(shlex.split(block.output_of), block, printed, folder)
                start, end = block.start, block.start + len(block.text)
                said = printed.take(folder)
                outputs.append(Output(block.output_of, start, end, block.text, said))
            elif block.language == "console":
                for words, start, end in block.shown:
                    _run(words, block, printed, folder)
                    said = printed.take(folder)
                    outputs.append(Output(shlex.join(words), start, end, text[start:end], said))
            else:
                for words in block.commands:
                    _run(words, block, printed, folder)
                printed.take(folder)
    return outputs


def _run(words: list[str], block: Block, printed: _Printed, folder: Path) -> None:
    from llmexam.__main__ import main

    before, sys.argv = sys.argv, words
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    finally:
        sys.argv = before
    if code != block.exit_code:
        raise PageError(f"{shlex.join(words)} ended with {code}: {printed.take(folder)}")


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """Change to a folder, make its modules importable, and set the terminal width of the pages."""
    modules, variables = set(sys.modules), dict(os.environ)
    os.environ.update(COLUMNS=_WIDTH, HF_HUB_OFFLINE="1")
    sys.path.insert(0, str(folder))
    try:
        with chdir(folder):
            yield
    finally:
        sys.path.remove(str(folder))
        os.environ.clear()
        os.environ.update(variables)
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder):
                del sys.modules[name]


def _write_file(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if path.name == "pyproject.toml":
        _install(folder, tomllib.loads(text)["project"])
    importlib.invalidate_caches()


def _install(folder: Path, project: dict[str, object]) -> None:
    """Write the metadata of an editable install into the folder, which is on `sys.path`."""
    info = folder / f"{str(project['name']).replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project.get("entry-points", {})
    assert isinstance(groups, dict)
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def stale_outputs(outputs: list[Output]) -> dict[str, str]:
    """Return the first difference of each output that differs from the page."""
    found = {}
    for output in outputs:
        if problem := difference(output.shown, output.printed):
            found[output.source] = problem
    return found


def rewrite(text: str, outputs: list[Output]) -> str:
    """Return the text of a page with stale outputs replaced by the actual outputs."""
    for output in sorted(outputs, key=lambda output: output.start, reverse=True):
        if not difference(output.shown, output.printed):
            continue
        new = update(output.shown, output.printed).rstrip("\n")
        if output.is_missing:
            new = f"\n\n```text\n{new}\n```"
        elif output.shown.endswith("\n") or (new and not output.shown):
            new += "\n"
        text = text[: output.start] + new + text[output.end :]
    return text


def main() -> None:
    """Update the outputs on the pages, or compare them with `--check`."""
    parser = argparse.ArgumentParser(description="Run the pages and update their outputs.")
    parser.add_argument("pages", nargs="*", type=Path, help="pages to run; by default all")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if an output differs"
    )
    arguments = parser.parse_args()
    # Pages show what llmexam prints, not the warnings of other libraries.
    warnings.simplefilter("ignore")
    is_stale = False
    for page in [path.resolve() for path in arguments.pages] or PAGES:
        if not is_runnable(page):
            continue
        start, busy = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            outputs = run_page(page, Path(folder))
        took = (
            f"{time.perf_counter() - start:.1f} s, {time.process_time() - busy:.1f} s of processor"
        )
        print(f"{name_of(page)}: {took}", flush=True)
        for source, problem in stale_outputs(outputs).items():
            is_stale = True
            print(f"  {source}: {problem}")
        if not arguments.check:
            text = page.read_text(encoding="utf-8")
            if (new := rewrite(text, outputs)) != text:
                page.write_text(new, encoding="utf-8")
    if is_stale and arguments.check:
        sys.exit("outputs on pages are out of date: run `make docs`")


if __name__ == "__main__":
    main()
